"""The ends of a line, and the points next to them."""

from __future__ import annotations

import math

import torch

from torch import Tensor

__all__ = ["depth", "inside", "within"]

_DEPTH = -667.0  # ln of the nearest distance to an end at 0, 1e-290
_LAST = 5 * math.log(2) - 52 * math.log(2)  # ln of the same to any other end, relative to it


def within(low: Tensor, high: Tensor, centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and scales in y; a place beyond an end is one at the end, on its own scale."""
    width = high - low
    both = width.isfinite()
    step = torch.minimum(scale, torch.where(both, width / 2, torch.inf))
    below = torch.where(centre > low, centre - low, step)
    above = torch.where(centre < high, high - centre, step)
    below = torch.where(both, torch.minimum(torch.maximum(below, width * 1e-15), width), below)
    above = torch.where(both, torch.minimum(torch.maximum(above, width * 1e-15), width), above)
    no_low, no_high = low.isinf(), high.isinf()
    y = torch.where(no_low, 0.0, below.log()) - torch.where(no_high, 0.0, above.log())
    stretch = torch.where(no_low, 0.0, 1 / below) + torch.where(no_high, 0.0, 1 / above)
    whole = no_low & no_high
    return torch.where(whole, centre, y), torch.where(
        whole, scale, (scale * stretch).clamp(1e-14, 2.0)
    )


def depth(end: Tensor) -> Tensor:
    """The logarithm of the least distance from an end at which points have digits."""
    size = torch.where(end.isfinite(), end.abs(), 0.0)
    return torch.where(size > 0, size.clamp_min(1e-250).log() + _LAST, _DEPTH)


def inside(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Points strictly between the ends: rounding puts none on an end, where p may be infinite."""
    return torch.minimum(torch.maximum(x, _next(a, torch.inf)), _next(b, -torch.inf))


def _next(end: Tensor, towards: float) -> Tensor:
    return torch.nextafter(end, torch.full_like(end, towards))
