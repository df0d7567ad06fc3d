r"""Divergences of densities as vectors: their squared distance and the angle between them.

They compare values of densities, not ratios, so they depend on the unit of x, tolerate outliers,
and are finite wherever both densities are square integrable.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.builtin.forms import gap_of_densities, one_is_infinite
from kldiv.definitions.divergence import IntegralDivergence

__all__ = ["CauchySchwarz", "Cosine", "SquaredL2"]


class SquaredL2(IntegralDivergence):
    r"""Squared L2 distance: the integrated squared error between two densities.

    .. math:: \int (p - q)^2 \,dx

    It is symmetric, between 0, at p = q only, and infinity, and its square root is a metric. It
    has the units of a density, and no upper bound, as densities have none; between distributions
    on integers it is at most 2. It is infinite where one density is not square integrable.

    Fitting with it attends to where p is dense: for p of two modes apart it ends on one.

    References:
        Parametric Statistical Modeling by Minimum Integrated Square Error (Scott, 2001),
        doi:10.1198/004017001316975880.
    """

    unit = "units of density"
    symmetric = True
    jointly_convex = True
    powers = (1.0, 2.0, 0.0), (-2.0, 1.0, 1.0), (1.0, 0.0, 2.0)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`(p - q)^2`."""
        return (gap_of_densities(log_p, log_q).square(),)


class Cosine(IntegralDivergence):
    r"""Cosine distance: one less the cosine of the angle between two densities, at most 1.

    .. math:: 1 - \frac{\int p\,q \,dx}{\sqrt{\int p^2 \,dx \int q^2 \,dx}}

    It is symmetric, between 0, where p and q are proportional, and 1, where they share no mass. It
    is blind to the masses of both, for measures the same formula, and the same in any unit of x.
    Where only one of them is square integrable it is 1, its limit as the other is cut off ever
    higher; where neither is, it is not defined.

    Fitting with it attends to the densest mode of p, with its own width.

    References:
        Introduction to Information Retrieval (Manning, Raghavan and Schütze, 2008), section 6.3.1.
    """

    unit = ""
    symmetric = True
    upper_bound = 1.0
    log_mass_slopes = (0.0, 0.0)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`(p - q)^2`, :math:`(p - q)(p + q)`, :math:`p^2` and :math:`q^2`."""
        gap = gap_of_densities(log_p, log_q)
        change = gap * (log_p.exp() + log_q.exp())
        return gap.square(), change, (2 * log_p).exp(), (2 * log_q).exp()

    def combine(self, *integrals: Tensor) -> Tensor:
        r""":math:`[\int (p-q)^2 - (\|p\| - \|q\|)^2] / (2 \|p\| \|q\|)`, where nothing cancels."""
        alone = one_is_infinite(*integrals[2:])
        square, change, square_p, square_q = (torch.where(alone, 1.0, it) for it in integrals)
        p, q = square_p.sqrt(), square_q.sqrt()
        value = (square - (change / (p + q)).square()) / (2 * p * q)
        return torch.where(alone, 1.0, value)


class CauchySchwarz(IntegralDivergence):
    r"""Cauchy-Schwarz divergence: minus the logarithm of the cosine between two densities.

    .. math:: -\log \frac{\int p\,q \,dx}{\sqrt{\int p^2 \,dx \int q^2 \,dx}}

    It is symmetric, between 0, where p and q are proportional, and infinity, infinite only where
    they share no mass or only one is square integrable, additive over independent parts, and blind
    to the masses of both. Where neither density is square integrable it is not defined.

    References:
        Closed-Form Cauchy-Schwarz PDF Divergence for Mixture of Gaussians (Kampa, Hasanbelliu and
        Principe, 2011), doi:10.1109/IJCNN.2011.6033555.
    """

    symmetric = True
    additive = True
    log_mass_slopes = (0.0, 0.0)
    logarithms = (0.5, 2.0, 0.0), (0.5, 0.0, 2.0), (-1.0, 1.0, 1.0)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r"""Those of the cosine distance and :math:`p\,q`."""
        return *_COSINE.integrands(log_p, log_q), (log_p + log_q).exp()

    def combine(self, *integrals: Tensor) -> Tensor:
        """By the cosine distance where the two are close, by their product where they are not."""
        *of_cosine, product = integrals
        square_p, square_q = integrals[2:4]
        distance = _COSINE.combine(*of_cosine)
        near = distance < 0.5
        overlap = ~near & (product > 0) & ~one_is_infinite(square_p, square_q)
        product = torch.where(overlap, product, 1.0)
        square_p, square_q = (torch.where(overlap, it, 1.0) for it in (square_p, square_q))
        close = -(-torch.where(near, distance, 0.0)).log1p()
        logs = (square_p.log() + square_q.log()) / 2
        far = torch.where(overlap, logs - product.log(), torch.inf)
        return torch.where(near, close, far)


_COSINE = Cosine()
