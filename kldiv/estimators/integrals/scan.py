"""Looks for the modes of a bare log density on the line or in the plane.

The scan goes over coordinates that grow exponentially, and each local maximum is climbed: log
densities have wide basins even where densities are needles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.support import Interval, coordinate_ends
from kldiv.definitions.target import Target
from kldiv.estimators.integrals.coordinates import Coordinates

__all__ = ["Peaks", "scan", "width_of"]

_REACH = {1: 46.0, 2: 9.0}  # in u: to 1e20 on a line, to 4000 in a plane
_POINTS = {1: 1201, 2: 121}
_MODES = 8
_CLIMBS = 200
_SIZES = 12  # of steps that are tried at once, each half of the one before
_WIDTHS = -40.0, 3.0  # logarithms of the least and the greatest width,
_PARTS, _ROUNDS = 200, 4  # which is found within so many parts, of these again, and so on
_FINE = 1e-13  # in u, relative
_BENT = 0.999999  # the greatest correlation


@dataclass(frozen=True)
class Peaks:
    r"""The modes that were found.

    Arguments:
        centre: With shape :math:`(n, *, d)`.
        scale: Likewise.
        correlation: In the plane, with shape :math:`(n, *)`.
        height: The log density at the centres, likewise.
    """

    centre: Tensor
    scale: Tensor
    correlation: Tensor | None
    height: Tensor

    def still_there(self, target: Target) -> bool:
        """Whether the log density is what it was."""
        return torch.equal(_log_density(target, self.centre), self.height)


def scan(target: Target) -> Peaks:
    """The modes of a log density, up to eight for each element of its batch."""
    ends = coordinate_ends(target.support, target.batch_shape, target.event_shape)
    dimensions = ends.lower.shape[-1]
    reach, number = _REACH[dimensions], _POINTS[dimensions]
    line = torch.linspace(-reach, reach, number, dtype=torch.float64, device=ends.lower.device)
    u = line.unsqueeze(-1) if dimensions == 1 else torch.cartesian_prod(line, line)
    batch = target.batch_shape
    u = u.reshape(len(u), *(1,) * len(batch), dimensions).expand(-1, *batch, -1)
    height = _height(target, ends, u)
    peaks = _local_maxima(height, dimensions)
    count = int(peaks.sum(0).max())
    ranked = torch.where(peaks, height, -torch.inf)
    index = ranked.argsort(dim=0, descending=True, stable=True)[: max(1, min(count, _MODES))]
    start = torch.take_along_dim(u, index.unsqueeze(-1), 0)
    start = torch.where(torch.take_along_dim(peaks, index, 0).unsqueeze(-1), start, start[:1])
    top = _climb(target, ends, start, float(line[1] - line[0]))
    width = width_of(lambda u: _height(target, ends, u), top)
    centre = _to_x(top, ends)
    scale = (_to_x(top + width, ends) - centre).abs().clamp_min(1e-300)
    found = _log_density(target, centre)
    if dimensions == 1:
        return Peaks(centre, scale, None, found)
    tilt = _tilt(target, centre, scale)
    return Peaks(centre, scale / (1 - tilt.square()).sqrt().unsqueeze(-1), tilt, found)


def _to_x(u: Tensor, ends: Interval) -> Tensor:
    """Coordinates to points strictly inside the support."""
    return Coordinates(ends, torch.zeros_like(ends.lower), torch.ones_like(ends.lower)).to_x(u)[0]


def _log_density(target: Target, x: Tensor) -> Tensor:
    value = target.log_prob(x if target.event_shape else x.squeeze(-1))
    return torch.where(value.isnan() | value.isposinf(), -torch.inf, value)


def _height(target: Target, ends: Interval, u: Tensor) -> Tensor:
    return _log_density(target, _to_x(u, ends))


def _local_maxima(height: Tensor, dimensions: int) -> Tensor:
    """Which points of the scan are as high as all their neighbours along the axes."""
    side = _POINTS[dimensions]
    grid = height.reshape(*(side,) * dimensions, *height.shape[1:])
    peaks = grid.isfinite()
    for axis in range(dimensions):
        edge = torch.full_like(grid.narrow(axis, 0, 1), -torch.inf)
        before = torch.cat([edge, grid.narrow(axis, 0, side - 1)], axis)
        after = torch.cat([grid.narrow(axis, 1, side - 1), edge], axis)
        peaks = peaks & (grid >= before) & (grid > after)
    return peaks.reshape(height.shape)


def _climb(target: Target, ends: Interval, u: Tensor, step: float) -> Tensor:
    """Compass search, all peaks at once: of steps of several sizes the one that leads highest."""
    dimensions = u.shape[-1]
    sizes = 0.5 ** torch.arange(_SIZES, dtype=u.dtype, device=u.device)
    moves = torch.cat([torch.eye(dimensions), -torch.eye(dimensions)]).to(u)
    moves = (sizes[:, None, None] * moves).reshape(-1, *(1,) * (u.ndim - 1), dimensions)
    lengths = sizes.repeat_interleave(2 * dimensions)
    best, size = _height(target, ends, u), torch.full_like(u[..., 0], step)
    for _ in range(_CLIMBS):
        trial = u + size[None, ..., None] * moves
        heights = _height(target, ends, trial.flatten(0, 1)).reshape(trial.shape[:-1])
        top, which = heights.max(0)
        higher = top > best
        chosen = torch.take_along_dim(trial, which[None, ..., None], 0).squeeze(0)
        u = torch.where(higher.unsqueeze(-1), chosen, u)
        best = torch.where(higher, top, best)
        size = size * torch.where(higher, lengths[which], 0.5**_SIZES)
        if bool((size < _FINE * (1 + u.abs().amax(-1))).all()):
            break
    return u


def width_of(height: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    r"""How far from peaks a function has fallen by one half, along each axis.

    Arguments:
        height: From coordinates of shape :math:`(N, *, d)` to values of shape :math:`(N, *)`.
        u: The peaks, with shape :math:`(N, *, d)`.
    """
    fallen_to, widths = height(u) - 0.5, []
    parts = torch.linspace(0, 1, _PARTS + 1, dtype=u.dtype, device=u.device)[1:]
    parts = parts.reshape(-1, *(1,) * (u.ndim - 1))
    for axis in range(u.shape[-1]):
        unit = torch.zeros_like(u)
        unit[..., axis] = 1.0
        low = torch.full_like(fallen_to, _WIDTHS[0])
        wide = _WIDTHS[1] - _WIDTHS[0]
        for _ in range(_ROUNDS):
            trial = low + wide * parts
            places = u + trial.exp().unsqueeze(-1) * unit
            fallen = height(places.flatten(0, 1)).reshape(trial.shape) < fallen_to
            fallen[-1] = True
            low = low + wide / _PARTS * fallen.to(torch.uint8).argmax(0)
            wide = wide / _PARTS
        widths.append((low + wide).exp())
    return torch.stack(widths, -1)


def _tilt(target: Target, centre: Tensor, scale: Tensor) -> Tensor:
    """The mixed second derivative of a log density at its peaks, on its scales."""
    signs = centre.new_tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    corners = [_log_density(target, centre + sign * scale) for sign in signs]
    tilt = (corners[0] + corners[1] - corners[2] - corners[3]) / 4
    return torch.nan_to_num(tilt, nan=0.0).clamp(-_BENT, _BENT)
