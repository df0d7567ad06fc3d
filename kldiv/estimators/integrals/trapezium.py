r"""The trapezium rule on many lines at once, in coordinates where integrands die out at both ends.

For an integrand that is analytic about the line it converges exponentially: each halving of the
spacing doubles the number of right digits, or more slowly, where scales of many lengths meet. How
many digits are right, the spectrum of the integrand tells.

No change tells of a crossing of the densities that counts little and is steep: the errors by
poles beside it are added.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014),
    doi:10.1137/130932132.
    A Comparison of Three High-Precision Quadrature Schemes (Bailey, Jeyabalan and Li, 2005),
    section 3, doi:10.1080/10586458.2005.10128931.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.estimators.integrals.lines import (
    Integrals,
    LineIntegrand,
    Nodes,
    rounding_of_places,
)
from kldiv.estimators.integrals.poles import beside_poles
from kldiv.estimators.integrals.spectra import digits_of, promised_digits

__all__ = ["Grid", "Sums", "Window", "trapezium"]

_FIRST, _LEVELS = 2, 5  # the first two halvings are made at once
_STEADY = 1.4  # digits gained by a halving, relative to the one before, that make another pay
_EARLY = 3  # up to this level an early digit may have been an accident,
_COARSE = 3e-2  # unless the error is still as large as this
_MARGIN = 10.0
_ROUNDING = 4 * torch.finfo(torch.float64).eps  # of the slopes of coordinates


@dataclass(frozen=True)
class Grid:
    """Equally spaced places on M lines: the first, the spacing, both (M), and the steps."""

    start: Tensor
    spacing: Tensor
    number: int

    def steps(self) -> Tensor:
        """The coordinates of all of them, with shape (n, M), or (n, 1) where all are the same."""
        count = torch.arange(self.number + 1, device=self.start.device).unsqueeze(-1)
        return _common(self.start + self.spacing * count)

    def at(self, steps: Tensor, line: Tensor) -> Tensor:
        """The coordinates of places of shape (N, C), counted in steps from the start."""
        return self.start[line] + self.spacing[line] * steps


@dataclass(frozen=True)
class Window:
    r"""The part of some lines that counts.

    Arguments:
        line: The lines, with shape :math:`(C)`.
        first: The step at which it begins, likewise.
        last: The step at which it ends.
    """

    line: Tensor
    first: Tensor
    last: Tensor

    def pick(self, which: Tensor) -> Window:
        """The windows of some of the lines."""
        return Window(self.line[which], self.first[which], self.last[which])

    def frame(self, number: int) -> tuple[Tensor, int]:
        """A step at which to begin and a number of steps that hold every window."""
        low, high = int(self.first.min()), int(self.last.max())
        count = int((self.last - self.first).max())
        if high - low <= count + 2:
            return torch.full_like(self.first, low), high - low
        return self.first.clamp_max(number - count), count


def trapezium(
    function: LineIntegrand,
    grid: Grid,
    window: Window,
    ladder: Tensor,
    allowed: Tensor,
    rough: Tensor,
) -> tuple[Integrals, Tensor, list[Nodes]]:
    r"""Integrates over windows of lines, halving the spacing while that pays.

    Of a line for which not even the first two halvings can be paid nothing is known but the order
    of its integrals.

    Arguments:
        function: The integrands.
        grid: The steps.
        window: The lines, and what part of them counts.
        ladder: The integrands at all steps of these lines, with shape :math:`(k, n, C)`.
        allowed: The error that is small enough, with shape :math:`(k, C)`.
        rough: Lines on which convergence promises nothing, with shape :math:`(C)`.

    Returns:
        The integrals; which lines are within the error; and the nodes of all of them.
    """
    base, count = window.frame(ladder.shape[1] - 1)
    steps = base + torch.arange(count + 1, device=base.device).unsqueeze(-1)
    values = torch.take_along_dim(ladder, steps.expand(ladder.shape[0], -1, -1), 1)
    values = torch.where(_inside(steps, window), values, 0.0)
    found, ends = _roughly(values, grid.spacing[window.line]), _at_ends(ladder, window)
    done = torch.zeros_like(base, dtype=torch.bool)
    stop = ~function.budget.affords(window.line, 3 * count)
    nodes = [_nodes(grid, window.pick(stop), base[stop], count, 0)]
    rows, values = (~stop).nonzero().squeeze(-1), values[:, :, ~stop]
    noise = torch.zeros_like(allowed[:, rows])
    for level in range(_FIRST, _LEVELS + 1 if len(rows) else _FIRST):
        part, spacing = window.pick(rows), grid.spacing[window.line[rows]] / 2**level
        odd = [_odd(base[rows], count, each) for each in ((1, 2) if level == _FIRST else (level,))]
        w = _common(grid.at(torch.cat(odd), part.line))
        sample, steps = function(w, part.line, noise=level == _FIRST), odd[-1]
        if level == _FIRST:
            halves = torch.where(_inside(odd[0], part), sample.values[:, :count], 0.0)
            values, sample = _interleaved(values, halves), sample.after(count)
        inside = _inside(steps, part)
        fresh = torch.where(inside, sample.values, 0.0)
        values = _interleaved(values, fresh)
        if level == _FIRST:
            noise = torch.where(inside, sample.noise, 0.0).sum(1) * 2 * spacing
        floors = noise + rounding_of_places(fresh, sample.places)
        sums = Sums.of(values, spacing, rough[rows])
        beside = beside_poles(sample, inside, spacing, sums.change) + ends[:, rows] * spacing
        good, stop = sums.verdict(torch.maximum(allowed[:, rows], floors), beside, level)
        stop = stop | ~function.budget.affords(part.line, count * 2**level)
        errors = sums.error + _ROUNDING * sums.size
        found[:, :, rows] = torch.stack([sums.totals[2], errors + beside + floors, floors])
        done[rows] = good
        nodes.append(_nodes(grid, part.pick(stop), base[rows][stop], count, level))
        rows, values, noise = rows[~stop], values[:, :, ~stop], noise[:, ~stop]
        if not len(rows):
            break
    return Integrals(*found), done, nodes


def _roughly(values: Tensor, spacing: Tensor) -> Tensor:
    """Sums over few nodes, as integrals in doubt as a whole, with shape (3, k, C)."""
    sums, sizes = values.sum(1) * spacing, _MARGIN * values.abs().sum(1) * spacing
    return torch.stack([sums, torch.where(sums.isfinite(), sizes, 0.0), torch.zeros_like(sums)])


def _at_ends(ladder: Tensor, window: Window) -> Tensor:
    """Half of the integrands where windows end: what a step counts too much, with shape (k, C)."""
    ends = torch.stack([window.first, window.last]).expand(len(ladder), -1, -1)
    return torch.take_along_dim(ladder, ends, 1).abs().sum(1).nan_to_num(posinf=0.0) / 2


def _odd(base: Tensor, count: int, level: int) -> Tensor:
    """The steps that a level adds to those before it."""
    steps = torch.arange(1, count * 2**level, 2, device=base.device) * 0.5**level
    return base + steps.unsqueeze(-1)


def _inside(steps: Tensor, window: Window) -> Tensor:
    return (steps >= window.first) & (steps <= window.last)


def _common(w: Tensor) -> Tensor:
    """One column where all are the same."""
    return w[:, :1] if bool((w[0] == w[0, 0]).all() & (w[-1] == w[-1, 0]).all()) else w


def _interleaved(values: Tensor, fresh: Tensor) -> Tensor:
    k, n, c = values.shape
    full = values.new_empty(k, 2 * n - 1, c)
    full[:, ::2], full[:, 1::2] = values, fresh
    return full


@dataclass(frozen=True)
class Sums:
    r"""Three levels of the rule, the finest last, and what their spectrum promises.

    Arguments:
        totals: The sums, with shape :math:`(3, k, C)`.
        size: The finest sum of the absolute values, with shape :math:`(k, C)`.
        digits: The logarithm of the relative error of the finest, likewise.
        rough: Lines of which no more digits are right than have stayed the same; none of all.
    """

    totals: Tensor
    size: Tensor
    digits: Tensor
    rough: Tensor | None = None

    @classmethod
    def of(cls, values: Tensor, spacing: Tensor, rough: Tensor) -> Sums:
        """From the integrands at all steps, with shape :math:`(k, n, C)`."""
        totals = torch.stack([values[:, :: 2**k].sum(1) * spacing * 2**k for k in (2, 1, 0)])
        size = values.abs().sum(1).clamp_min(1e-300)
        return cls(totals, size * spacing, promised_digits(values, size), rough)

    @property
    def change(self) -> Tensor:
        """What the last halving changed."""
        return self.totals[2] - self.totals[1]

    @cached_property
    def error(self) -> Tensor:
        """The error of the finest level."""
        share = 10**self.digits
        if self.rough is not None:
            unchanged = _MARGIN * 10 ** torch.maximum(self._both, self._last)
            share = torch.where(self.rough, unchanged, share)
        return torch.where(self.totals[2].isfinite(), self.size * share, 0.0)

    @cached_property
    def steady(self) -> Tensor:
        """Which gain digits so fast that another halving pays."""
        return self._last <= _STEADY * self._both

    def verdict(self, wanted: Tensor, beside: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """Which lines are good enough, and with which it is no use to go on."""
        close = self.error <= wanted
        good = (self.error + beside <= wanted).all(0)
        stop = good | (level == _LEVELS)
        if level > 2:
            slow = (level > _EARLY) | (self.error > _COARSE * self.size)
            stop = stop | (slow & ~(self.steady | close)).any(0)
        return good, stop

    @cached_property
    def _both(self) -> Tensor:
        return digits_of(self.totals[2] - self.totals[0], self.size)

    @cached_property
    def _last(self) -> Tensor:
        return digits_of(self.change, self.size)


def _nodes(grid: Grid, window: Window, base: Tensor, count: int, level: int) -> Nodes:
    fine = torch.arange(count * 2**level + 1, device=base.device).unsqueeze(-1)
    steps = base + fine / 2**level
    weights = torch.where(_inside(steps, window), grid.spacing[window.line] / 2**level, 0.0)
    coarse = torch.where(fine % 2 == 0, 2 * weights, 0.0)
    steps = torch.minimum(torch.maximum(steps, window.first), window.last)
    return Nodes(window.line, grid.at(steps, window.line), weights, coarse)
