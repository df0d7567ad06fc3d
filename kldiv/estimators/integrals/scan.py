"""Looks for the modes of a bare log density on the line or in the plane.

The scan goes over coordinates that grow exponentially, and each local maximum is climbed: log
densities have wide basins even where densities are needles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from torch import Tensor

from kldiv.definitions.support import Interval
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of
from kldiv.errors import InvalidArgument
from kldiv.estimators.integrals.coordinates import Coordinates

__all__ = ["Peaks", "scan", "width_of"]

Height = Callable[[Tensor], Tensor]

_REACH = {1: 46.0, 2: 9.0}  # in u: to 1e20 on a line, to 4000 in a plane
_POINTS = {1: 2401, 2: 121}
_MODES = 8
_CLIMBS = 200
_SIZES = 12  # of steps that are tried at once, each half of the one before
_WIDTHS = -40.0, 3.0  # logarithms of the least and the greatest width,
_PARTS = 300  # which is found within so many parts, of these again,
_ROUNDS = {1: 2, 2: 4}  # and so on: in the plane narrow ridges need it
_FINE = 1e-13  # in u, relative
_COMPASS = {
    1: ((1.0,), (-1.0,)),
    2: ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)),
}  # each followed by its opposite
_LITTLE = {1: 1e-6, 2: 1e-9}  # to be gained by climbing on
_STRAIGHT = 1e-14  # times a squared size: less curvature is none
_BENT = 0.999999  # the greatest correlation
_DEEP = 40.0  # below the highest mode, where there is hardly any mass
_SAME = 1e-3  # of a scale: peaks so near are one
_CLEAR = {1: 2.0, 2: 0.5}  # steps between points that a mode is wider than where it is clear


@dataclass(frozen=True)
class Peaks:
    r"""The modes that were found.

    Arguments:
        centre: With shape :math:`(n, *, d)`.
        scale: Likewise.
        correlation: In the plane, with shape :math:`(n, *)`.
        height: The log density at the centres, likewise.
        spread: Points with mass around them, none for a batch, with shape :math:`(M, d)`.
    """

    centre: Tensor
    scale: Tensor
    correlation: Tensor | None
    height: Tensor
    spread: Tensor

    def still_there(self, target: Target) -> bool:
        """Whether the log density is what it was."""
        return torch.equal(_log_density(target, self.centre), self.height)


def scan(target: Target) -> Peaks:
    """The modes of a log density that is finite somewhere, up to eight for each of its batch."""
    ends = ends_of(target)
    dimensions = ends.lower.shape[-1]
    chart = Coordinates(ends, torch.zeros_like(ends.lower), torch.ones_like(ends.lower))
    looks = [_look(target, chart)]
    if not len(looks[0].centre):
        raise InvalidArgument(
            f"the log density of {target!r} is infinite at all points that were looked at; "
            "state by support= where it is finite"
        )
    looks += [_look(target, each, fewest=2) for each in looks[0].blurred(dimensions)]
    centres, scales = [each.centre for each in looks], [each.scale for each in looks]
    centre, scale = _distinct(torch.cat(centres), torch.cat(scales))
    found = _log_density(target, centre)
    if len(looks) > 1:
        centre, scale, found = _highest(centre, scale, found)
    least = found.amax() - _DEEP
    seen = [each for each in looks if len(each.points)]
    spread = torch.cat([each.points[each.heights > least] for each in seen] or [centre[:0]])
    if dimensions == 1:
        return Peaks(centre, scale, None, found, spread)
    tilt = _tilt(target, centre, scale)
    scale = scale / (1 - tilt.square()).sqrt().unsqueeze(-1)
    return Peaks(centre, scale, tilt, found, spread)


@dataclass(frozen=True)
class _Look:
    """What is seen in one chart.

    Arguments:
        centre: The modes, with shape :math:`(n, *, d)`.
        scale: Their widths, likewise.
        gap: How far apart the points looked at are there, likewise.
        points: The high ones of those looked at, none for a batch, with shape :math:`(M, d)`.
        heights: The log density there, with shape :math:`(M)`.
    """

    centre: Tensor
    scale: Tensor
    gap: Tensor
    points: Tensor
    heights: Tensor

    def blurred(self, dimensions: int) -> Iterator[Coordinates]:
        """Charts about modes beside which others as narrow may lie between two points."""
        blurred = self.scale < _CLEAR[dimensions] * self.gap
        whole = torch.full_like(self.centre[0], torch.inf)
        for mode in blurred.flatten(1).any(1).nonzero().squeeze(-1).tolist():
            yield Coordinates(Interval(-whole, whole), self.centre[mode], self.scale[mode])


def _look(target: Target, chart: Coordinates, *, fewest: int = 1) -> _Look:
    """The modes seen from points at equal steps in a chart, up to eight; none of fewer."""
    height = partial(_height, target, chart)
    batch, dimensions = target.batch_shape, chart.centre.shape[-1]
    reach, number = _REACH[dimensions], _POINTS[dimensions]
    line = torch.linspace(-reach, reach, number, dtype=torch.float64, device=chart.centre.device)
    u = line.unsqueeze(-1) if dimensions == 1 else torch.cartesian_prod(line, line)
    u = u.reshape(len(u), *(1,) * len(batch), dimensions).expand(-1, *batch, -1)
    heights, step = height(u), 2 * reach / (number - 1)
    peaks = _local_maxima(heights, dimensions)
    count = int(peaks.sum(0).max())
    if count < fewest:
        return _Look(u[:0], u[:0], u[:0], u[:0], heights[:0])
    ranked = torch.where(peaks, heights, -torch.inf)
    index = ranked.argsort(dim=0, descending=True, stable=True)[: max(1, min(count, _MODES))]
    start = torch.take_along_dim(u, index.unsqueeze(-1), 0)
    start = torch.where(torch.take_along_dim(peaks, index, 0).unsqueeze(-1), start, start[:1])
    top, summit = _climb(height, start, step)
    centre = chart.to_x(top)
    width, gap = (
        (chart.to_x(top + each) - centre).abs().clamp_min(1e-300)
        for each in (width_of(height, top, summit), step)
    )
    near = slice(0) if batch else heights > heights.amax() - _DEEP
    return _Look(centre, width, gap, chart.to_x(u[near]), heights[near])


def _highest(centre: Tensor, scale: Tensor, height: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The eight highest modes of each element of the batch, in falling order."""
    height, index = height.sort(dim=0, descending=True, stable=True)
    index = index.unsqueeze(-1)[:_MODES]
    centre, scale = (torch.take_along_dim(each, index, 0) for each in (centre, scale))
    return centre, scale, height[:_MODES]


def _distinct(centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The peaks that are not an earlier one, in all elements of the batch."""
    room = _SAME * torch.minimum(scale.unsqueeze(1), scale)
    near = (centre.unsqueeze(1) - centre).abs() <= room
    again = near.all(-1).flatten(2).all(-1) if centre.ndim > 2 else near.all(-1)
    new = ~again.tril(-1).any(1)
    return centre[new], scale[new]


def _log_density(target: Target, x: Tensor) -> Tensor:
    value = target.log_prob(x if target.event_shape else x.squeeze(-1))
    return value.nan_to_num(-torch.inf, -torch.inf, -torch.inf)


def _height(target: Target, chart: Coordinates, u: Tensor) -> Tensor:
    return _log_density(target, chart.to_x(u))


def _local_maxima(height: Tensor, dimensions: int) -> Tensor:
    """Which points of the scan end a rise, or a level part after one, along each axis."""
    side = _POINTS[dimensions]
    grid = height.reshape(*(side,) * dimensions, *height.shape[1:])
    peaks = grid.isfinite()
    for axis in range(dimensions):
        edge = torch.full_like(grid.narrow(axis, 0, 1), -torch.inf)
        before = torch.cat([edge, grid.narrow(axis, 0, side - 1)], axis)
        after = torch.cat([grid.narrow(axis, 1, side - 1), edge], axis)
        peaks = peaks & _last_risen(grid, before, axis) & (grid > after)
    return peaks.reshape(height.shape)


def _last_risen(grid: Tensor, before: Tensor, axis: int) -> Tensor:
    """Whether the last change up to each point was upwards: rounding makes steps of a slope."""
    shape = [-1 if each == axis else 1 for each in range(grid.ndim)]
    number = torch.arange(grid.shape[axis], device=grid.device).reshape(shape)
    change = torch.where(grid == before, -2, 2 * number + (grid > before))
    return change.cummax(axis).values % 2 == 1


def _climb(height: Height, u: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Compass search and Newton's method, all peaks at once: the step that leads highest.

    Gradients and curvatures are differences between the points of the compass, at steps of
    several sizes. It ends where all of these promise next to nothing.
    """
    sizes = 0.5 ** torch.arange(_SIZES, dtype=u.dtype, device=u.device)
    compass = u.new_tensor(_COMPASS[u.shape[-1]])
    compass = compass.reshape(-1, *(1,) * (u.ndim - 1), u.shape[-1])
    best, size, little = height(u), torch.full_like(u[..., 0], step), _LITTLE[u.shape[-1]]
    for _ in range(_CLIMBS):
        lengths = size * sizes.reshape(-1, *(1,) * size.ndim)
        shifts = lengths[:, None, ..., None] * compass
        around = height((u + shifts).flatten(0, 2)).reshape(shifts.shape[:-1])
        jumps, promise = _newton(around - best, lengths)
        trial = torch.cat([shifts.flatten(0, 1), jumps])
        heights = torch.cat(
            [around.flatten(0, 1), height((u + jumps).flatten(0, 1)).reshape(jumps.shape[:-1])]
        )
        top, which = heights.max(0)
        gain = top - best
        higher = gain > 0
        chosen = torch.take_along_dim(trial, which[None, ..., None], 0).squeeze(0)
        u = torch.where(higher.unsqueeze(-1), u + chosen, u)
        best = torch.where(higher, top, best)
        size = torch.where(higher, chosen.abs().amax(-1), lengths[-1] / 2)
        there = (promise.amax(0) < little) & ~(gain > little)
        if bool((there | (size < _FINE * (1 + u.abs().amax(-1)))).all()):
            break
    return u, best


def _newton(fallen: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Newton's steps upwards from heights around a place, and what they promise.

    Arguments:
        fallen: Relative to the place, with shape :math:`(k, m, n, *)` for k sizes of the compass.
        lengths: These sizes, with shape :math:`(k, n, *)`.

    Returns:
        Steps, of which some are shortened, with shape :math:`(3k, n, *, d)`, and the heights to
        be gained, infinite where that is not known, with shape :math:`(k, n, *)`.
    """
    fallen = fallen.movedim(1, -1)
    known = fallen.isfinite().all(-1)
    there, back = torch.where(known.unsqueeze(-1), fallen, 0.0).unflatten(-1, (-1, 2)).unbind(-1)
    slope, bend = (there - back) / 2, there + back
    if slope.shape[-1] == 1:
        along, curved = slope, bend.abs().clamp_min(_STRAIGHT)
        step = along / curved
    else:
        along, curved, step = _in_the_plane(slope, bend)
    step = step * lengths.unsqueeze(-1)
    steps = torch.cat([step * share for share in (1.0, 0.3, 0.1)])
    return steps, torch.where(known, (along.square() / curved).sum(-1), torch.inf)


def _in_the_plane(slope: Tensor, bend: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes and sizes of curvatures along the axes of these, and Newton's step."""
    mixed = (bend[..., 2] - bend[..., 3]) / 4
    matrix = torch.stack([bend[..., 0], mixed, mixed, bend[..., 1]], -1)
    values, vectors = torch.linalg.eigh(matrix.unflatten(-1, (2, 2)))
    along = (vectors.mT @ slope[..., :2].unsqueeze(-1)).squeeze(-1)
    curved = values.abs().clamp_min(_STRAIGHT)
    return along, curved, (vectors @ (along / curved).unsqueeze(-1)).squeeze(-1)


def width_of(height: Height, u: Tensor, top: Tensor) -> Tensor:
    r"""How far from peaks a function has fallen by one half, along each axis.

    Arguments:
        height: From coordinates of shape :math:`(N, *, d)` to values of shape :math:`(N, *)`.
        u: The peaks, with shape :math:`(N, *, d)`.
        top: The values there, with shape :math:`(N, *)`.
    """
    fallen_to = top - 0.5
    parts = torch.linspace(0, 1, _PARTS + 1, dtype=u.dtype, device=u.device)[1:]
    axes = torch.eye(u.shape[-1], dtype=u.dtype, device=u.device)
    parts, axes = (each.reshape(-1, *(1,) * u.ndim) for each in (parts, axes))
    axes = axes.reshape(u.shape[-1], *(1,) * (u.ndim - 1), -1)
    low = fallen_to.new_full((u.shape[-1], *fallen_to.shape), _WIDTHS[0])
    wide = _WIDTHS[1] - _WIDTHS[0]
    for _ in range(_ROUNDS[u.shape[-1]]):
        trial = low + wide * parts
        places = u + trial.exp().unsqueeze(-1) * axes
        fallen = height(places.flatten(0, 2)).reshape(trial.shape) < fallen_to
        fallen[-1] = True
        low = low + wide / _PARTS * fallen.to(torch.uint8).argmax(0)
        wide = wide / _PARTS
    return (low + wide).exp().movedim(0, -1)


def _tilt(target: Target, centre: Tensor, scale: Tensor) -> Tensor:
    """The mixed second derivative of a log density at its peaks, on its scales."""
    signs = centre.new_tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    places = centre + signs.reshape(4, *(1,) * (centre.ndim - 1), 2) * scale
    corners = _log_density(target, places.flatten(0, 1)).reshape(places.shape[:-1])
    tilt = (corners[0] + corners[1] - corners[2] - corners[3]) / 4
    return torch.nan_to_num(tilt, nan=0.0).clamp(-_BENT, _BENT)
