"""Where a function on a line crosses a value, for a batch of functions at once."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.estimators.integrals.crossings import touches

__all__ = ["crossings"]

_MOST = 24  # crossings: rounding makes more where a function is level
_STEPS = 40
_CLOSE = 1e-9  # an integral over a cell feels the square of how far its cut is off a kink


def crossings(
    function: Callable[[Tensor], Tensor], y: Tensor, values: Tensor, level: float
) -> Tensor:
    r"""Where a function takes a value, with shape :math:`(R, *)`, infinite where it does so less.

    It is found between neighbours on both sides of the value, by the Illinois variant of regula
    falsi, which never leaves its bracket, and between those that nearly touch it.

    Arguments:
        function: The function of coordinates with shape :math:`(*, *)`.
        y: Coordinates in ascending order, with shape :math:`(N, *)`.
        values: The function there.
        level: The value.

    References:
        A Modified Regula Falsi Method for Computing the Root of an Equation (Dowell and Jarratt,
        1971), doi:10.1007/BF01934364.
    """
    y, values = _with_touches(function, y, values, level)
    values = values - level
    above, seen = values >= 0, values.isfinite()
    changes = (above[1:] != above[:-1]) & seen[1:] & seen[:-1]
    most = min(_MOST, int(changes.sum(0).max()))
    first = changes.to(torch.uint8).argsort(dim=0, descending=True, stable=True)[:most]
    known = changes.gather(0, first)
    low, high = y.gather(0, first), y.gather(0, first + 1)
    at_low, at_high = values.gather(0, first), values.gather(0, first + 1)
    for _ in range(_STEPS if most else 0):
        trial = (low * at_high - high * at_low) / (at_high - at_low)
        trial = torch.where((trial - low) * (trial - high) < 0, trial, (low + high) / 2)
        found = function(trial) - level
        same = (found >= 0) == (at_high >= 0)
        low, at_low = torch.where(same, low, high), torch.where(same, at_low / 2, at_high)
        step = (trial - high).abs()
        high, at_high = trial, found
        if bool(((step < _CLOSE * (1 + trial.abs())) | (found == 0) | ~known).all()):
            break
    return torch.where(known, high, torch.inf)


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
