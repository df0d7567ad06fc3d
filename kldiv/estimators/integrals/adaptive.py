"""Integration along lines: the ends, then the trapezium rule, then cells where that fails."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.charts import Chart
from kldiv.estimators.integrals.groups import ranks
from kldiv.estimators.integrals.kronrod import CELL, Cells, kronrod, nodes_of
from kldiv.estimators.integrals.lines import Integrals, LineIntegrand, Nodes, Sample
from kldiv.estimators.integrals.tails import Ends
from kldiv.estimators.integrals.trapezium import Grid, Window, trapezium

__all__ = ["Demand", "Outcome", "Start", "grid_of", "integrate"]

_STEPS = (16, 8)  # of the first level for each place with mass, and for all
_WIDE = 2  # a cell to begin with, in steps
_AT_ONCE = 1024  # lines, so that what belongs to them stays in the processor's cache


@dataclass(frozen=True)
class Demand:
    r"""What error is small enough, and how much work is too much.

    Arguments:
        rtol: The tolerance of each integral relative to that of the absolute value, of shape (k).
        atol: The absolute tolerance.
        most: The most evaluations for each element, a first look at its lines apart.
        of_first: A tolerance of all integrals relative to the first one.
    """

    rtol: Tensor
    atol: float
    most: int
    of_first: float = 0.0

    def allowed(self, size: Tensor) -> Tensor:
        """The error allowed to integrals with absolute values of these sizes, of shape (k, B)."""
        least = (self.of_first * size[:1]).clamp_min(self.atol)
        return torch.maximum(self.rtol.to(size.device).unsqueeze(-1) * size, least)


@dataclass(frozen=True)
class Start:
    r"""What is known of M lines from nodes spread over the whole of each.

    Arguments:
        grid: Where these nodes are.
        ladder: The integrands there, with shape :math:`(k, n, M)`.
        ends: What lies at the ends.
        roots: Coordinates at which a line is to be cut, and their lines, with shape (C).
        rough: Which lines are not smooth, with shape :math:`(M)`.
        idle: Which lines need not be integrated, likewise.
    """

    grid: Grid
    ladder: Tensor
    ends: Ends
    roots: tuple[Tensor, Tensor]
    rough: Tensor
    idle: Tensor

    def window(self, line: Tensor) -> Window:
        """The part of some lines that counts."""
        return Window(line, self.ends.first[line], self.ends.last[line])

    def ratios(self, row: int, least: float) -> Tensor:
        r"""The greatest ratio of each integrand to one of them, where that is not negligible."""
        base = self.ladder[row]
        there = base * self.grid.spacing > least
        values = self.ladder.abs() / torch.where(there, base, 1.0)
        return torch.where(there & values.isfinite(), values, 0.0).amax(1)


@dataclass(frozen=True)
class Outcome:
    """The integrals of B elements, with shape (k, B), and the nodes they were taken from."""

    integrals: Integrals
    nodes: list[Nodes]


def grid_of(chart: Chart) -> Grid:
    """Steps over the whole of each line."""
    low, high = chart.limits
    each, more = _STEPS
    number = each * int(chart.active.sum(-1).max()) + more
    return Grid(low, (high - low) / number, number)


def integrate(function: LineIntegrand, chart: Chart, start: Start, demand: Demand) -> Outcome:
    r"""Integrals over lines, those of an element added up.

    Arguments:
        function: The integrands on M lines.
        chart: The coordinates of these.
        start: What is known already.
        demand: When to stop.
    """
    diverges, group = start.ends.diverges, function.budget.group
    if bool(diverges.any()):
        function = _Silenced(function, diverges)
    ladder = torch.where(diverges.unsqueeze(1), 0.0, start.ladder)
    allowed = demand.allowed(group.total(_sizes(ladder, start)))
    parts = ladder.new_zeros(3, len(ladder), len(group.of_line))
    empty = start.idle | (start.ends.last <= start.ends.first)
    cut, nodes = ~empty & start.rough, []
    cut[cut.clone()] = _can_be_cut(cut, chart, start, function.budget)
    for part in _batches(~empty & ~cut, start.ends):
        share = (allowed / group.sizes)[:, group.of_line[part]]
        found, good, of_part = trapezium(
            function, start.grid, start.window(part), ladder[:, :, part], share, start.rough[part]
        )
        parts[:, :, part] = torch.stack([found.values, found.errors, found.floors])
        cut[part] = ~good
        nodes += of_part
    cut[cut.clone()] = _can_be_cut(cut, chart, start, function.budget)
    parts[:, :, cut] = 0.0
    total = group.total(parts)
    nodes = [each.pick(~cut[each.line]) for each in nodes]
    nodes = [each for each in nodes if len(each.line)]
    if bool(cut.any()):
        wanted = (allowed - total[1]).clamp_min(0.3 * allowed)
        found, cells = kronrod(function, _cells(chart, start, cut.nonzero().squeeze(-1)), wanted)
        total = total + torch.stack([found.values, found.errors, found.floors])
        nodes.append(nodes_of(cells))
    return Outcome(Integrals(*total), nodes)


def _can_be_cut(which: Tensor, chart: Chart, start: Start, budget: Budget) -> Tensor:
    """Which of the lines that were chosen can pay for the cells to begin with."""
    line = which.nonzero().squeeze(-1)
    steps = (start.ends.last - start.ends.first)[line]
    roots = torch.bincount(start.roots[1], minlength=len(which))[line]
    return budget.affords(line, CELL * (steps + roots + chart.marks.shape[-1]))


@dataclass(frozen=True)
class _Silenced:
    """Integrands of which those that diverge are 0."""

    function: LineIntegrand
    diverges: Tensor

    @property
    def budget(self) -> Budget:
        """What the integrals may cost."""
        return self.function.budget

    def __call__(self, w: Tensor, line: Tensor | None, *, noise: bool) -> Sample:
        sample = self.function(w, line, noise=noise)
        mute = (self.diverges if line is None else self.diverges[:, line]).unsqueeze(1)
        noises = torch.where(mute, 0.0, sample.noise) if noise else sample.noise
        return replace(sample, values=torch.where(mute, 0.0, sample.values), noise=noises)


def _sizes(ladder: Tensor, start: Start) -> Tensor:
    """Roughly, the integrals of the absolute values."""
    index = torch.arange(ladder.shape[1], device=ladder.device).unsqueeze(-1)
    inside = (index >= start.ends.first) & (index <= start.ends.last) & ladder.isfinite()
    return torch.where(inside, ladder.abs(), 0.0).sum(1) * start.grid.spacing


def _batches(which: Tensor, ends: Ends) -> list[Tensor]:
    """Lines that are treated together, those with windows of like length in one batch."""
    line = which.nonzero().squeeze(-1)
    if len(line) > _AT_ONCE:
        line = line[(ends.last - ends.first)[line].argsort(stable=True)]
    return list(line.split(_AT_ONCE)) if len(line) else []


def _cells(chart: Chart, start: Start, line: Tensor) -> Cells:
    """The windows of some lines, cut at every other step, at places with mass and at kinks."""
    window = start.window(line)
    count = int((window.last - window.first).max())
    steps = torch.arange(0, count + _WIDE, _WIDE, device=line.device).unsqueeze(-1)
    low, high = (start.grid.at(end, line) for end in (window.first, window.last))
    cuts = [start.grid.at((window.first + steps).clamp_max(window.last), line)]
    picked = chart.pick(line)
    cuts.append(picked.to_w(picked.marks.T))
    cuts.append(_by_line(*start.roots, len(chart.lower))[:, line])
    edges = torch.minimum(torch.maximum(torch.cat(cuts), low), high).sort(dim=0).values
    lower, upper = edges[:-1], edges[1:]
    wide = upper - lower > 1e-9
    lines = line.expand_as(lower)
    return Cells(lines[wide], lower[wide], upper[wide])


def _by_line(roots: Tensor, line: Tensor, count: int) -> Tensor:
    """The roots of each line, one below the other, of shape (R, M); what lacks is infinite."""
    rank, depth = ranks(line, count)
    found = roots.new_full((depth, count), torch.inf)
    found[rank, line] = roots
    return found
