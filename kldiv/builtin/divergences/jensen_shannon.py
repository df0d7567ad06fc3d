r"""Divergences to a mixture: that of Jensen and Shannon, and the skewed Kullback-Leibler.

Both compare with :math:`m = (1 - w)\,p + w\,q`, where w is always the weight of q. For weights
between 0 and 1 m is positive wherever one of the two is, so that both are finite for any p and q.
"""

from __future__ import annotations

import math

from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor

from kldiv.builtin.checks import check_number
from kldiv.builtin.forms import mixture_remainder
from kldiv.definitions.divergence import FDivergence

__all__ = ["JensenShannon", "SkewKL"]


@dataclass(frozen=True)
class JensenShannon(FDivergence):
    r"""Jensen-Shannon divergence: how far p and q are from their mixture, at most ln 2 nats.

    .. math:: (1 - w)\,D(p \parallel m) + w\,D(q \parallel m), \qquad m = (1 - w)\,p + w\,q

    It is the mutual information between a point drawn from m and the side that it came from, so
    it is between 0, at p = q, and the entropy :math:`-w \log w - (1 - w) \log(1 - w)` of the
    weight, which it reaches where p and q share no mass. It is symmetric at
    :math:`w = \tfrac12`, where its square root is a metric. At the weights 0 and 1 it is 0 for
    all p and q; divided by :math:`w (1 - w)` it tends to :math:`D(q \parallel p)` and to
    :math:`D(p \parallel q)` there.

    Fitting with it is robust to points that q cannot explain; far from p its gradient vanishes.

    Arguments:
        weight: The weight w of q in the mixture, from 0 to 1.

    Raises:
        InvalidArgument: If the weight is not between 0 and 1.

    References:
        Divergence Measures Based on the Shannon Entropy (Lin, 1991), doi:10.1109/18.61115.
        A New Metric for Probability Distributions (Endres and Schindelin, 2003),
        doi:10.1109/TIT.2003.813506.
    """

    weight: float = 0.5

    limits: ClassVar = {"weight": (0.0, 1.0)}

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_number("weight", self.weight, low=0, high=1))

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """Whether both sides weigh the same."""
        return self.weight in (0.0, 0.5, 1.0)

    @property
    def upper_bound(self) -> float:  # type: ignore[override]
        """The entropy of the weight."""
        return _surprise(self.weight) + _surprise(1 - self.weight)

    @property
    def at_zero(self) -> float:  # type: ignore[override]
        r""":math:`-w \log w`."""
        return _surprise(self.weight)

    @property
    def slope_at_infinity(self) -> float:  # type: ignore[override]
        r""":math:`-(1 - w) \log(1 - w)`."""
        return _surprise(1 - self.weight)

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (1 - w)\,u \log(u/m) - w \log m` with :math:`m = (1 - w)\,u + w`."""
        return self.integrand(log_u, torch.zeros_like(log_u))

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(1 - w)\,[p \log(p/m) - p + m] + w\,[q \log(q/m) - q + m]`."""
        w = self.weight
        of_p = mixture_remainder(log_p, log_q, w)
        of_q = mixture_remainder(log_q, log_p, 1 - w)
        return (1 - w) * of_p + w * of_q


@dataclass(frozen=True)
class SkewKL(FDivergence):
    r"""Skewed Kullback-Leibler divergence: that of p to a mixture of p and q, in nats.

    .. math:: D(p \parallel m), \qquad m = (1 - w)\,p + w\,q

    It is not symmetric, and between 0 and at most :math:`-\log(1 - w)`, which it reaches where p
    and q share no mass. At weight 1 it is the Kullback-Leibler divergence, additive, and infinite
    where p has mass that q has not; below, a point that q cannot explain costs a finite price. At
    weight 0 it is 0 for all p and q, else only at p = q.

    Arguments:
        weight: The weight w of q in the mixture, from 0 to 1.

    Raises:
        InvalidArgument: If the weight is not between 0 and 1.

    References:
        On the Effectiveness of the Skew Divergence for Statistical Language Analysis (Lee, 2001).
    """

    weight: float

    limits: ClassVar = {"weight": (0.0, 1.0)}
    at_zero = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_number("weight", self.weight, low=0, high=1))

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """At weight 1 it is the Kullback-Leibler divergence, at 0 it is 0."""
        return self.weight in (0.0, 1.0)

    @property
    def upper_bound(self) -> float:  # type: ignore[override]
        r""":math:`-\log(1 - w)`, infinite at weight 1."""
        return -math.log1p(-self.weight) if self.weight < 1 else math.inf

    @property
    def slope_at_infinity(self) -> float:  # type: ignore[override]
        """The same, reached where q vanishes."""
        return self.upper_bound

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = u \log(u / m)` with :math:`m = (1 - w)\,u + w`."""
        canonical = self.integrand(log_u, torch.zeros_like(log_u))
        return canonical + self.weight * log_u.expm1()

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`p \log(p/m) - p + m`."""
        return mixture_remainder(log_p, log_q, self.weight)


def _surprise(weight: float) -> float:
    """``-w ln w``, 0 at 0."""
    return -weight * math.log(weight) if weight > 0 else 0.0
