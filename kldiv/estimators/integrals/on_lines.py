"""Integrands along lines of one dimension, or along those of a plane with one coordinate fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.charts import Chart
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import Formula
from kldiv.estimators.integrals.lines import Places, Sample

__all__ = ["Across", "OnLines", "Verdicts"]


@dataclass
class Verdicts:
    """Which integrals, of shape (k, B), were found to diverge along some line of a plane."""

    diverges: Tensor | None = None

    def note(self, diverges: Tensor, element: Tensor, count: int) -> None:
        """Takes in which integrals (k, C) along lines of some elements (C) diverge."""
        if not bool(diverges.any()):
            return
        found = torch.zeros(diverges.shape[0], count, dtype=torch.uint8, device=diverges.device)
        found = found.index_add(1, element, diverges.to(torch.uint8)) > 0
        self.diverges = found if self.diverges is None else self.diverges | found

    def of(self, values: Tensor) -> Tensor:
        """Which of the values are infinite for that reason."""
        return values.isinf() & self.diverges if self.diverges is not None else values.isnan()


@dataclass(frozen=True)
class Across:
    """The first coordinate of lines in a plane, with the logarithm of its slope, of shape (M)."""

    x: Tensor
    log_slope: Tensor

    def pick(self, line: Tensor) -> Across:
        """Those of some lines."""
        return Across(self.x[line], self.log_slope[line])


@dataclass(frozen=True)
class OnLines:
    r"""Integrands on M lines.

    Arguments:
        formula: What is integrated.
        chart: The coordinates of the lines.
        elements: Which element of the batch each line belongs to.
        budget: What the integrals may cost.
        column: Which of these integrals each line belongs to, with shape :math:`(M)`.
        across: The other coordinate of each line, in a plane.
        powers: The slope of each log density in the logarithm of the distance from the lower and
            the upper end, with shape :math:`(2, 2, M)`, where it is known: it undoes the rounding
            of points beside an end.
    """

    formula: Formula
    chart: Chart
    elements: Elements
    budget: Budget
    column: Tensor
    across: Across | None = None
    powers: Tensor | None = None

    @property
    def continues(self) -> bool:
        """Whether the integrands are known where only the log densities are."""
        return self.formula.continues

    def __call__(self, w: Tensor, line: Tensor | None, *, noise: bool) -> Sample:
        """The integrands at nodes."""
        here = self.pick(line)
        places = here.chart.places(w)
        logs = here.formula.logs(here.points(places.x), here.elements)
        self.budget.charge(here.column, len(places.x))
        places, logs = here.unrounded(places, logs)
        return here.sample(places, logs, noise=noise)

    def sample(self, places: Places, logs: tuple[Tensor, ...], *, noise: bool) -> Sample:
        """The integrands at places with known log densities."""
        x, slope = self.points(places.x), self._slope(places.log_slope)
        values = self.formula.values(x, logs, slope, self.elements)
        doubt = torch.zeros((), dtype=values.dtype, device=values.device)
        if noise:
            with torch.no_grad():
                doubt = self.formula.noise(values, x, logs, slope, self.elements)
        ratio = logs[0] - logs[1] if self.formula.has_poles else None
        return Sample(values, doubt, places, logs if self.formula.continues else (), ratio)

    def logs_at(self, x: Tensor, line: Tensor) -> tuple[Tensor, ...]:
        """The log densities at points of lines, each with shape (N, C)."""
        here = self.pick(line)
        self.budget.charge(here.column, len(x))
        return here.formula.logs(here.points(x), here.elements)

    def densities(
        self, x: Tensor, logs: tuple[Tensor, ...], log_slope: Tensor, line: Tensor
    ) -> Tensor:
        """The integrands at points of lines, times a slope, with shape (k, N, C)."""
        here = self.pick(line)
        return here.formula.values(here.points(x), logs, here._slope(log_slope), here.elements)

    def pick(self, line: Tensor | None) -> OnLines:
        """Some of the lines, or all of them."""
        if line is None or _is_all(line, len(self.chart.lower)):
            return self
        return replace(
            self,
            chart=self.chart.pick(line),
            elements=self.elements.pick(line),
            column=self.column[line],
            across=None if self.across is None else self.across.pick(line),
            powers=None if self.powers is None else self.powers[..., line],
        )

    def points(self, x: Tensor) -> Tensor:
        """Points of the event's shape, from those along the lines."""
        if self.across is not None:
            return torch.stack([self.across.x.expand_as(x), x], -1)
        return x.unsqueeze(-1) if self.formula.targets[0].event_shape else x

    def unrounded(
        self, places: Places, logs: tuple[Tensor, ...]
    ) -> tuple[Places, tuple[Tensor, ...]]:
        """Log densities at the places that were meant, by their power of the distance."""
        if self.powers is None:
            return replace(places, shift=torch.zeros_like(places.shift)), logs
        lower = self.chart.nearer_lower(places.x)
        power = torch.where(lower, self.powers[0].unsqueeze(1), self.powers[1].unsqueeze(1))
        known = power.isfinite().all(0)
        shift = torch.where(known, places.shift, 0.0)
        moved = tuple(
            log - torch.where(known, each, 0.0) * shift
            for log, each in zip(logs, power, strict=True)
        )
        return replace(places, shift=shift), moved

    def _slope(self, log_slope: Tensor) -> Tensor:
        return log_slope if self.across is None else log_slope + self.across.log_slope


def _is_all(line: Tensor, count: int) -> bool:
    """Whether an index is that of all lines in their order."""
    return len(line) == count and bool((line == torch.arange(count, device=line.device)).all())
