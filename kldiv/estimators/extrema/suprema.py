"""The supremum of a function of two densities over a line or a plane.

It is sought at the nodes from which quadrature starts, along rays to the limits of the
coordinates, and just within the ends of the support of p; the best places are then looked at ever
more closely.
"""

from __future__ import annotations

import math

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.estimate import Estimate
from kldiv.estimators.extrema.heights import Heights, beyond_rays, heights
from kldiv.estimators.extrema.zooming import best_starts, zoom
from kldiv.estimators.integrals.coordinates import Coordinates
from kldiv.estimators.integrals.jumps import jumps_of, kinks_in
from kldiv.estimators.integrals.layout import edges_of
from kldiv.estimators.integrals.moving_edges import move_with_edges
from kldiv.estimators.integrals.search import search
from kldiv.estimators.integrands import Densities, Tolerance
from kldiv.estimators.problem import Problem

__all__ = ["Summit", "summit_estimate", "supremum"]

_STEPS = {1: 400, 2: 200}  # along a ray
_RAYS = 128  # in a plane
_TINY = 1e-300  # next to 0, and a number of full precision


@dataclass(frozen=True)
class Summit:
    r"""Where the function is largest.

    Arguments:
        points: The places, with shape :math:`(*, E)`.
        value: The largest value found, infinite where it is unbounded, with shape :math:`(*)`.
        error: How much larger it may be elsewhere, with shape :math:`(*)`.
        evaluations: What it cost.
    """

    points: Tensor
    value: Tensor
    error: Tensor
    evaluations: int


def supremum(sides: Densities, tolerance: Tolerance, made_by: str) -> Estimate:
    """The supremum over the domain of both sides, differentiable by the envelope theorem."""
    with torch.no_grad():
        summit = _summit(sides)
    p, q = sides.problem.p, sides.problem.q
    if not p.event_shape and torch.is_grad_enabled():
        inner = [each for side in (p, q) for of in (jumps_of, kinks_in) for each in of(side)]
        inner = [each.expand(sides.problem.batch_shape) for each in inner]
        edges = [edge.squeeze(-1) for edge in edges_of(p, q)] + inner
        finite = [edge for edge in edges if bool(edge.isfinite().all())]
        if any(edge.requires_grad for edge in finite):
            points = move_with_edges(summit.points.unsqueeze(0), finite)[0].squeeze(0)
            summit = replace(summit, points=points)
    return summit_estimate(sides, summit, tolerance, made_by)


def summit_estimate(
    sides: Densities, summit: Summit, tolerance: Tolerance, made_by: str
) -> Estimate:
    """The estimate from a summit; its value is taken again there, with its graph."""
    problem = sides.problem
    endless = summit.value.isposinf()
    if isinstance(problem.divergence, SupremumDivergence) and problem.divergence.without_q > 0:
        endless = endless | (problem.uncovered()[0] & math.isinf(problem.divergence.without_q))
    found = heights(sides, summit.points.unsqueeze(0))
    value = torch.where(endless, torch.inf, found.value.squeeze(0))
    error = summit.error + found.noise.squeeze(0) + sides.mass_error
    estimate = Estimate(
        value.expand(problem.batch_shape),
        torch.where(endless, 0.0, error).expand(problem.batch_shape),
        made_by,
        evaluations=summit.evaluations,
        reason=_why_infinite(problem) if bool(endless.any()) else "",
    )
    tolerance.check(estimate)
    return estimate


def _why_infinite(problem: Problem) -> str:
    if bool(problem.uncovered()[0].any()):
        return problem.why_infinite
    return "it has no upper bound: where both sides have mass, one falls too fast for the other"


def _summit(sides: Densities) -> Summit:
    problem = sides.problem
    start = search(problem.p, problem.q)
    chart, nodes = start.coordinates, start.nodes
    scalar = not problem.event_shape

    def at(u: Tensor) -> Heights:
        x = chart.to_x(u.clamp(*chart.limits))
        return heights(sides, x.squeeze(-1) if scalar else x)

    rays = _rays(chart, nodes.shape[-1])
    along = at(rays.flatten(0, 1))
    endless, limit = beyond_rays(along, rays.shape[1])
    within = at(nodes)
    values = torch.cat([within.secured, along.secured])
    between = (rays[1] - rays[0]).abs().amax(-1, keepdim=True).expand_as(rays)
    gaps = [start.gaps, between.flatten(0, 1)]
    starts = best_starts(torch.cat([nodes, rays.flatten(0, 1)]), values, torch.cat(gaps))
    top, _, gain, cost = zoom(lambda u: at(u).secured, *starts)
    x = chart.to_x(top.clamp(*chart.limits))
    points, value = _with_ends(sides, x.squeeze(-1) if scalar else x)
    error = gain + (limit - value).clamp_min(0.0)
    unbounded = endless | values.isposinf().any(0)
    return Summit(
        points,
        torch.where(unbounded, torch.inf, value),
        torch.where(unbounded, 0.0, error),
        cost + len(values),
    )


def _rays(chart: Coordinates, dimensions: int) -> Tensor:
    r"""Steps from the middle of the coordinates to their limits, with shape (F, R, \*, d)."""
    low, high = chart.limits
    share = torch.arange(1, _STEPS[dimensions] + 1, dtype=low.dtype, device=low.device)
    share = share.reshape(-1, 1, *(1,) * low.ndim) / _STEPS[dimensions]
    if dimensions == 1:
        return share * torch.stack([low, high])
    angle = torch.arange(_RAYS, dtype=low.dtype, device=low.device) * (2 * math.pi / _RAYS)
    towards = torch.stack([angle.cos(), angle.sin()], -1)
    towards = towards.reshape(_RAYS, *(1,) * (low.ndim - 1), 2)
    if chart.whole:
        return ((share * high).sinh() * towards).asinh()
    limit = torch.where(towards > 0, high, low) / towards
    limit = torch.where(towards == 0, torch.inf, limit).amin(-1, keepdim=True)
    return share * limit * towards


def _with_ends(sides: Densities, points: Tensor) -> tuple[Tensor, Tensor]:
    """The better of points and of the places just within the ends of the support of p."""
    problem = sides.problem
    value = heights(sides, points.unsqueeze(0)).secured.squeeze(0)
    if problem.event_shape:
        return points, value
    low, high = (end.squeeze(-1) for end in edges_of(problem.p, problem.q)[:2])
    for end, inward in ((low, torch.inf), (high, -torch.inf)):
        usable = end.isfinite()
        just = torch.nextafter(end, torch.full_like(end, inward))
        just = torch.where(end == 0, math.copysign(_TINY, inward), just)
        place = torch.where(usable, just, points)
        found = heights(sides, place.unsqueeze(0)).secured.squeeze(0)
        better = usable & (found > value)
        points, value = torch.where(better, place, points), torch.where(better, found, value)
    return points, value
