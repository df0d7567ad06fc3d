"""Both sides of a problem as lots: data as they are, distributions by points drawn from them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.definitions.sample_divergence import SampleScoreDivergence
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import is_whole, unwrap
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.moving import dimensions_of, points_of, pushed, why_none_move
from kldiv.estimators.scores import score_of
from kldiv.estimators.two_samples.lots import Lot

__all__ = ["Cube", "held", "independent", "lots", "why_not_drawn"]

Cube = Callable[[Target, int, int], Tensor]


def independent(side: Target, count: int, seed: int) -> Tensor:
    """Independent points of the unit cube that becomes a side, with shape (N, m)."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    size = dimensions_of(side.distribution)
    cube = torch.rand(count, size, generator=generator, dtype=torch.float64)
    return cube.clamp_min(torch.finfo(torch.float64).tiny).to(side.device)


def held(side: Target, count: int, seed: int) -> Tensor:
    """Points that fill the cube evenly: the same for both sides, so that equal sides are so."""
    if side.distribution is None:
        raise NotAvailable(f"{side!r} is no torch distribution")
    return points_of(side.distribution, count, 0).to(side.device)


def lots(problem: Problem, count: int, cube: Cube) -> list[tuple[Lot, ...]]:
    """The lots of every element of the batch: of both sides, or of p with the scores of q."""
    p = _points(problem.p, problem, count, cube, problem.seed)
    if isinstance(problem.divergence, SampleScoreDivergence):
        scores = score_of(problem.q, p[0])[1]
        return [(each,) for each in _split(problem, (p[0], scores), *p[1:])]
    q = _points(problem.q, problem, count, cube, problem.seed + 1)
    return list(zip(*(_split(problem, side[:1], *side[1:]) for side in (p, q)), strict=True))


def why_not_drawn(problem: Problem) -> str | None:
    """Samples, or what they can be drawn from; and a density where a score is needed."""
    sides = [("p", problem.p), ("q", problem.q)]
    if isinstance(problem.divergence, SampleScoreDivergence):
        name, q = sides.pop()
        if isinstance(q, SampleTarget) or unwrap(q.support).is_discrete:
            return f"{name} = {q!r} has no score, the gradient of a log density"
        if not is_whole(q.support):
            return f"{name} = {q!r} has an edge, of which its score says nothing"
    for name, side in sides:
        if not (isinstance(side, SampleTarget) or side.has_sampler):
            return f"{name} = {side!r} is no sample and has no sampler to draw one"
        if isinstance(side, SampleTarget) and int((side.weights > 0).sum()) < 2:
            return f"{name} is a single point, which has no error"
    return None


def _points(
    side: Target, problem: Problem, count: int, cube: Cube, seed: int
) -> tuple[Tensor, Tensor, int]:
    r"""Points :math:`(N, *, E)` with the problem's batch, weights :math:`(N, *)`, and units."""
    batch, event = problem.batch_shape, problem.event_shape
    ones = (1,) * len(batch)
    if isinstance(side, SampleTarget):
        points = side.points.double().reshape(-1, *ones, *event)
        weights, units = side.weights.reshape(-1, *ones), len(side.weights)
    elif side.distribution is not None and why_none_move(side.distribution) is None:
        uniform = cube(side, count, seed)
        points, weights = pushed(side.distribution, uniform)
        weights = weights.expand(len(points), *weights.shape[1:])
        points, weights = _widened(points, batch, event), _widened(weights, batch, torch.Size())
        units = len(uniform)
    else:
        points = _widened(side.sample(torch.Size([count]), seed), batch, event)
        weights, units = torch.full((count, *ones), 1 / count, dtype=points.dtype), count
    rows = len(points)
    return points.expand(rows, *batch, *event), weights.expand(rows, *batch), units


def _widened(values: Tensor, batch: torch.Size, event: torch.Size) -> Tensor:
    """Values with the rank of the batch, ones before what batch they have."""
    own = values.shape[1 : values.ndim - len(event)]
    ones = (1,) * (len(batch) - len(own))
    return values.reshape(values.shape[:1] + ones + values.shape[1:])


def _split(
    problem: Problem, columns: tuple[Tensor, ...], weights: Tensor, units: int
) -> list[Lot]:
    """A lot for each element of the batch."""
    last = 1 + len(problem.batch_shape)
    flat = [each.reshape(len(each), -1, *each.shape[last:]).unbind(1) for each in columns]
    shares = weights.reshape(len(weights), -1).unbind(1)
    return [Lot(tuple(each), share, units) for *each, share in zip(*flat, shares, strict=True)]
