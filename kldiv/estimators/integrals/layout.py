"""Where integration takes place: the lines between the edges of both supports."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.numbers import broadcast
from kldiv.definitions.support import Interval
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of
from kldiv.estimators.integrals.charts import Chart, chart_of
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.landmarks import Landmark, landmarks

__all__ = ["Lines", "domain_of", "edges_of", "lines_of", "places_of"]


@dataclass(frozen=True)
class Lines:
    r"""M lines, with their coordinates.

    Arguments:
        chart: The coordinates.
        elements: The elements of the batch that the lines belong to.
        column: Which of the columns that were asked for each line belongs to, with shape (M).
    """

    chart: Chart
    elements: Elements
    column: Tensor


def lines_of(
    edges: Tensor, centre: Tensor, scale: Tensor, elements: Elements, **reach: float
) -> Lines:
    r"""The lines between neighbouring edges, one or more for each column.

    Arguments:
        edges: Ends of the supports, in any order, with shape :math:`(m, C)`.
        centre: Places with mass, with shape :math:`(C, K)`.
        scale: Their scales, likewise.
        elements: The elements of the C columns.
        reach: What the coordinates are to have.
    """
    ordered = edges.sort(dim=0).values
    lower, upper = ordered[:-1], ordered[1:]
    present = upper > lower
    if bool((present.sum(0) == 1).all()):
        first = present.to(torch.uint8).argmax(0, keepdim=True)
        low, high = (torch.gather(each, 0, first).squeeze(0) for each in (lower, upper))
        column = torch.arange(len(low), device=low.device)
        return Lines(chart_of(low, high, centre, scale, **reach), elements, column)
    _, column = present.nonzero(as_tuple=True)
    chart = chart_of(lower[present], upper[present], centre[column], scale[column], **reach)
    return Lines(chart, elements.pick(column), column)


def places_of(p: Target, q: Target) -> list[Landmark]:
    """The places with mass of both sides."""
    return landmarks(p) + ([] if q is p else landmarks(q))


def domain_of(p: Target, q: Target) -> Interval:
    r"""The smallest box that holds both supports, with ends of shape :math:`(*, d)`."""
    low_p, high_p, low_q, high_q = edges_of(p, q)
    return Interval(torch.minimum(low_p, low_q), torch.maximum(high_p, high_q))


def edges_of(p: Target, q: Target) -> list[Tensor]:
    r"""The ends of both supports, of p first, each with shape :math:`(*, d)`; differentiable."""
    batch = broadcast(p.batch_shape, q.batch_shape)
    edges = []
    for side in (p, q):
        ends = ends_of(side, batch)
        edges += [ends.lower, ends.upper]
    return edges
