r"""Integrals over a plane, as integrals along lines of integrals along lines across them.

By Fubini's theorem :math:`\iint g\,dx_1 dx_2 = \int F(x_1)\,dx_1` with
:math:`F(x_1) = \int g(x_1, x_2)\,dx_2`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.across import Inner, Plane
from kldiv.estimators.integrals.adaptive import Demand, Start, grid_of, integrate
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.crossings import crossings
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import Formula
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.layout import lines_of
from kldiv.estimators.integrals.line_integrals import added_up, cuts_of, joined
from kldiv.estimators.integrals.lines import Nodes
from kldiv.estimators.integrals.on_lines import Verdicts
from kldiv.estimators.integrals.power_tails import PowerTail, outermost
from kldiv.estimators.integrals.trapezium import Grid

__all__ = ["PlaneIntegrals", "plane_integrals"]

_MARGIN = 10.0  # of the error along a plane's first axis, whose integrands are integrals
_REACH = 160.0  # half as far, in logarithms, as along the lines across: their tails must show


@dataclass(frozen=True)
class PlaneIntegrals:
    r"""What was found over planes, as LineIntegrals is of lines."""

    inner: Inner
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
        return self.inner.budget

    @property
    def group(self) -> Group:
        """The element of each line."""
        return self.budget.group

    def differentiable(self, edges: list[Tensor]) -> Tensor:
        r"""The same integrals with a graph, with shape :math:`(k, B)`.

        Arguments:
            edges: Edges across each axis that nodes are to move with, with shape :math:`(B, 2)`.
        """
        inner = self._again
        at_nodes = ((nodes, _values(inner, nodes, edges)) for nodes in self.nodes)
        beyond = ((tail.line, tail.integrals(inner)) for tail in self.beyond)
        return added_up(self.values, self.group, at_nodes, beyond)

    def rule(self) -> Iterator[tuple[Tensor, ...]]:
        """Points, weights, the weights of the coarser rule and elements, each of shape (N, C)."""
        for nodes in self.nodes:
            places = self.inner.chart.pick(nodes.line).places(nodes.w)
            found = self._again.across(places.x, places.log_slope, nodes.line)
            of_column = self.group.of_line[nodes.line].expand_as(nodes.w).reshape(-1)
            for points, weights, coarse, column in found.rule():
                outer, half = (each.reshape(-1)[column] for each in (nodes.weights, nodes.coarse))
                slope = places.log_slope.reshape(-1)[column].exp()
                yield points, weights * outer * slope, coarse * half * slope, of_column[column]

    @property
    def _again(self) -> Inner:
        """The inner integrals at nodes that were chosen."""
        return replace(self.inner, budget=self.budget.anew())


def plane_integrals(formula: Formula, plane: Plane, demand: Demand) -> PlaneIntegrals:
    r"""Integrates over the plane of each element of a batch.

    Arguments:
        formula: The integrands.
        plane: Where.
        demand: When to stop.
    """
    elements = Elements(None, plane.batch)
    lines = lines_of(plane.edges[..., 0], *plane.along(), elements, reach=_REACH)
    budget = Budget.of(Group(lines.column, plane.batch.numel()), demand.most)
    inner = Inner(formula, plane, lines.chart, lines.elements, demand, budget, Verdicts())
    grid = grid_of(lines.chart)
    ladder, ends = inner.ladder(grid)
    if ends.beyond and lines.chart.rounds:
        inner = replace(inner, powers=_powers(inner, grid))
        ladder = inner(grid.steps(), None, noise=True)
    points = plane.cuts[:, :1].expand(-1, len(lines.column))
    sharp = plane.along()[0][lines.column][:, plane.sharp].T
    roots = joined(_roots(inner, grid), cuts_of(lines.chart, torch.cat([points, sharp])))
    rough = ends.open.clone()
    rough[roots[1]] = True
    start = Start(grid, ladder.values, ends, roots, rough, torch.zeros_like(ends.open))
    group, found = budget.group, integrate(inner, lines.chart, start, demand)
    values, errors = found.integrals.values, _MARGIN * found.integrals.errors
    for tail in ends.beyond:
        at = group.of_line[tail.line]
        values, errors = values.index_add(1, at, tail.best), errors.index_add(1, at, tail.errors)
    rises = group.total(ends.diverges.to(values)) > 0
    values = torch.where(rises, torch.inf, values)
    errors = torch.where(values.isfinite(), errors, 0.0)
    return PlaneIntegrals(
        inner,
        start,
        values,
        errors,
        found.integrals.floors,
        rises | inner.verdicts.of(values),
        torch.zeros_like(values, dtype=torch.bool),
        found.nodes,
        ends.beyond,
    )


def _values(inner: Inner, nodes: Nodes, edges: list[Tensor]) -> Tensor:
    places = inner.chart.pick(nodes.line).places(nodes.w)
    values = inner.moving(places.x, places.log_slope, nodes.line, edges)
    return values * inner.unrounded(places, nodes.line)[1]


def _roots(inner: Inner, grid: Grid) -> tuple[Tensor, Tensor]:
    """Where the lines across begin to meet a kink, near each place with mass."""
    w, line = grid.steps(), torch.arange(len(inner.chart.lower), device=grid.start.device)
    w = w.expand(-1, len(line))
    roots = w.new_empty(0), line[:0]
    for place in range(len(inner.plane.places) if inner.plane.ratios else 0):

        def gap(w: Tensor, line: Tensor, place: int = place) -> Tensor:
            return inner.turning_gap(w.unsqueeze(0), line, place).squeeze(0)

        at_steps = inner.turning_gap(w, line, place)
        roots = joined(roots, crossings(gap, w, at_steps, inner.plane.ratios))
    return roots


def _powers(inner: Inner, grid: Grid) -> Tensor:
    """The power of the distance from each end that each integrand is, with shape (2, k, M)."""
    chart, powers = inner.chart, []
    line = torch.arange(len(chart.lower), device=chart.lower.device)
    for lower, steps in ((True, 0), (False, grid.number)):
        finite = (chart.lower if lower else chart.upper).isfinite()
        far = chart.places((grid.start + grid.spacing * steps).unsqueeze(0)).log_distance[0]
        places = outermost(chart, line, torch.where(finite, -far, far), lower=lower)
        logs = inner.logs_at(places.x, line)
        log_g = inner.densities(places.x, logs, places.log_distance, line).abs().log()
        fall = (log_g[:, 1] - log_g[:, 0]) / (places.outward[0] - places.outward[1])
        powers.append(torch.where(finite & fall.isfinite(), fall - 1, torch.nan))
    return torch.stack(powers)
