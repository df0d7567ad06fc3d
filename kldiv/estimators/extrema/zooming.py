"""The maximum of a function of one or two coordinates, from many places looked at ever closer."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["best_starts", "zoom"]

_STARTS = 12
_GRID = {1: 8, 2: 4}  # steps from the centre of a grid to its side
_SHRINK = {1: 1 / 8, 2: 1 / 2}  # of a grid that has its best point inside
_GROW = {1: 4.0, 2: 1.5}  # of one that has it on its side
_PASSES = {1: 24, 2: 52}
_NARROWEST = 1e-3  # of grids to begin with


def best_starts(points: Tensor, values: Tensor, gaps: Tensor) -> tuple[Tensor, Tensor]:
    r"""The best points, and the gaps to their neighbours; on a line, of the local maxima.

    Points and gaps have shape :math:`(N, *, d)`, values :math:`(N, *)`.
    """
    if points.shape[-1] == 1:
        order = points.argsort(dim=0, stable=True)
        points, gaps = (torch.take_along_dim(each, order, 0) for each in (points, gaps))
        values = torch.take_along_dim(values, order.squeeze(-1), 0)
        edge = torch.full_like(values[:1], -torch.inf)
        higher = torch.maximum(torch.cat([edge, values[:-1]]), torch.cat([values[1:], edge]))
        values = torch.where(values >= higher, values, -torch.inf)
    best = values.argsort(dim=0, descending=True, stable=True)[:_STARTS].unsqueeze(-1)
    return torch.take_along_dim(points, best, 0), torch.take_along_dim(gaps, best, 0)


def zoom(
    function: Callable[[Tensor], Tensor], centre: Tensor, width: Tensor
) -> tuple[Tensor, Tensor, Tensor, int]:
    r"""Grids about each centre (S, \*, d) that move to their best point, and shrink about it.

    Returns the best place of all, its value, what the last passes gained, and the cost.
    """
    dimensions = centre.shape[-1]
    steps = _GRID[dimensions]
    line = torch.arange(-steps, steps + 1, dtype=torch.float64, device=centre.device) / steps
    grid = torch.cartesian_prod(*[line] * dimensions).reshape(-1, dimensions)
    grid = grid.reshape(-1, *(1,) * (centre.ndim - 1), dimensions)
    history, width = [], width.clamp_min(_NARROWEST)
    for _ in range(_PASSES[dimensions]):
        trial = centre + grid * width
        value = function(trial.flatten(0, 1)).unflatten(0, trial.shape[:2])
        best, which = value.max(0, keepdim=True)
        offset = torch.take_along_dim(grid.expand_as(trial), which.unsqueeze(-1), 0).squeeze(0)
        centre = torch.take_along_dim(trial, which.unsqueeze(-1), 0).squeeze(0)
        inside = (offset.abs() < 1).all(-1, keepdim=True)
        width = width * torch.where(inside, _SHRINK[dimensions], _GROW[dimensions])
        history.append(best.squeeze(0).amax(0))
    winner = best.squeeze(0).argmax(0, keepdim=True).unsqueeze(-1)
    top = torch.take_along_dim(centre, winner, 0).squeeze(0)
    gain = history[-1] - history[-3]
    cost = grid.shape[0] * centre.shape[0] * _PASSES[dimensions]
    return top, history[-1], gain.nan_to_num(nan=0.0, posinf=0.0), cost
