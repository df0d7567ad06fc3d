"""Where the mass of a target is: the points at which adaptive integration must begin to look.

A *landmark* is a centre with a scale. Distributions tell theirs (components, means, quantiles of a
fixed sample); of a bare log density they are found by a scan in coordinates that grow
exponentially and a climb to each local maximum: log densities have wide basins even where
densities are needles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily

from kldiv.definitions.randomness import seeded
from kldiv.definitions.support import coordinate_ends
from kldiv.definitions.target import Target
from kldiv.estimators.charts import Chart

__all__ = ["Landmark", "landmarks"]

_SCAN_REACH = {1: 46.0, 2: 9.0}  # in u: to 1e20 on a line, to 4000 in a plane
_SCAN_POINTS = {1: 1201, 2: 121}
_MODES = 8


@dataclass(frozen=True)
class Landmark:
    r"""A place with mass: a centre and a scale along each axis, with shape :math:`(*, d)`."""

    centre: Tensor
    scale: Tensor


def landmarks(target: Target) -> list[Landmark]:
    """The places where a target has mass, with the target's own batch shape."""
    with torch.no_grad():
        if target.distribution is None:
            return _by_scan(target)
        try:
            return [_as_event(item, target) for item in _of_distribution(target.distribution)]
        except NotImplementedError:  # it states no moments and cannot be sampled from
            return _by_scan(target)


def _as_event(landmark: Landmark, target: Target) -> Landmark:
    """Scalars become vectors of length 1."""
    if target.event_shape:
        return landmark
    return Landmark(landmark.centre.unsqueeze(-1), landmark.scale.unsqueeze(-1))


def _of_distribution(distribution: Distribution) -> list[Landmark]:
    if isinstance(distribution, MixtureSameFamily):
        axis = -1 - len(distribution.event_shape)
        return [
            Landmark(centre, scale)
            for item in _of_distribution(distribution.component_distribution)
            for centre, scale in zip(
                item.centre.unbind(axis), item.scale.unbind(axis), strict=True
            )
        ]
    if isinstance(distribution, Independent):
        return _of_distribution(distribution.base_dist)
    exact = _by_moments(distribution)
    return [exact] if exact is not None else _by_quantiles(distribution)


def _by_moments(distribution: Distribution) -> Landmark | None:
    """Mean and standard deviation, or location and scale; ``None`` where neither is usable."""
    try:
        found = _usable(distribution, distribution.mean, distribution.variance.sqrt())
    except (NotImplementedError, AttributeError):
        found = None
    named = getattr(distribution, "loc", None), getattr(distribution, "scale", None)
    return found or _usable(distribution, *named)


def _usable(distribution: Distribution, centre: object, scale: object) -> Landmark | None:
    if not isinstance(centre, Tensor) or not isinstance(scale, Tensor):
        return None
    if not (centre.isfinite().all() and scale.isfinite().all() and (scale > 0).all()):
        return None
    shape = distribution.batch_shape + distribution.event_shape
    return Landmark(centre.expand(shape).double(), scale.expand(shape).double())


def _by_quantiles(distribution: Distribution) -> list[Landmark]:
    """Two landmarks, about the bulk and about the shoulders of a fixed sample."""
    with seeded(0):
        points = distribution.sample(torch.Size([511])).double().sort(dim=0).values
    low, quarter, middle, three, high = (points[k] for k in (5, 127, 255, 383, 505))
    tiny = middle.abs() * 1e-9 + 1e-12
    return [
        Landmark(middle, (three - quarter) / 2 + tiny),
        Landmark((low + high) / 2, (high - low) / 4 + tiny),
    ]


@lru_cache(maxsize=8)  # a fit asks many times for the landmarks of its one target
def _by_scan(target: Target) -> list[Landmark]:
    ends = coordinate_ends(target.support, target.batch_shape, target.event_shape)
    dimensions = ends.lower.shape[-1]
    chart = Chart(ends, torch.zeros_like(ends.lower), torch.ones_like(ends.lower))
    low, high = chart.limits
    reach = _SCAN_REACH[dimensions]
    line = torch.linspace(
        max(low, -reach), min(high, reach), _SCAN_POINTS[dimensions], dtype=torch.float64
    )
    u = line.unsqueeze(-1) if dimensions == 1 else torch.cartesian_prod(line, line)
    batch = target.batch_shape
    u = u.reshape(len(u), *(1,) * len(batch), dimensions).expand(-1, *batch, -1)
    height = _height(target, chart, u)
    peaks = _local_maxima(height, dimensions)
    count = int(peaks.sum(0).max())
    ranked = torch.where(peaks, height, -torch.inf)
    index = ranked.argsort(dim=0, descending=True, stable=True)[: max(1, min(count, _MODES))]
    start = torch.take_along_dim(u, index.unsqueeze(-1), 0)
    start = torch.where(torch.take_along_dim(peaks, index, 0).unsqueeze(-1), start, start[:1])
    top = _climb(target, chart, start, float(line[1] - line[0]))
    width = _width(target, chart, top)
    centre = chart.to_x(top)[0]
    scale = (chart.to_x(top + width)[0] - centre).abs().clamp_min(1e-300)
    return [Landmark(c, s) for c, s in zip(centre, scale, strict=True)]


def _height(target: Target, chart: Chart, u: Tensor) -> Tensor:
    x = chart.to_x(u)[0]
    value = target.log_prob(x if target.event_shape else x.squeeze(-1))
    return torch.where(value.isnan(), -torch.inf, value)


def _local_maxima(height: Tensor, dimensions: int) -> Tensor:
    """Which points of the scan are as high as all their neighbours along the axes."""
    side = _SCAN_POINTS[dimensions]
    grid = height.reshape(*(side,) * dimensions, *height.shape[1:])
    peaks = grid.isfinite()
    for axis in range(dimensions):
        edge = torch.full_like(grid.narrow(axis, 0, 1), -torch.inf)
        before = torch.cat([edge, grid.narrow(axis, 0, side - 1)], axis)
        after = torch.cat([grid.narrow(axis, 1, side - 1), edge], axis)
        peaks = peaks & (grid >= before) & (grid > after)
    return peaks.reshape(height.shape)


def _climb(target: Target, chart: Chart, u: Tensor, step: float) -> Tensor:
    """Compass search, all peaks at once: the step is halved where no neighbour is higher."""
    dimensions = u.shape[-1]
    moves = torch.cat([torch.eye(dimensions), -torch.eye(dimensions)]).to(u)
    best, size = _height(target, chart, u), torch.full(u.shape[:-1], step, dtype=u.dtype)
    for _ in range(60):
        trial = u + size[None, ..., None] * moves.reshape(-1, *(1,) * (u.ndim - 1), dimensions)
        flat = trial.flatten(0, 1)
        heights = _height(target, chart, flat).reshape(trial.shape[:-1])
        top, which = heights.max(0)
        higher = top > best
        chosen = torch.take_along_dim(trial, which[None, ..., None], 0).squeeze(0)
        u = torch.where(higher.unsqueeze(-1), chosen, u)
        best, size = torch.where(higher, top, best), torch.where(higher, size, size / 2)
        if bool((size < 1e-9).all()):
            break
    return u


def _width(target: Target, chart: Chart, u: Tensor) -> Tensor:
    """How far from a peak the log density has fallen by one half, along each axis, in u."""
    top = _height(target, chart, u)
    widths = []
    for axis in range(u.shape[-1]):
        unit = torch.zeros_like(u)
        unit[..., axis] = 1.0
        low, high = torch.full_like(top, -40.0), torch.full_like(top, 3.0)
        for _ in range(30):
            middle = (low + high) / 2
            shifted = u + middle.exp().unsqueeze(-1) * unit
            fallen = _height(target, chart, shifted) < top - 0.5
            low, high = torch.where(fallen, low, middle), torch.where(fallen, middle, high)
        widths.append(high.exp())
    return torch.stack(widths, -1)
