r"""Jeffreys' divergence, the Kullback-Leibler divergences of both directions together."""

from __future__ import annotations

import math

from torch import Tensor

from kldiv.builtin.forms import difference
from kldiv.definitions.divergence import FDivergence

__all__ = ["Jeffreys"]


class Jeffreys(FDivergence):
    r"""Jeffreys' divergence: the sum of the Kullback-Leibler divergences both ways, in nats.

    .. math:: D(p \parallel q) + D(q \parallel p) = \int (p - q) \log \frac{p}{q} \,dx

    It is symmetric, between 0 and infinity, 0 only at p = q, and additive over independent parts;
    its square root is no metric. It is infinite where one side has mass and the other has not,
    and where the tails of one are too light for those of the other.

    Fitting with it is a compromise between covering p and staying where p is large.

    References:
        An Invariant Form for the Prior Probability in Estimation Problems (Jeffreys, 1946),
        doi:10.1098/rspa.1946.0056.
    """

    symmetric = True
    additive = True
    at_zero = math.inf
    slope_at_infinity = math.inf

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u - 1) \log u`."""
        return log_u.expm1() * log_u

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(p - q) \log(p/q)`."""
        return difference(log_p, log_q) * (log_p - log_q)
