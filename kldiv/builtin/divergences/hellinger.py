r"""Distances between square roots of densities: Hellinger, its square, and Bhattacharyya.

All are functions of the affinity :math:`A = \int \sqrt{p\,q}\,dx`, which is 1 where the two are
equal and 0 where they share no mass.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.builtin.divergences.renyi import PowerIntegrals, Renyi
from kldiv.builtin.forms import difference
from kldiv.definitions.divergence import FDivergence, IntegralDivergence, OfAdditive

__all__ = ["Bhattacharyya", "Hellinger", "SquaredHellinger"]


class SquaredHellinger(FDivergence):
    r"""Squared Hellinger distance: one less the overlap of square roots of densities, at most 1.

    .. math:: H^2(p, q) = \tfrac12 \int (\sqrt p - \sqrt q)^2 \,dx = 1 - \int \sqrt{p\,q} \,dx

    It is symmetric, between 0, at p = q only, and 1, where p and q share no mass. It is a quarter
    of the alpha divergence of order one half, at most the total variation distance and at least
    half of its square. For measures it is the first of the two integrals.

    Fitting with it is as efficient as maximum likelihood where the model is right, and robust
    where it is not.

    References:
        Minimum Hellinger Distance Estimates for Parametric Models (Beran, 1977),
        doi:10.1214/aos/1176343842.
    """

    unit = ""
    symmetric = True
    upper_bound = 1.0
    at_zero = 0.5
    slope_at_infinity = 0.5

    def of_additive(self) -> OfAdditive:
        r""":math:`H^2 = 1 - e^{-D_{1/2} / 2}` of Rényi's divergence."""
        return OfAdditive(Renyi(0.5), lambda renyi: -(-renyi / 2).expm1())

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (\sqrt u - 1)^2 / 2`."""
        return (log_u / 2).expm1().square() / 2

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(\sqrt p - \sqrt q)^2 / 2`."""
        return difference(log_p / 2, log_q / 2).square() / 2


class Hellinger(IntegralDivergence):
    r"""Hellinger distance: the distance between square roots of densities, at most 1.

    .. math:: H(p, q) = \sqrt{\tfrac12 \int (\sqrt p - \sqrt q)^2 \,dx}

    It is a symmetric metric between 0 and 1, and 1 where p and q share no mass. At p = q, where
    the square root has no derivative, its gradient is taken to be 0; to fit with it, fit with its
    square.

    References:
        On Divergences and Informations in Statistics and Information Theory (Liese and Vajda,
        2006), doi:10.1109/TIT.2006.881731.
    """

    unit = ""
    symmetric = True
    metric = True
    monotone = True
    invariant = True
    upper_bound = 1.0

    def of_additive(self) -> OfAdditive:
        """The square root of the squared distance."""
        square = _SQUARE.of_additive()
        return OfAdditive(square.divergence, lambda renyi: self.combine(square.function(renyi)))

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`(\sqrt p - \sqrt q)^2 / 2`."""
        return _SQUARE.integrands(log_p, log_q)

    def combine(self, *integrals: Tensor) -> Tensor:
        """The square root."""
        (square,) = integrals
        positive = square > 0
        return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0 * square)


class Bhattacharyya(IntegralDivergence):
    r"""Bhattacharyya distance: minus the logarithm of the overlap of square roots, in nats.

    .. math:: -\log \int \sqrt{p\,q} \,dx

    It is symmetric, between 0, at p = q only, and infinity, infinite only where p and q share no
    mass, additive over independent parts, and half of Rényi's divergence of order one half. It is
    no metric.

    References:
        On a Measure of Divergence between Two Statistical Populations Defined by their
        Probability Distributions (Bhattacharyya, 1943).
    """

    symmetric = True
    additive = True
    invariant = True
    monotone = True
    jointly_convex = True
    log_mass_slopes = (-0.5, -0.5)
    logarithms = ((-1.0, 0.5, 0.5),)

    def of_additive(self) -> OfAdditive:
        """Half of Rényi's divergence of order one half."""
        return OfAdditive(Renyi(0.5), lambda renyi: renyi / 2)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`(\sqrt p - \sqrt q)^2` and :math:`\sqrt{p\,q}`."""
        return _HALF.integrands(log_p, log_q)

    def combine(self, *integrals: Tensor) -> Tensor:
        """Minus the logarithm of the affinity."""
        remainder, power = integrals
        return -_HALF.log_integral(remainder, power)

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        """The same of measures of any mass."""
        remainder, power = integrals
        return -_HALF.log_integral(remainder, power, (mass_p + mass_q) / 2 - 1)


_SQUARE = SquaredHellinger()
_HALF = PowerIntegrals(0.5)
