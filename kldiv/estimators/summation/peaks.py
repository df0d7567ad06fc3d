"""Where a bare log density on the integers has mass: its highest integers, and their widths.

It is looked at on integers whose distance grows by a tenth, and followed uphill from each local
maximum of what it is times the distance: so wide bulks are found as well as needles near the
origin.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.definitions.target import Target

__all__ = ["peaks"]

Height = Callable[[Tensor], Tensor]

_REACH = 52  # powers of two: as far as integers are exact
_MODES = 8


def peaks(target: Target, origin: Tensor, direction: int, count: Tensor) -> tuple[Tensor, Tensor]:
    r"""Places of local maxima, counted from an origin, and widths; both with shape (L, *).

    Arguments:
        target: The density.
        origin: The first integer, with shape :math:`(*)`.
        direction: 1 or -1.
        count: How many integers there are from there on, with shape :math:`(*)`.
    """

    def height(index: Tensor) -> Tensor:
        here = (index >= 0) & (index < count)
        points = origin + direction * torch.where(here, index, 0.0)
        return torch.where(here, target.log_prob(points), -torch.inf)

    with torch.no_grad():
        line = torch.logspace(0, _REACH, 380, base=2, dtype=torch.float64, device=origin.device)
        line = torch.cat([line.new_zeros(1), line.floor().unique()])
        line = line.reshape(-1, *(1,) * origin.ndim).expand(-1, *origin.shape)
        heights = height(line)
        mass = heights + (line + 1).log()
        ends = torch.full_like(mass[:1], -torch.inf)
        inner = (mass >= torch.cat([ends, mass[:-1]])) & (mass > torch.cat([mass[1:], ends]))
        rank = torch.where(inner & mass.isfinite(), mass, -torch.inf)
        index = rank.argsort(dim=0, descending=True, stable=True)
        top = torch.take_along_dim(line, index[: min(_MODES, len(line))], 0)
        top = _climb(height, top)
        return top, _width(height, top)


def _climb(height: Height, top: Tensor) -> Tensor:
    """To the highest neighbour, again and again, with steps that halve where there is none."""
    step = torch.exp2((0.1 * top + 1).log2().ceil())
    for _ in range(4 * _REACH):
        trials = torch.stack([top, top - step, top + step])
        heights = torch.stack([height(trial) for trial in trials])
        best = heights.argmax(0, keepdim=True)
        top = torch.take_along_dim(trials, best, 0).squeeze(0)
        step = torch.where(best.squeeze(0) == 0, (step / 2).floor(), step)
        if bool((step < 1).all()):
            break
    return top


def _width(height: Height, top: Tensor) -> Tensor:
    """How far from a peak the density has fallen by half, to the next power of two."""
    floor, width = height(top) - 0.5, torch.ones_like(top)
    for _ in range(_REACH):
        high = torch.maximum(height(top + width), height(top - width)) > floor
        if not high.any():
            break
        width = torch.where(high, 2 * width, width)
    return width
