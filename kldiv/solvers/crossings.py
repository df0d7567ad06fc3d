"""Where a function on a line crosses a value, for a batch of functions at once."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.estimators.integrals.crossings import touches, zero_within

__all__ = ["crossings"]

_MOST = 24  # crossings: rounding makes more where a function is level


def crossings(
    function: Callable[[Tensor], Tensor], y: Tensor, values: Tensor, level: float
) -> Tensor:
    r"""Where a function takes a value, with shape :math:`(R, *)`, infinite where it does so less.

    It is found between neighbours on both sides of the value, and between those that nearly touch
    it.

    Arguments:
        function: The function of coordinates with shape :math:`(*, *)`.
        y: Coordinates in ascending order, with shape :math:`(N, *)`.
        values: The function there.
        level: The value.
    """
    y, values = _with_touches(function, y, values, level)
    values = values - level
    above, seen = values >= 0, values.isfinite()
    changes = (above[1:] != above[:-1]) & seen[1:] & seen[:-1]
    most = min(_MOST, int(changes.sum(0).max()))
    first = changes.to(torch.uint8).argsort(dim=0, descending=True, stable=True)[:most]
    known = changes.gather(0, first)
    low = y.gather(0, first)
    ends = low, torch.where(known, y.gather(0, first + 1), low)
    heights = values.gather(0, first), values.gather(0, first + 1)
    found = zero_within(lambda trial: function(trial) - level, ends, heights, relative=1.0)
    return torch.where(known, found, torch.inf)


def _with_touches(
    function: Callable[[Tensor], Tensor], y: Tensor, values: Tensor, level: float
) -> tuple[Tensor, Tensor]:
    """Places, with those between them at which a function may cross a value and come back."""
    near, vertex = touches(y, values - level)
    most = min(_MOST, int(near.sum(0).max()))
    if not most:
        return y, values
    which = near.to(torch.uint8).argsort(dim=0, descending=True, stable=True)[:most]
    vertex = vertex.gather(0, which)
    order = torch.cat([y, vertex]).argsort(dim=0, stable=True)
    more = torch.cat([values, function(vertex)])
    return torch.cat([y, vertex]).gather(0, order), more.gather(0, order)
