r"""Means over data, with the error that few points and long tails leave.

The mean m of :math:`x_1, \dots, x_N` with weights :math:`w_i` that sum to 1 counts as one of
:math:`n = 1 / \sum w_i^2` points. With :math:`d_i = w_i (x_i - m)` its standard error is

.. math:: s = \Bigl(\tfrac{n}{n - 1} \sum_i d_i^2\Bigr)^{1/2},

and its error has three parts: s times Student's quantile for :math:`n - 1` degrees of freedom;
what skewness adds to a quantile z,
:math:`\frac{1 + 2 z^2}{6} s\,|\sum d_i^3| / (\sum d_i^2)^{3/2}`;
and 5.3 times the largest :math:`|d_i|`, for of n points none falls into a region of probability
:math:`5.3 / n` in 1 of 200 cases.

Fewer than five points, or points that are all the same, do not show how they vary. Then the error
is :math:`\min(1, 5.3 / n)` times the range of x where there is a finite number of outcomes, else
infinite.

References:
    Modified t Tests and Confidence Intervals for Asymmetrical Populations (Johnson, 1978),
    equation 2.8, doi:10.1080/01621459.1978.10480051.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import lattice_of
from kldiv.estimators.confidence import DEVIATIONS, RARE, students_quantile

__all__ = ["DataMean", "mean_over"]

_SKEWED = (1 + 2 * DEVIATIONS**2) / 6
_FEWEST = 4.99  # points that show how they vary, short of rounding
_MOST = 1_000_000  # outcomes that are looked at


@dataclass(frozen=True)
class DataMean:
    """A mean over data.

    Arguments:
        value: The mean, differentiable, with shape :math:`(*)`.
        stderr: Its standard error, with shape :math:`(*)`.
        error: A bound that it keeps in 99 of 100 cases, with shape :math:`(*)`.
    """

    value: Tensor
    stderr: Tensor
    error: Tensor


def mean_over(p: SampleTarget, q: Target, of: Callable[[Tensor], Tensor]) -> DataMean:
    """The mean of a function of log q over the points.

    Arguments:
        p: The points.
        q: The density.
        of: The function.
    """
    value, pivot = torch.zeros(q.batch_shape, dtype=torch.float64, device=p.device), None
    moments = _Moments(value)
    for points, weights in p.chunks():
        count, ones = len(points), (1,) * len(q.batch_shape)
        x = points.double().reshape(count, *ones, *p.event_shape)
        found = of(q.log_prob(x.expand(count, *q.batch_shape, *p.event_shape)))
        weights = weights.reshape(count, *(1,) * (found.ndim - 1))
        mean = (torch.where(weights > 0, found, 0.0) * weights).sum(0)
        value = value + mean
        with torch.no_grad():
            pivot = mean / weights.sum(0) if pivot is None else pivot
            moments.add(found - pivot, weights)
    with torch.no_grad():
        stderr, error = moments.errors(value - (0.0 if pivot is None else pivot))
        if bool(_FEWEST * moments.shares > 1) or bool(torch.eq(*p.ends).all()):
            error = _of_the_unseen(q, of, moments.shares, error)
    finite = value.isfinite()
    return DataMean(value, torch.where(finite, stderr, 0.0), torch.where(finite, error, 0.0))


class _Moments:
    """Sums over all lots of points, about a pivot.

    Arguments:
        like: A tensor of the shape of the mean.
    """

    def __init__(self, like: Tensor) -> None:
        self.shares, self.cubes, self.heaviest = (like.new_zeros(()) for _ in range(3))
        self.squared, self.cubed = [like.clone() for _ in range(2)], [like.clone()] * 3
        self.largest = like.clone()

    def add(self, off: Tensor, weights: Tensor) -> None:
        """Counts one more lot.

        Arguments:
            off: How far its values are from the pivot, with shape :math:`(N, *)`.
            weights: Their weights, which broadcast with them.
        """
        moved = weights * off
        squares, plain = moved.square(), weights.flatten()
        self.shares = self.shares + plain.square().sum()
        self.cubes = self.cubes + plain.pow(3).sum()
        self.heaviest = torch.maximum(self.heaviest, plain.max())
        self.largest = torch.maximum(self.largest, moved.abs().amax(0))
        for sums, new in (
            (self.squared, ((weights * moved).sum(0), squares.sum(0))),
            (
                self.cubed,
                (
                    (weights.square() * moved).sum(0),
                    (weights * squares).sum(0),
                    (squares * moved).sum(0),
                ),
            ),
        ):
            sums[:] = [old + each for old, each in zip(sums, new, strict=True)]

    def errors(self, moved: Tensor) -> tuple[Tensor, Tensor]:
        """The standard error of the mean and its error, each with shape (*).

        Arguments:
            moved: How far the mean is from the pivot, with shape (*).
        """
        first, second = self.squared
        variance = (second - 2 * moved * first + moved.square() * self.shares).clamp_min(0.0)
        first, second, third = self.cubed
        third = third - 3 * moved * second + 3 * moved.square() * first - moved.pow(3) * self.cubes
        freedom = 1 / self.shares - 1
        stderr = (variance * (1 + 1 / freedom)).sqrt()
        skewness = torch.where(variance > 0, third.abs() / variance.pow(1.5), 0.0)
        largest = self.largest + self.heaviest * moved.abs()
        deviations = students_quantile(freedom) + _SKEWED * skewness
        return stderr, stderr * deviations + RARE * largest


def _of_the_unseen(
    q: Target, of: Callable[[Tensor], Tensor], shares: Tensor, like: Tensor
) -> Tensor:
    """The error of a mean whose points do not show how they vary, with shape (*)."""
    ends = lattice_of(q)
    if ends is None or float((ends.upper - ends.lower).max()) > _MOST:
        return torch.full_like(like, torch.inf)
    outcomes = torch.arange(float(ends.lower.min()), float(ends.upper.max()) + 1).to(like)
    ones = (1,) * len(q.batch_shape)
    found = of(q.log_prob(outcomes.reshape(-1, *ones).expand(-1, *q.batch_shape)))
    rare: Tensor = (RARE * shares).clamp_max(1.0) * (found.amax(0) - found.amin(0))
    return rare
