"""Integrals along lines of what is known by its log densities, and their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.adaptive import Demand, Start, grid_of, integrate
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.charts import Chart
from kldiv.estimators.integrals.crossings import crossings
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.lines import Nodes, Sample
from kldiv.estimators.integrals.moving_edges import move_with_edges
from kldiv.estimators.integrals.on_lines import OnLines
from kldiv.estimators.integrals.power_tails import PowerTail, powers_of
from kldiv.estimators.integrals.tails import Ends, ends_of

__all__ = ["Kinks", "LineIntegrals", "added_up", "cuts_of", "joined", "line_integrals"]

Roots = tuple[Tensor, Tensor]
"""Coordinates and their lines, with shape (C)."""


@dataclass(frozen=True)
class Kinks:
    r"""Where integrands have kinks.

    Arguments:
        ratios: Values of :math:`\log(p/q)`.
        points: Points x, with shape :math:`(R)`; in a plane along one axis.
        centres: Points x of each element, with shape :math:`(B, K)`.
    """

    ratios: tuple[float, ...]
    points: Tensor
    centres: Tensor


@dataclass(frozen=True)
class LineIntegrals:
    r"""What was found along lines.

    Arguments:
        function: The integrands, on M lines.
        start: What was known at first.
        values: The integrals, with shape :math:`(k, B)`.
        errors: Their errors, likewise.
        floors: The part of these that is rounding.
        diverges: Which are infinite in a tail, likewise.
        hollow: Which are infinite where one density vanishes, likewise.
        nodes: Nodes and weights whose sums they are.
        beyond: What was added for the tails.
    """

    function: OnLines
    start: Start
    values: Tensor
    errors: Tensor
    floors: Tensor
    diverges: Tensor
    hollow: Tensor
    nodes: list[Nodes]
    beyond: list[PowerTail]

    @property
    def budget(self) -> Budget:
        """What they cost."""
        return self.function.budget

    @property
    def group(self) -> Group:
        """The element of each line."""
        return self.budget.group

    def differentiable(self, edges: list[Tensor]) -> Tensor:
        r"""The same integrals with a graph, with shape :math:`(k, B)`.

        Arguments:
            edges: Edges of the supports that nodes are to move with, each with shape :math:`(B)`.
        """
        at_nodes = ((nodes, self._values(nodes, edges)) for nodes in self.nodes)
        beyond = ((tail.line, tail.integrals(self.function)) for tail in self.beyond)
        return added_up(self.values, self.group, at_nodes, beyond)

    def rule(self) -> Iterator[tuple[Tensor, ...]]:
        """Points, weights, the weights of the coarser rule and elements, each of shape (N, C)."""
        for nodes in self.nodes:
            here = self.function.pick(nodes.line)
            places = here.chart.places(nodes.w)
            slope = places.log_slope.exp()
            element = self.group.of_line[nodes.line].expand_as(nodes.w)
            yield here.points(places.x), nodes.weights * slope, nodes.coarse * slope, element

    def _values(self, nodes: Nodes, edges: list[Tensor]) -> Tensor:
        here = self.function.pick(nodes.line)
        places = here.chart.places(nodes.w)
        if edges:
            own = [edge[self.group.of_line[nodes.line]] for edge in edges]
            x, stretch = move_with_edges(places.x, own)
            places = replace(places, x=x, log_slope=places.log_slope + stretch.log())
        logs = here.formula.logs(here.points(places.x), here.elements)
        return here.sample(*here.unrounded(places, logs), noise=False).values


def added_up(
    known: Tensor,
    group: Group,
    at_nodes: Iterable[tuple[Nodes, Tensor]],
    beyond: Iterable[tuple[Tensor, Tensor]],
) -> Tensor:
    r"""Integrals of elements with the graph of what they are sums of, with shape :math:`(k, B)`.

    Arguments:
        known: Their values; those that are infinite stay so.
        group: The element of each line.
        at_nodes: Nodes, and the integrands there, with shape :math:`(k, N, C)`.
        beyond: Lines, and the integrals of their tails, with shape :math:`(k, C)`.
    """
    total = torch.zeros_like(known)
    for nodes, values in at_nodes:
        usable = values.isfinite() & (nodes.weights > 0)
        parts = torch.where(usable, torch.where(usable, values, 0.0) * nodes.weights, 0.0)
        total = total.index_add(1, group.of_line[nodes.line], parts.sum(1))
    for line, parts in beyond:
        total = total.index_add(1, group.of_line[line], parts)
    return torch.where(known.isfinite(), total, known)


def line_integrals(function: OnLines, demand: Demand, kinks: Kinks) -> LineIntegrals:
    r"""Integrates along lines and adds up those of an element.

    Arguments:
        function: The integrands.
        demand: When to stop.
        kinks: Where an integrand has some.
    """
    chart, group = function.chart, function.budget.group
    grid = grid_of(chart)
    w = grid.steps()
    ladder = function(w, None, noise=True)
    ends = ends_of(ladder, function)
    if function.continues and chart.rounds:
        function = replace(function, powers=powers_of(function))
        ladder = function.sample(*function.unrounded(chart.places(w), ladder.logs), noise=True)
    points = kinks.points.unsqueeze(-1).expand(-1, len(group.of_line))
    points = torch.cat([points, kinks.centres[group.of_line].T])
    roots = joined(_roots(function, ladder, w, kinks.ratios), cuts_of(chart, points))
    rough = ends.open.clone()
    rough[roots[1]] = True
    idle = _idle(function, ends, group)
    start = Start(grid, ladder.values, ends, roots, rough, idle)
    found = integrate(function, chart, start, demand)
    values, errors = found.integrals.values, found.integrals.errors
    for tail in ends.beyond:
        at = group.of_line[tail.line]
        values, errors = values.index_add(1, at, tail.best), errors.index_add(1, at, tail.errors)
    diverges = group.total(ends.diverges.to(values)) > 0
    values = torch.where(diverges, torch.inf, values)
    errors = torch.where(values.isfinite(), errors, 0.0)
    errors = torch.where(group.total(ends.lost.to(values)) > 0, torch.inf, errors)
    return LineIntegrals(
        function,
        start,
        values,
        errors,
        found.integrals.floors,
        diverges,
        group.total(ends.hollow.to(values)) > 0,
        found.nodes,
        ends.beyond,
    )


def _idle(function: OnLines, ends: Ends, group: Group) -> Tensor:
    """Lines of elements with an infinite integral that makes the others needless."""
    count = function.formula.count
    if not function.formula.needs_all or not bool(ends.diverges.any()):
        return torch.zeros_like(ends.open)
    hopeless = group.total(ends.diverges[:count].any(0).to(torch.uint8)) > 0
    return hopeless[group.of_line]


def cuts_of(chart: Chart, points: Tensor) -> Roots:
    """The coordinates of points, of shape (R, M), on the lines that hold them."""
    w = chart.of_points(points)
    low, high = chart.limits
    place, line = ((w > low) & (w < high)).nonzero(as_tuple=True)
    return w[place, line], line


def joined(first: Roots, second: Roots) -> Roots:
    """Both."""
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]])


def _roots(function: OnLines, ladder: Sample, w: Tensor, ratios: tuple[float, ...]) -> Roots:
    """The coordinates at which both densities are in one of some ratios."""

    def gap(trial: Tensor, line: Tensor) -> Tensor:
        logs = function(trial.unsqueeze(0), line, noise=False).logs
        return (logs[0] - logs[1]).squeeze(0)

    if not ratios:
        return w.new_empty(0), torch.empty(0, dtype=torch.long, device=w.device)
    at_nodes = ladder.logs[0] - ladder.logs[1]
    return crossings(gap, w.expand_as(at_nodes), at_nodes, ratios)
