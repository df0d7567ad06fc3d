"""Places on lines across a plane, moved to where the densities are on each line.

A place knows the line of its ridge only as far as the ridge is straight. Further out, that of a
bent density lies many widths beside it, where no node may come near.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from torch import Tensor

__all__ = ["centred"]

Logs = Callable[[Tensor, Tensor], tuple[Tensor, ...]]

_PART = 0.125  # of a scale: the steps of differences
_RISES = 0.5  # nats: less is not worth a step
_JUMPS = 12
_STRAIGHT = 1e-9  # less curvature in a step is none


def centred(logs: Logs, centre: Tensor, scale: Tensor, sides: Sequence[int]) -> Tensor:
    r"""Centres from which a density rises no more, found by Newton's steps upwards.

    Arguments:
        logs: The log densities at points of some lines, with shape :math:`(n, c)`, given these
            lines.
        centre: The centres of places on C lines, with shape :math:`(C, K)`.
        scale: Their scales, likewise.
        sides: Which of the densities each of the K places belongs to.
    """
    centre = centre.clone()
    for k, side in enumerate(sides):
        line = torch.arange(len(centre), device=centre.device)
        for _ in range(_JUMPS):
            line, there = _risen(logs, side, line, centre[line, k], scale[line, k])
            if not len(line):
                break
            centre[line, k] = there
    return centre


def _risen(
    logs: Logs, side: int, line: Tensor, here: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """The lines of which a step leads to a higher place, and these places."""
    step = _PART * scale
    below, middle, above = logs(torch.stack([here - step, here, here + step]), line)[side]
    slope, bend = (above - below) / 2, (above + below - 2 * middle).abs()
    promising = (slope.square() > 2 * _RISES * bend) & (bend > _STRAIGHT)
    if not bool(promising.any()):
        return line[:0], here[:0]
    line, there = line[promising], (here + step * slope / bend)[promising]
    rises = logs(there.unsqueeze(0), line)[side][0] > middle[promising] + _RISES
    return line[rises], there[rises]
