r"""What no point has shown: how much of an average may be missing from a sample.

Replicates tell by how much averages vary with what their points meet. What hardly a point meets is
not in their spread. Of N independent points none falls into a region of probability
:math:`5.3 / N` in 1 of 200 cases, so that an average may lack :math:`5.3 / N` times what is
averaged there. That is at most its largest possible value, and else about
:math:`x_{(N)} / (1 - k)`, the mean of a Pareto tail of shape k beyond the largest value.

Draws may also be lost where floating-point numbers end: a gamma variable of concentration a is
below all of them with probability :math:`\lambda = e^{-708 a}`, and there
:math:`\log x` has a mean that is :math:`1 / (-\log \lambda)` of itself further out.

References:
    Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao and Gabry, 2024),
    section 2.3, arXiv:1507.02646.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import constraints

from kldiv.definitions.support import box, unwrap
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of
from kldiv.estimators.confidence import RARE

__all__ = ["at_ends", "beyond_largest", "by_lost_draws"]

_MANY = 0.05  # of all draws: if more are lost, nothing is known of what they would have shown
_MARGIN = 4.0
_ULPS = 2.0


def beyond_largest(values: Tensor, stderr: Tensor, shape: Tensor) -> Tensor:
    """What the tail may hold beyond the largest value, with shape (*).

    Evenly spread points leave out as much less as they are better than independent ones.

    Arguments:
        values: What is averaged, at points from one side after the other, with shape (S, N, *).
        stderr: The standard error of the mean, with shape (*).
        shape: The shape of the tail, 1 at most, with shape (*).
    """
    count = values.shape[0] * values.shape[1]
    independent = (values.var(1).mean(0) / count).sqrt()
    even = torch.where(independent > 0, (stderr / independent).clamp_max(1.0), 0.0)
    largest = values.abs().amax((0, 1))
    return RARE / count * even * largest / (1 - shape.nan_to_num().clamp(0, 0.9))


def by_lost_draws(lost: Tensor, largest: Tensor, bound: Tensor | None) -> Tensor:
    """What draws that lie where numbers end may be off by, with shape (*).

    Arguments:
        lost: The share of such draws, with shape (*).
        largest: The largest of what is averaged, with shape (*).
        bound: How large it can be, with shape (*), ``None`` where there is no bound.
    """
    if bound is not None:
        return 2 * lost * bound
    further = _MARGIN * lost * largest / -lost.clamp(1e-300, _MANY).log()
    return torch.where(lost > _MANY, torch.inf, further)


def at_ends(side: Target, x: Tensor) -> Tensor | None:
    r"""Which draws lie on an end of the support to within rounding, with shape :math:`(N, *)`.

    ``None`` where none can.
    """
    support, events = unwrap(side.support), len(side.event_shape)
    if support.is_discrete:
        return None
    if isinstance(support, type(constraints.simplex)):
        found = x <= _resolution(torch.zeros_like(x[:1]))
    elif box(side.support) is None:
        return None
    else:
        ends = ends_of(side)
        if not (ends.lower.isfinite() | ends.upper.isfinite()).any():
            return None
        lower, upper = (end if events else end.squeeze(-1) for end in (ends.lower, ends.upper))
        found = (x - lower <= _resolution(lower)) | (upper - x <= _resolution(upper))
    return found.flatten(found.ndim - events).any(-1) if events else found


def _resolution(end: Tensor) -> Tensor:
    """How far the nearest numbers are from an end."""
    numbers = torch.finfo(torch.float64)
    size = torch.where(end.isfinite(), end.abs(), 0.0)
    return _ULPS * (numbers.eps * size).clamp_min(numbers.tiny)
