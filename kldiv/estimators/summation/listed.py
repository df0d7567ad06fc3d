"""Sums over vectors of counts: all points of a list, or of a box with the mass of both sides.

A box around independent coordinates without an end is as large as their own sums need. A
divergence of the coordinates one by one that is infinite makes that of the vectors infinite: by
the data-processing inequality no coordinate is farther apart than the whole.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.numbers import broadcast
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import NotAvailable
from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.estimators.summation.enumeration import Box, box_around, marginal, points_of
from kldiv.estimators.summation.lattice_lines import lines_of
from kldiv.estimators.summation.series import Series, add_up
from kldiv.estimators.terms import Terms, terms_of

__all__ = ["all_points", "count_of", "has_no_end", "listed"]

_TRIMMED = 1e-20  # of the largest term: what may be beyond the faces of a box
_BEYOND = 100.0  # by which more is beyond a face than on it


def count_of(p: Target, q: Target) -> float:
    """How many points would be listed, infinite where they cannot be."""
    count, _ = points_of(p, q, 0)
    box = box_around(p, q) if count == float("inf") else None
    return count if box is None else box.count


def has_no_end(p: Target, q: Target) -> bool:
    """Whether a box is no more than a part of the supports."""
    box = box_around(p, q)
    return box is not None and box.cut


def all_points(p: Target, q: Target, most: int) -> Tensor:
    r"""All points of both supports, those with mass that counts where there is no end.

    Their shape is that of points for every element of the batch, :math:`(N, 1, E)`.

    Raises:
        NotAvailable: If they cannot be listed.
    """
    batch = broadcast(p.batch_shape, q.batch_shape)
    _, points = points_of(p, q, most)
    if points is None:
        box = box_around(p, q)
        if box is None:
            raise NotAvailable(f"the support {p.support} of {p!r} cannot be listed")
        points = box.points(p.event_shape)
    return _shaped(points, batch)


def listed(terms: Terms, p: Target, q: Target, problem: Problem | None, most: int) -> Series:
    """The sum over all points of vector-valued discrete supports.

    Arguments:
        terms: The summands.
        p: One side.
        q: The other.
        problem: What the terms are of, if they are those of a divergence.
        most: How many points may be listed.

    Raises:
        NotAvailable: If they cannot be listed.
    """
    batch = broadcast(p.batch_shape, q.batch_shape)
    none = torch.zeros((1, *batch), dtype=torch.float64, device=p.device)
    _, points = points_of(p, q, most)
    if points is not None:
        return _series(points, batch, none, none.bool())
    box = box_around(p, q)
    if box is None:
        raise NotAvailable(f"the support {p.support} of {p!r} cannot be listed")
    if not box.cut:
        return _series(box.points(p.event_shape), batch, none, none.bool())
    diverges = none.bool()
    alone = marginal(p), marginal(q)
    if problem is not None and alone[0] is not None and alone[1] is not None:
        box, diverges = _trimmed(box, problem, (alone[0], alone[1]))
    points = box.points(p.event_shape)
    faces = points[box.outermost(points)]
    with torch.no_grad():
        shaped = _shaped(faces, batch)
        edge = terms(shaped, _none(shaped, batch))[0].abs().nan_to_num(posinf=0.0).sum(1)
    return _series(points, batch, _BEYOND * edge, diverges)


def _series(points: Tensor, batch: torch.Size, errors: Tensor, diverges: Tensor) -> Series:
    shaped = _shaped(points, batch)
    return Series(shaped, _none(shaped, batch).exp(), errors, diverges)


def _shaped(points: Tensor, batch: torch.Size) -> Tensor:
    return points.reshape(len(points), *(1,) * len(batch), *points.shape[1:])


def _none(shaped: Tensor, batch: torch.Size) -> Tensor:
    """The logarithms of the weights of points that stand for themselves."""
    return shaped.new_zeros(len(shaped), *(1,) * len(batch))


@torch.no_grad()
def _trimmed(
    box: Box, problem: Problem, alone: tuple[Distribution, Distribution]
) -> tuple[Box, Tensor]:
    """The box without what no coordinate needs, and whether a coordinate's own sum diverges."""
    p, q = (DistributionTarget(one) for one in alone)
    single = Problem(problem.divergence, p, q)
    zero = torch.zeros((), dtype=torch.float64, device=problem.p.device)
    sides = Densities(single, zero, zero, zero, measures=True)  # both densities are terms as well
    lines = lines_of(p, q)
    terms = terms_of(sides)
    every = [add_up(terms, line, everywhere=True, max_terms=1 << 16) for line in lines]
    diverges = torch.stack([one.diverges for one in every]).any(0)
    diverges = diverges.flatten(-len(problem.event_shape)).any(-1)
    first, last = float(box.lower.min()), float(box.upper.max())
    x = torch.arange(first, last + 1, dtype=torch.float64, device=zero.device)
    shaped = _shaped(x, single.batch_shape)
    sizes = terms(shaped, torch.zeros_like(shaped))[0].abs().nan_to_num(posinf=0.0)
    counts = (sizes > _TRIMMED * sizes.amax(1, keepdim=True)).movedim(1, 0)
    counts = counts.reshape(len(x), -1, box.lower.numel()).any(1)
    places = torch.where(counts, x.unsqueeze(-1), torch.nan)
    low, high = places.nan_to_num(nan=torch.inf).amin(0), places.nan_to_num(nan=-torch.inf).amax(0)
    return box.within(low, high), diverges[: len(diverges) - 2]
