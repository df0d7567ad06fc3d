r"""Consecutive integers cut into runs, each run as long as the summand is smooth.

A half-line is the integers :math:`k = o \pm i`, :math:`i = 0, 1, \dots`, from an origin on. It is
cut at :math:`i = 16, 32, 64, \dots` into runs that double, so that a thousand of them reach to
:math:`10^{300}`; runs are halved where landmarks, edges of a support or errors ask for it. Each
element of the batch has its own runs, and all have as many.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimators.summation.integer_rules import LEVELS, SIZE, rules

__all__ = ["HalfLine", "Runs", "join"]

_NEAR = 4.0  # a run may be as long as its distance to a landmark, plus so many of its scales


@dataclass(frozen=True)
class Runs:
    r"""Runs of :math:`16 \cdot 2^\ell` integers; those of level -1 are empty.

    Arguments:
        start: Where they begin, counted from the origin, with shape :math:`(C, *)`.
        level: Their levels, with shape :math:`(C, *)`.
    """

    start: Tensor
    level: Tensor

    @property
    def length(self) -> Tensor:
        """How many integers are in each, with shape :math:`(C, *)`."""
        return torch.where(self.level < 0, 0.0, SIZE * torch.exp2(self.level.clamp_min(0)))

    def pick(self, index: Tensor) -> Runs:
        """Some of the runs of each element of the batch."""
        return Runs(
            torch.take_along_dim(self.start, index, 0), torch.take_along_dim(self.level, index, 0)
        )

    def emptied(self, where: Tensor) -> Runs:
        """The runs without some of them."""
        return Runs(self.start, torch.where(where, -1.0, self.level))

    def halves(self) -> Runs:
        """Both halves of every run."""
        level = torch.where(self.level > 0, self.level - 1, -1.0)
        middle = self.start + SIZE * torch.exp2(level)
        return Runs(torch.cat([self.start, middle]), torch.cat([level, level]))


def join(first: Runs, second: Runs) -> Runs:
    """All runs of both."""
    return Runs(torch.cat([first.start, second.start]), torch.cat([first.level, second.level]))


@dataclass(frozen=True)
class HalfLine:
    r"""The integers from an origin on, in one direction.

    Arguments:
        origin: The first integer, with shape :math:`(*)`.
        direction: 1 or -1.
        count: How many integers there are, which may be infinite, with shape :math:`(*)`.
        edges: Where a summand may jump, counted from the origin, with shape :math:`(*)` each.
        centres: Where it has mass, counted likewise, with shape :math:`(L, *)`.
        scales: On what scales it varies there, with shape :math:`(L, *)`.
        dense: How many of the first integers are summed one by one.
    """

    origin: Tensor
    direction: int
    count: Tensor
    edges: tuple[Tensor, ...]
    centres: Tensor
    scales: Tensor
    dense: int

    def runs(self, first: int, last: int) -> Runs:
        """The runs that double from one number to another, cut to the half-line and graded."""
        number = torch.arange(first, last + 1, dtype=torch.float64, device=self.origin.device)
        start = torch.where(number > 0, SIZE * torch.exp2(number - 1), 0.0)
        ones = (1,) * self.origin.ndim
        shape = (len(number), *self.origin.shape)
        level = (number - 1).clamp_min(0).reshape(-1, *ones).expand(shape)
        return self._graded(Runs(start.reshape(-1, *ones).expand(shape), level))

    def reach(self, spread: float) -> int:
        """The number of the doubling run that all landmarks lie before, spreads included."""
        dense = torch.full_like(self.origin, self.dense).unsqueeze(0)
        ends = torch.cat([self.centres + spread * self.scales, dense])
        ends = torch.minimum(ends, self.count - 1)
        return min(LEVELS - 1, int((ends.max() / SIZE).clamp_min(0.5).log2().floor()) + 1)

    def nodes(self, runs: Runs) -> tuple[Tensor, Tensor, Tensor]:
        r"""Points, weights and, for each unit of weight, details of the runs.

        Their shapes are :math:`(C, 16, *)` and, of the details, :math:`(C, 16, 2, *)`.
        """
        level = runs.level.clamp(0, LEVELS).long()
        offsets, weights, details = (
            table.to(level.device)[level]
            for table in (rules().offsets, rules().weights, rules().details)
        )
        scale = torch.exp2((runs.level - LEVELS).clamp_min(0)).unsqueeze(1)
        offsets, weights = (scale * each.movedim(-1, 1) for each in (offsets, weights))
        details = scale.unsqueeze(2) * details.movedim((-1, -2), (1, 2)) / weights.unsqueeze(2)
        index = runs.start.unsqueeze(1) + offsets
        here = (index < self.count) & (runs.level >= 0).unsqueeze(1)
        points = self.origin + self.direction * torch.where(here, index, 0.0)
        return points, torch.where(here, weights, 0.0), details

    def _graded(self, runs: Runs) -> Runs:
        """The runs, halved as long as one is too long for its place; those beyond dropped."""
        while True:
            runs = runs.emptied(runs.start >= self.count)
            long = self._too_long(runs)
            number = int(long.reshape(long.shape[0], -1).sum(0).max())
            if number == 0:
                return _packed(runs)
            index = long.double().argsort(dim=0, descending=True, stable=True)[:number]
            halves = runs.pick(index).emptied(~torch.take_along_dim(long, index, 0)).halves()
            runs = _packed(join(runs.emptied(long), halves))

    def _too_long(self, runs: Runs) -> Tensor:
        end = runs.start + runs.length
        long = runs.start < self.dense
        for edge in (*self.edges, self.count):
            long = long | ((runs.start < edge) & (edge < end))
        for centre, scale in zip(self.centres, self.scales, strict=True):
            gap = torch.maximum(runs.start - centre, centre - end).clamp_min(0)
            long = long | (runs.length > gap + _NEAR * scale)
        return long & (runs.level > 0)


def _packed(runs: Runs) -> Runs:
    """The runs with the empty ones last, as few as there can be."""
    empty = runs.level < 0
    number = int((~empty).reshape(empty.shape[0], -1).sum(0).max())
    return runs.pick(empty.double().argsort(dim=0, stable=True)[: max(number, 1)])
