r"""The Kullback-Leibler divergence, the excess of surprise when q stands in for p."""

from __future__ import annotations

import math

from torch import Tensor

from kldiv.definitions.divergence import FDivergence
from kldiv.numerics import product, relative_entropy

__all__ = ["KL"]


class KL(FDivergence):
    r"""Kullback-Leibler divergence: how much more p surprises one who expects q, in nats.

    .. math:: D(p \parallel q) = \int p \log \frac{p}{q} \,dx

    It is between 0 and infinity, 0 only at p = q, not symmetric, and additive over independent
    parts. It is infinite where p has mass that q has not, and where the tails of q are too light:
    from a Cauchy to a normal distribution. For measures it is this integral as it stands, which
    may be negative.

    Fitting q by making it small covers all of p: for data it is maximum likelihood, for an
    exponential family it matches the moments of p. In the reverse direction,
    :math:`D(q \parallel p)`, q withdraws to where p is large.

    References:
        On Information and Sufficiency (Kullback and Leibler, 1951), doi:10.1214/aoms/1177729694.

    Example:
        >>> import kldiv
        >>> from torch.distributions import Bernoulli
        >>> print(f"{float(kldiv.divergence(Bernoulli(0.5), Bernoulli(0.7), 'kl')):.6f}")
        0.087177
    """

    additive = True
    log_mass_slopes = (None, -1.0)
    at_zero = 0.0
    slope_at_infinity = math.inf

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = u \log u`."""
        return log_u.exp() * log_u

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`p \log(p/q) - p + q`."""
        return relative_entropy(log_p, log_q)

    def plain_integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`p \log(p/q)`."""
        return product(log_p.exp(), log_p - log_q)
