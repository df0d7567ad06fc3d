r"""Integrals along the lines across a plane, as integrands along its first axis.

All the inner lines of a step are integrated together, each about the places where its densities
are, given the first coordinate: a narrow ridge is as wide as any other line. The errors of the
inner integrals are the rounding of the outer one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.centring import centred
from kldiv.estimators.integrals.charts import Chart
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import Formula
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.estimators.integrals.layout import lines_of
from kldiv.estimators.integrals.line_integrals import Kinks, LineIntegrals, line_integrals
from kldiv.estimators.integrals.lines import Places, Sample
from kldiv.estimators.integrals.moving_edges import move_with_edges
from kldiv.estimators.integrals.narrowing import narrowed
from kldiv.estimators.integrals.on_lines import Across, OnLines, Verdicts
from kldiv.estimators.integrals.tails import Ends, ends_of
from kldiv.estimators.integrals.trapezium import Grid
from kldiv.estimators.integrals.turning_points import turning_points

__all__ = ["Inner", "Plane"]

_INNER = 0.1  # of the tolerance
_SHARE = 400  # a line across may cost one of so many parts of the evaluations,
_ENOUGH = 160  # or as many as it mostly does


@dataclass(frozen=True)
class Plane:
    r"""A domain in the plane for each element of a batch.

    Arguments:
        edges: The ends of both supports, with shape :math:`(m, B, 2)`.
        places: Places with mass, with centres and scales of shape :math:`(B, 2)`.
        batch: The batch shape.
        ratios: Values of :math:`\log(p/q)` at which integrands have kinks.
        cuts: Points whose coordinates are those of kinks, with shape :math:`(R, 2)`.
        sides: Which density each place belongs to, 0 for the first.
    """

    edges: Tensor
    places: list[Landmark]
    batch: torch.Size
    ratios: tuple[float, ...]
    cuts: Tensor
    sides: tuple[int, ...]

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
class Inner:
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
        """The integrals across lines at nodes."""
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
        ratio = self._log_ratio(values) if self.formula.has_poles else None
        return Sample(values, errors, replace(places, shift=shift), log_ratio=ratio), floors

    def _log_ratio(self, values: Tensor) -> Tensor | None:
        """That of the masses of both sides across the lines, which come last if they are known."""
        if len(values) == self.formula.count:
            return None
        return values[-2].log() - values[-1].log()

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
        return self.moving(x, log_slope, line, [])

    def moving(self, x: Tensor, log_slope: Tensor, line: Tensor, edges: list[Tensor]) -> Tensor:
        """The same, at points that move with edges across each axis, of shape (B, 2)."""
        with torch.no_grad():
            found = self.across(x, log_slope, line)
        if not torch.is_grad_enabled():
            return found.values.reshape(-1, *x.shape)
        if not edges:
            return found.differentiable([]).reshape(-1, *x.shape)
        element, column = self._element(line), found.function.column
        moved, stretch = move_with_edges(x, [edge[element, 0] for edge in edges])
        slopes = (log_slope + stretch.log()).reshape(-1)
        across = Across(moved.reshape(-1)[column], slopes[column])
        found = replace(found, function=replace(found.function, across=across))
        element = element.expand(x.shape).reshape(-1)
        return found.differentiable([edge[element, 1] for edge in edges]).reshape(-1, *x.shape)

    def unrounded(self, places: Places, line: Tensor) -> tuple[Tensor, Tensor]:
        """What was made good of the rounding of places, by which factors of shape (k, N, C)."""
        if self.powers is None:
            return torch.zeros_like(places.shift), torch.ones_like(places.shift)
        chart, powers = self.chart.pick(line), self.powers[..., line].unsqueeze(2)
        power = torch.where(chart.nearer_lower(places.x), powers[0], powers[1])
        known = power.isfinite()
        factor = torch.where(known, (-torch.where(known, power, 0.0) * places.shift).exp(), 1.0)
        return torch.where(known.all(0), places.shift, 0.0), factor

    def turning_gap(self, w: Tensor, line: Tensor, place: int) -> Tensor:
        """The logarithm of p / q where it turns across lines near a place, with shape (N, C)."""
        x = self.chart.pick(line).places(w).x
        element = self._element(line)
        near = [each[..., place] for each in self.plane.across(x, element.expand(x.shape))]

        def gap(y: Tensor) -> Tensor:
            points = torch.stack([x.expand_as(y), y], -1).flatten(0, -3)
            log_p, log_q = self.formula.logs(points, Elements(element, self.plane.batch))
            return (log_p - log_q).reshape(y.shape)

        return gap(turning_points(gap, *near))

    def _element(self, line: Tensor) -> Tensor:
        if self.elements.index is None:
            return line
        return self.elements.index[line]

    def across(self, x: Tensor, log_slope: Tensor, line: Tensor) -> LineIntegrals:
        """The integrals across lines at places of shape (N, C), flattened."""
        element = self._element(line).expand(x.shape).reshape(-1)
        x, log_slope = x.reshape(-1), log_slope.reshape(-1)
        centre, scale = self._places(x, element)
        columns = Elements(element, self.plane.batch)
        lines = lines_of(self.plane.edges[:, element, 1], centre, scale, columns)
        across = Across(x[lines.column], log_slope[lines.column])
        most = self.budget.shares(element).clamp_max(max(self.demand.most // _SHARE, _ENOUGH))
        budget = Budget(Group(lines.column, len(x)), most)
        function = OnLines(self.formula, lines.chart, lines.elements, budget, lines.column, across)
        demand = replace(self.demand, rtol=self.demand.rtol * _INNER, atol=0.0, of_first=0.0)
        sharp = centre[:, self.plane.sharp]
        kinks = Kinks(self.plane.ratios, self.plane.cuts[:, 1], sharp)
        found = line_integrals(function, demand, kinks)
        self.budget.charge_lines(element, budget.spent)
        self.verdicts.note(found.diverges, element, self.plane.batch.numel())
        return found

    def _places(self, x: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
        """Centres across lines, where densities are, and scales as narrow as they are there."""
        centre, scale = self.plane.across(x, element)

        def logs(y: Tensor, column: Tensor) -> tuple[Tensor, ...]:
            self.budget.charge(element[column], len(y))
            points = torch.stack([x[column].expand_as(y), y], -1)
            return self.formula.logs(points, Elements(element[column], self.plane.batch))

        centre = centred(logs, centre, scale, self.plane.sides)
        return centre, narrowed(logs, centre, scale)
