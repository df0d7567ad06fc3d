"""Integrands on lines that are plain functions, for tests of what lies below quadrature."""

from __future__ import annotations

import math

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.charts import Chart, chart_of
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.lines import Places, Sample

F64 = torch.float64
Function = Callable[[Tensor], Tensor]


def double(*values: object) -> Tensor:
    """A tensor in double precision."""
    return torch.tensor(values, dtype=F64)


def line(
    lower: float = -math.inf,
    upper: float = math.inf,
    centre: tuple[float, ...] = (0.0,),
    scale: tuple[float, ...] = (1.0,),
) -> Chart:
    """The coordinate of one line."""
    return chart_of(double(lower), double(upper), double(centre), double(scale))


def budget(lines: int, most: int = 100_000) -> Budget:
    """That of as many integrals as there are lines."""
    return Budget.of(Group(torch.arange(lines), lines), most)


class Plain:
    """Functions of x on some lines, or of w where there is no chart."""

    continues = False

    def __init__(self, *functions: Function, chart: Chart | None = None, most: int = 100_000):
        self.functions, self.chart = functions, chart
        self.budget = budget(1 if chart is None else len(chart.lower), most)

    def __call__(self, w: Tensor, line: Tensor | None, *, noise: bool) -> Sample:
        line = torch.arange(len(self.budget.most)) if line is None else line
        if self.chart is None:
            w = w.expand(-1, len(line))
            none = torch.zeros_like(w)
            places = Places(w, none, none, none)
        else:
            places = self.chart.pick(line).places(w)
        self.budget.charge(self.budget.group.of_line[line], len(w))
        values = self.densities(places.x, (), places.log_slope, line)
        return Sample(values, 1e-15 * values.abs(), places)

    def logs_at(self, x: Tensor, line: Tensor) -> tuple[Tensor, ...]:
        return ()

    def densities(
        self, x: Tensor, logs: tuple[Tensor, ...], log_slope: Tensor, line: Tensor
    ) -> Tensor:
        return torch.stack([each(x) for each in self.functions]) * log_slope.exp()
