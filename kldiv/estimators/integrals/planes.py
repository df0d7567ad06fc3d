r"""Integrals over a plane, as integrals along lines of integrals along lines across them.

By Fubini's theorem :math:`\iint g\,dx_1 dx_2 = \int F(x_1)\,dx_1` with
:math:`F(x_1) = \int g(x_1, x_2)\,dx_2`. All the inner lines of a step are integrated together,
each about the places where its densities are, given :math:`x_1`: a narrow ridge is as wide as any
other line. The errors of the inner integrals are the rounding of the outer one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.adaptive import Demand, Start, grid_of, integrate
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.charts import Chart, Places
from kldiv.estimators.integrals.crossings import crossings
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import Formula
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.estimators.integrals.layout import lines_of
from kldiv.estimators.integrals.line_integrals import (
    Kinks,
    LineIntegrals,
    cuts_of,
    joined,
    line_integrals,
)
from kldiv.estimators.integrals.lines import Nodes, Sample
from kldiv.estimators.integrals.on_lines import Across, OnLines, Verdicts
from kldiv.estimators.integrals.power_tails import PowerTail, outermost
from kldiv.estimators.integrals.tails import Ends, ends_of
from kldiv.estimators.integrals.trapezium import Grid

__all__ = ["Plane", "PlaneIntegrals", "plane_integrals"]

_INNER = 0.1  # of the tolerance
_SHARE = 400  # a line across may cost one of so many parts of the evaluations,
_ENOUGH = 160  # or as many as it mostly does
_REACH = 160.0  # half as far, in logarithms, as along the lines across: their tails must show


@dataclass(frozen=True)
class Plane:
    r"""A domain in the plane for each element of a batch.

    Arguments:
        edges: The ends of both supports, with shape :math:`(m, B, 2)`.
        places: Places with mass, with centres and scales of shape :math:`(B, 2)`.
        batch: The batch shape.
        ratios: Values of :math:`\log(p/q)` at which integrands have kinks.
        cuts: Points whose coordinates are those of kinks, with shape :math:`(R, 2)`.
    """

    edges: Tensor
    places: list[Landmark]
    batch: torch.Size
    ratios: tuple[float, ...]
    cuts: Tensor

    @property
    def sharp(self) -> list[bool]:
        """Which places are kinks along each axis."""
        return [place.sharp for place in self.places]

    def along(self) -> tuple[Tensor, Tensor]:
        """Centres and scales on the first axis, with shape (B, K)."""
        centre = torch.stack([place.centre[..., 0] for place in self.places], -1)
        scale = torch.stack([place.scale[..., 0] for place in self.places], -1)
        return centre, scale

    def across(self, x: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
        """Centres and scales on the second axis given the first coordinate, with shape (C, K)."""
        found = [place.given(x, element) for place in self.places]
        return torch.stack([each[0] for each in found], -1), torch.stack(
            [each[1] for each in found], -1
        )


@dataclass(frozen=True)
class _Inner:
    """The integrals across M lines, as integrands along these."""

    formula: Formula
    plane: Plane
    chart: Chart
    elements: Elements
    demand: Demand
    budget: Budget
    verdicts: Verdicts
    powers: Tensor | None = None

    def __call__(self, w: Tensor, line: Tensor | None, *, noise: bool) -> Sample:
        line = torch.arange(len(self.chart.lower), device=w.device) if line is None else line
        return self.at(w, line)[0]

    def at(self, w: Tensor, line: Tensor) -> tuple[Sample, Tensor]:
        """The integrals across lines at nodes, and which part of their errors is rounding."""
        places = self.chart.pick(line).places(w)
        found = self.across(places.x, places.log_slope, line)
        shift, factor = self.unrounded(places, line)
        values, errors, floors = (
            each.reshape(-1, *places.x.shape) * factor
            for each in (found.values, found.errors, found.floors)
        )
        values = torch.where(errors.isinf(), torch.nan, values)  # nothing is known there
        return Sample(values, errors, replace(places, shift=shift)), floors

    def ladder(self, grid: Grid) -> tuple[Sample, Ends]:
        """The integrals across all steps of lines, and what they say of the ends of these."""
        sample, floors = self.at(
            grid.steps(), torch.arange(len(self.chart.lower), device=grid.start.device)
        )
        return sample, ends_of(replace(sample, noise=floors), self)

    @property
    def continues(self) -> bool:
        """They are known at points only."""
        return False

    def logs_at(self, x: Tensor, line: Tensor) -> tuple[Tensor, ...]:
        """Nothing that they are made of."""
        return ()

    def densities(
        self, x: Tensor, logs: tuple[Tensor, ...], log_slope: Tensor, line: Tensor
    ) -> Tensor:
        """The integrals across lines, times a slope, with shape (k, N, C) and a graph if any."""
        with torch.no_grad():
            found = self.across(x, log_slope, line)
        values = found.differentiable([]) if torch.is_grad_enabled() else found.values
        return values.reshape(-1, *x.shape)

    def unrounded(self, places: Places, line: Tensor) -> tuple[Tensor, Tensor]:
        """What was made good of the rounding of places, by which factors of shape (k, N, C)."""
        if self.powers is None:
            return torch.zeros_like(places.shift), torch.ones_like(places.shift)
        chart, powers = self.chart.pick(line), self.powers[..., line].unsqueeze(2)
        power = torch.where(chart.nearer_lower(places.x), powers[0], powers[1])
        known = power.isfinite()
        factor = torch.where(known, (-torch.where(known, power, 0.0) * places.shift).exp(), 1.0)
        return torch.where(known.all(0), places.shift, 0.0), factor

    def middle_gap(self, w: Tensor, line: Tensor) -> Tensor:
        """The logarithm of p / q at the first place with mass across lines, with shape (N, C)."""
        x = self.chart.pick(line).places(w).x
        element = self._element(line)
        middle = self.plane.across(x, element.expand(x.shape))[0][..., 0]
        log_p, log_q = self.formula.logs(
            torch.stack([x, middle], -1), Elements(element, self.plane.batch)
        )
        return log_p - log_q

    def _element(self, line: Tensor) -> Tensor:
        if self.elements.index is None:
            return line
        return self.elements.index[line]

    def across(self, x: Tensor, log_slope: Tensor, line: Tensor) -> LineIntegrals:
        """The integrals across lines at places of shape (N, C), flattened."""
        element = self._element(line).expand(x.shape).reshape(-1)
        x, log_slope = x.reshape(-1), log_slope.reshape(-1)
        centre, scale = self.plane.across(x, element)
        columns = Elements(element, self.plane.batch)
        lines = lines_of(self.plane.edges[:, element, 1], centre, scale, columns)
        across = Across(x[lines.column], log_slope[lines.column])
        most = self.budget.shares(element).clamp_max(max(self.demand.most // _SHARE, _ENOUGH))
        budget = Budget(Group(lines.column, len(x)), most)
        function = OnLines(self.formula, lines.chart, lines.elements, budget, lines.column, across)
        demand = replace(self.demand, rtol=self.demand.rtol * _INNER, atol=0.0)
        sharp = centre[:, self.plane.sharp]
        kinks = Kinks(self.plane.ratios, self.plane.cuts[:, 1], sharp)
        found = line_integrals(function, demand, kinks)
        self.budget.charge_lines(element, budget.spent)
        self.verdicts.note(found.diverges, element, self.plane.batch.numel())
        return found


@dataclass(frozen=True)
class PlaneIntegrals:
    r"""What was found over planes, as LineIntegrals is of lines."""

    inner: _Inner
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
        r"""The same integrals with a graph, with shape :math:`(k, B)`."""
        inner, total = self._again, torch.zeros_like(self.values)
        for nodes in self.nodes:
            places = self.inner.chart.pick(nodes.line).places(nodes.w)
            values = inner.densities(places.x, (), places.log_slope, nodes.line)
            values = values * inner.unrounded(places, nodes.line)[1]
            usable = values.isfinite() & (nodes.weights > 0)
            parts = torch.where(usable, torch.where(usable, values, 0.0) * nodes.weights, 0.0)
            total = total.index_add(1, self.group.of_line[nodes.line], parts.sum(1))
        for tail in self.beyond:
            parts = tail.integrals(inner)
            total = total.index_add(1, self.group.of_line[tail.line], parts)
        return torch.where(self.values.isfinite(), total, self.values)

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
    def _again(self) -> _Inner:
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
    inner = _Inner(formula, plane, lines.chart, lines.elements, demand, budget, Verdicts())
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
    values, errors = found.integrals.values, found.integrals.errors
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


def _roots(inner: _Inner, grid: Grid) -> tuple[Tensor, Tensor]:
    """Where a kink crosses the middle of the lines across: there they may all have it at once."""
    w = grid.steps()
    if not inner.plane.ratios:
        return w.new_empty(0), torch.empty(0, dtype=torch.long, device=w.device)

    def gap(w: Tensor, line: Tensor) -> Tensor:
        return inner.middle_gap(w.unsqueeze(0), line).squeeze(0)

    line = torch.arange(len(inner.chart.lower), device=w.device)
    w = w.expand(-1, len(line))
    return crossings(gap, w, inner.middle_gap(w, line), inner.plane.ratios)


def _powers(inner: _Inner, grid: Grid) -> Tensor:
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
