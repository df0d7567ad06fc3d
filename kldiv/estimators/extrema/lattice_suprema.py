"""The supremum of a function of two probabilities over integers or over a listed support.

Long ranges of integers are not listed: the function is taken at their ends, at distances from
them that grow exponentially and where the two sides have their mass; the best places are then
looked at ever more closely.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.support import Interval
from kldiv.estimate import Estimate
from kldiv.estimators.extrema.heights import beyond_rays, heights
from kldiv.estimators.extrema.suprema import Summit, summit_estimate
from kldiv.estimators.extrema.zooming import best_starts, zoom
from kldiv.estimators.integrals.landmarks import Landmark, landmarks
from kldiv.estimators.integrands import Densities, Tolerance

__all__ = ["lattice_supremum", "listed_supremum"]

_FEW = 10_000
_DENSE = 64  # integers next to an end, one by one
_GROWTH = 0.05  # of the distance, from one to the next beyond them
_STEPS = 704
_AROUND = 400  # places about a landmark
_REACH = 10.0  # in its scales


def listed_supremum(
    sides: Densities, points: Tensor, tolerance: Tolerance, made_by: str
) -> Estimate:
    r"""The supremum over points of shape :math:`(N, *, E)` that are the whole support."""
    with torch.no_grad():
        value, which = heights(sides, points).value.max(0, keepdim=True)
        ones = (1,) * len(sides.problem.event_shape)
        which = which.reshape(*which.shape, *ones)
        top = torch.take_along_dim(points, which, 0).squeeze(0)
        value = value.squeeze(0)
    summit = Summit(top, value, torch.zeros_like(value), points.shape[0])
    return summit_estimate(sides, summit, tolerance, made_by)


def lattice_supremum(
    sides: Densities, ends: Interval, tolerance: Tolerance, made_by: str
) -> Estimate:
    r"""The supremum over the integers between two ends of shape :math:`(*)`, finite or not."""
    count = float((ends.upper - ends.lower).max())
    if count <= _FEW:
        steps = torch.arange(int(count) + 1, dtype=torch.float64, device=ends.lower.device)
        points = ends.lower + steps.reshape(-1, *(1,) * ends.lower.ndim)
        return listed_supremum(sides, torch.minimum(points, ends.upper), tolerance, made_by)
    with torch.no_grad():
        summit = _summit(sides, ends)
    return summit_estimate(sides, summit, tolerance, made_by)


def _summit(sides: Densities, ends: Interval) -> Summit:
    def integers(u: Tensor) -> Tensor:
        rounded = u.squeeze(-1).round()
        return torch.minimum(torch.maximum(rounded, ends.lower), ends.upper)

    def at(u: Tensor) -> Tensor:
        return heights(sides, integers(u)).secured

    rays, gaps = _rays(ends)
    along = heights(sides, integers(rays.flatten(0, 1)))
    endless, limit = beyond_rays(along, rays.shape[1])
    places = [_about(place, ends.lower.shape) for place in _places(sides)]
    nodes = torch.cat([rays.flatten(0, 1), *(points for points, _ in places)])
    values = torch.cat([along.secured, *(at(points) for points, _ in places)])
    gaps = torch.cat([gaps.flatten(0, 1), *(gap for _, gap in places)])
    top, value, gain, cost = zoom(at, *best_starts(nodes, values, gaps))
    unbounded = endless | along.value.isposinf().any(0)
    return Summit(
        integers(top),
        torch.where(unbounded, torch.inf, value),
        torch.where(unbounded, 0.0, gain + (limit - value).clamp_min(0.0)),
        cost + len(nodes),
    )


def _rays(ends: Interval) -> tuple[Tensor, Tensor]:
    r"""Integers from the lower end up and from the upper end down, with shape (F, 2, \*, 1).

    With them the gaps to the next, of the same shape.
    """
    steps = torch.arange(_STEPS, dtype=torch.float64, device=ends.lower.device)
    far = _DENSE * ((steps - _DENSE) * _GROWTH).exp()
    offsets = torch.where(steps < _DENSE, steps, far.round())
    offsets = offsets.reshape(-1, *(1,) * ends.lower.ndim)
    other = torch.where(ends.upper.isfinite(), ends.upper, 0.0)
    low = torch.where(ends.lower.isfinite(), ends.lower, other)
    high = torch.where(ends.upper.isfinite(), ends.upper, low)
    rays = torch.stack([low + offsets, high - offsets], 1).unsqueeze(-1)
    gaps = (1 + 2 * _GROWTH * offsets).unsqueeze(1).unsqueeze(-1)
    return rays, gaps.expand_as(rays)


def _places(sides: Densities) -> list[Landmark]:
    """Where the sides have their mass."""
    known = [side for side in (sides.problem.p, sides.problem.q) if side.distribution is not None]
    return [place for side in known for place in landmarks(side)]


def _about(place: Landmark, batch: torch.Size) -> tuple[Tensor, Tensor]:
    r"""Integers about a landmark and the gaps to the next, with shape (N, \*, 1)."""
    steps = torch.linspace(-_REACH, _REACH, _AROUND, dtype=torch.float64)
    steps = steps.to(place.scale.device).reshape(-1, *(1,) * (len(batch) + 1))
    scale = place.scale.expand(*batch, 1)
    points = place.centre + steps * scale
    return points, (1 + 2 * _REACH / _AROUND * scale).expand_as(points)
