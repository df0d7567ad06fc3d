r"""Divergences of the power integral: Rényi's and Tsallis's.

Both are functions of :math:`I_\alpha = \int p^\alpha q^{1 - \alpha}\,dx`. Where p and q are close
it is so near 1 that its logarithm has no digits; then the non-negative integral

.. math:: H = \int \frac{p^\alpha q^{1 - \alpha} - \alpha p - (1 - \alpha) q}{\alpha - 1}\,dx,
    \qquad I_\alpha = 1 + (\alpha - 1) H,

is used. Where they are far apart :math:`I_\alpha` is so near 0 that H has no digits of it; then
it is used itself. So both integrals are taken. Where :math:`I_\alpha` is beyond all floating-point
numbers, its logarithm is taken. At infinite order there is no
integral: the divergence is a supremum, and a class of its own.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor

from kldiv.builtin.checks import check_number
from kldiv.builtin.forms import power_of_renyi, power_remainder
from kldiv.definitions.divergence import FDivergence, IntegralDivergence, OfAdditive
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.numerics import weighted_density

__all__ = ["PowerIntegrals", "Renyi", "RenyiAtInfinity", "Tsallis"]


@dataclass(frozen=True)
class PowerIntegrals:
    r"""The integrands of H and of the power integral of one order, and its logarithm.

    Arguments:
        alpha: The order, not negative.
    """

    alpha: float

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
        r"""The integrands of H and of the power integral, each with shape :math:`(*)`."""
        return self.remainder(log_p, log_q), self.power(log_p, log_q)

    def remainder(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """The integrand of H, with the edges of both supports."""
        alpha = self.alpha
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        both = ~(no_p | no_q)
        safe_p, safe_q = torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0)
        inside = alpha * power_remainder(safe_p, safe_q, alpha) if alpha > 0 else 0.0 * safe_p
        slope = alpha / (1 - alpha) if alpha < 1 else math.inf
        only_p = weighted_density(log_p, slope, no_q)
        return torch.where(both, inside, only_p + weighted_density(log_q, 1.0, no_p))

    def power(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """The integrand of the power integral, with the edges of both supports."""
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        both = ~(no_p | no_q)
        safe_p, safe_q = torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0)
        exponent = safe_q + self.alpha * (safe_p - safe_q)
        inside = torch.where(exponent > 709, torch.inf, exponent.clamp_max(709).exp())
        outside = weighted_density(log_p, math.inf if self.alpha > 1 else 0.0, no_q)
        return torch.where(both, inside, outside)

    def log_integral(
        self, remainder: Tensor, power: Tensor, excess: Tensor | float = 0.0
    ) -> Tensor:
        r"""The logarithm of the power integral, with shape :math:`(*)`.

        Arguments:
            remainder: The integral H, with shape :math:`(*)`.
            power: The power integral, with shape :math:`(*)`.
            excess: How much :math:`\alpha \int p + (1 - \alpha) \int q` is above 1.
        """
        change = (self.alpha - 1) * remainder + excess
        near = (change.abs() < 0.5) & power.isfinite()
        far = ~near & (power > 0) & power.isfinite()
        close = torch.where(near, change, 0.0).log1p()
        logarithm = torch.where(far, power, 1.0).log()
        end = torch.where(power > 0, torch.inf, -torch.inf)
        return torch.where(near, close, torch.where(far, logarithm, end))


@dataclass(frozen=True)
class Renyi(IntegralDivergence):
    r"""Rényi's divergence of an order: between covering and seeking the modes of p, in nats.

    .. math:: D_\alpha(p \parallel q)
        = \frac{1}{\alpha - 1} \log \int p^\alpha q^{1 - \alpha} \,dx

    It is between 0 and infinity, 0 only at p = q for positive orders, additive over independent
    parts, and does not decrease with the order. At 1 it is the Kullback-Leibler divergence, its
    limit there; at 0 it is :math:`-\log Q(p > 0)`, which is 0 for many :math:`p \neq q`; at one
    half it is symmetric and twice the Bhattacharyya distance; at 2 it is :math:`\log(1 + \chi^2)`;
    at infinity it is the logarithm of the largest ratio of the densities,
    :math:`\operatorname{ess\,sup} \log (p / q)`. From order 1 on it is infinite where p has mass
    that q has not and where the tails of q are too light; below, only where they share no mass.

    Orders above 1 make a fitted q cover p, those near 0 let it leave parts of p out. For a
    measure p of mass P the integral is divided by P, as Rényi does: so the limit at 1 holds.

    Arguments:
        alpha: The order, not negative; ``inf`` makes a `RenyiAtInfinity`.

    Raises:
        InvalidArgument: If the order is negative or NaN.

    References:
        On Measures of Entropy and Information (Rényi, 1961).
        Rényi Divergence and Kullback-Leibler Divergence (van Erven and Harremoës, 2014),
        arXiv:1206.2459.
    """

    alpha: float

    additive = True
    invariant = True
    monotone = True
    limits: ClassVar = {"alpha": (0.0, 1.0, math.inf)}
    log_mass_slopes = (1.0, -1.0)

    def __new__(cls, alpha: float) -> Renyi | RenyiAtInfinity:  # type: ignore[misc]
        """A divergence of the order, which at infinity is no integral."""
        order = check_number("alpha", alpha, low=0, infinite=True)
        return RenyiAtInfinity() if order == math.inf else super().__new__(cls)

    def __getnewargs__(self) -> tuple[float]:
        return (self.alpha,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", float(self.alpha))

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At one half it is symmetric."""
        return self.alpha == 0.5

    @property
    def jointly_convex(self) -> bool:  # type: ignore[override]
        """Up to order 1 it is convex in the pair of p and q."""
        return self.alpha <= 1

    @property
    def logarithms(self) -> Sequence[tuple[float, float, float]]:  # type: ignore[override]
        """The power integral alone."""
        alpha = self.alpha
        return () if alpha in (0, 1) else ((1 / (alpha - 1), alpha, 1 - alpha),)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r"""Those of H and of the power integral; of H alone at order 1."""
        parts = PowerIntegrals(self.alpha)
        if self.alpha == 1:
            return (parts.remainder(log_p, log_q),)
        return parts.integrands(log_p, log_q)

    def combine(self, *integrals: Tensor) -> Tensor:
        r""":math:`\log I_\alpha / (\alpha - 1)`, which is H at order 1."""
        if self.alpha == 1:
            return integrals[0]
        remainder, power = integrals
        return PowerIntegrals(self.alpha).log_integral(remainder, power) / (self.alpha - 1) + 0.0

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        r""":math:`\log(I_\alpha / P) / (\alpha - 1)` for a measure p of mass P."""
        remainder, *power = integrals
        scaled = (remainder + mass_p - mass_q) / mass_p
        return self.combine(scaled, *(each / mass_p for each in power))


@dataclass(frozen=True)
class RenyiAtInfinity(SupremumDivergence):
    r"""Rényi's divergence of order infinity: the worst log ratio of the densities, in nats.

    .. math:: D_\infty(p \parallel q) = \operatorname*{ess\,sup}_{p > 0} \log (p / q)

    It is between 0, at p = q only, and infinity, the limit and the upper bound of all orders, not
    symmetric, additive over independent parts, and infinite where p falls more slowly than q. It
    is the logarithm of the constant of rejection sampling, and the privacy loss of a mechanism.

    Arguments:
        alpha: The order, infinity.

    References:
        Rényi Divergence and Kullback-Leibler Divergence (van Erven and Harremoës, 2014),
        theorem 6, arXiv:1206.2459.
    """

    alpha: float = math.inf

    additive = True
    invariant = True
    monotone = True

    @property
    def name(self) -> str:
        """That of the other orders."""
        return "renyi"

    def height(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`\log p - \log q`."""
        return log_p - log_q


@dataclass(frozen=True)
class Tsallis(FDivergence):
    r"""Tsallis's divergence of an order: Rényi's without the logarithm.

    .. math:: \frac{1}{\alpha - 1} \Bigl(\int p^\alpha q^{1 - \alpha} \,dx - 1\Bigr)

    It is between 0 and infinity and :math:`\alpha` times the alpha divergence. At 0 it is the mass
    of q where p has none, at one half twice the squared Hellinger distance and symmetric, at 1 the
    Kullback-Leibler divergence and additive, at 2 Pearson's chi-squared divergence. Below order 1
    it is at most :math:`1 / (1 - \alpha)`; from 1 on infinite where p has mass that q has not and
    where the tails of q are too light.

    Arguments:
        alpha: The order, not negative and finite.

    Raises:
        InvalidArgument: If the order is negative or not finite.

    References:
        Generalized Entropy-Based Criterion for Consistent Testing (Tsallis, 1998),
        doi:10.1103/PhysRevE.58.1442.
    """

    alpha: float

    limits: ClassVar = {"alpha": (0.0, 1.0)}
    at_zero = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, low=0))

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Nats where it is the Kullback-Leibler divergence, else it is a plain number."""
        return "nats" if self.additive else ""

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At one half it is symmetric."""
        return self.alpha == 0.5

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """At 1 it is the Kullback-Leibler divergence."""
        return self.alpha == 1

    @property
    def upper_bound(self) -> float:  # type: ignore[override]
        r""":math:`1 / (1 - \alpha)` for orders below 1."""
        return 1 / (1 - self.alpha) if self.alpha < 1 else math.inf

    @property
    def slope_at_infinity(self) -> float:  # type: ignore[override]
        r""":math:`\alpha / (1 - \alpha)` for orders below 1."""
        return self.alpha / (1 - self.alpha) if self.alpha < 1 else math.inf

    def of_additive(self) -> OfAdditive:
        r""":math:`(e^{(\alpha - 1) D_\alpha} - 1) / (\alpha - 1)` of Rényi's divergence."""
        return OfAdditive(Renyi(self.alpha), lambda renyi: power_of_renyi(renyi, self.alpha))

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u^\alpha - 1 - \alpha (u - 1)) / (\alpha - 1)`."""
        return self.integrand(log_u, torch.zeros_like(log_u))

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(p^\alpha q^{1 - \alpha} - \alpha p - (1 - \alpha) q) / (\alpha - 1)`."""
        if self.alpha == 0:
            return 0.0 * (log_p + log_q)
        return self.alpha * power_remainder(log_p, log_q, self.alpha)
