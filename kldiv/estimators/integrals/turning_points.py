r"""Where a function turns along lines across a plane.

What is integrated along lines across has a kink in the other coordinate where two crossings of the
densities meet: at a line across on which :math:`\log p - \log q` touches 0, where it turns.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["turning_points"]

_TURNS = 8
_PART = 1e-3  # of a scale: the steps of differences
_REACH = 3.0  # scales in one step
_STRAIGHT = 1e-9  # less curvature in a step, relative to the function, is none
_CLOSE = 1e-7  # scales: the function feels the square


def turning_points(function: Callable[[Tensor], Tensor], places: Tensor, scale: Tensor) -> Tensor:
    """Places at which a function turns, found by Newton's steps; where it is straight, the first.

    Arguments:
        function: From places of shape :math:`(3, *)` to values.
        places: Where to begin, with shape :math:`(*)`.
        scale: How far the function is smooth, likewise.
    """
    step = _PART * scale
    for _ in range(_TURNS):
        below, middle, above = function(torch.stack([places - step, places, places + step]))
        slope, bend = (above - below) / 2, above + below - 2 * middle
        bent = bend.abs() > _STRAIGHT * _PART * (1 + middle.abs())
        widths = torch.where(bent, -_PART * slope / bend, 0.0).nan_to_num(0.0, 0.0, 0.0)
        places = places + scale * widths.clamp(-_REACH, _REACH)
        if bool((widths.abs() <= _CLOSE).all()):
            break
    return places
