r"""The trapezium rule with equal steps, for a bare log density on the whole line or plane.

Where a density is smooth and falls fast on all sides, the nodes :math:`x = c + L h k`, with whole
numbers k, converge exponentially as h becomes smaller. There are no coordinates to be inverted, no
cells and no ends: the density is asked once for each spacing, and what does not suit is found out
for little. The nodes serve for all integrals under the density.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 5,
    doi:10.1137/130932132.
"""

from __future__ import annotations

import math

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.definitions.support import is_whole
from kldiv.definitions.target import Target
from kldiv.estimators.integrals.landmarks import Landmark, whereabouts
from kldiv.estimators.integrals.lines import Integrals
from kldiv.estimators.integrals.spectra import promised_digits
from kldiv.estimators.integrals.trapezium import Sums
from kldiv.numerics import product

if TYPE_CHECKING:
    from kldiv.estimators.integrals.adaptive import Demand
    from kldiv.estimators.integrals.formulas import Statistics

__all__ = ["EqualSteps", "equal_steps"]

_SPACINGS = {1: (0.16, 0.08), 2: (0.4, 0.28, 0.2, 0.14)}  # in the narrowest scale
_TOLERANCE = {1: 1e-13, 2: 3e-10}  # of a mass, for what lies between the nodes,
_CUT_OFF = 1e-2  # and a part of that for what lies beside them
_REACH = {1: 9.0, 2: 7.5}  # scales about each place, to begin with
_LONGER = 0.5  # of a box, by which it grows where it does not hold the mass
_GROWTHS = 3
_MOST = {1: 1 << 12, 2: 1 << 17}  # nodes
_BESIDE = 20.0  # times what is on the border of the box may lie beside it
_FAR = {1: 322.0, 2: 160.0}  # in logarithms of sizes of the box: how far to look beyond it,
_NEAR, _RATIO = 1.5, 1.2  # from where on, and in which steps
_ANGLES = 16
_EPS = torch.finfo(torch.float64).eps
_ROUNDING = 4 * _EPS


@dataclass(frozen=True)
class EqualSteps:
    r"""Nodes, and beyond them points that show whether anything is left out.

    Arguments:
        points: The nodes, then the others, with shape :math:`(N, E)`.
        logs: The log density there, with shape :math:`(N)`.
        sides: How many nodes there are along each axis, 1 more than a multiple of 4.
        cell: What a node stands for.
        beyond: What each of the other points stands for.
        loose: How far the rounding of a point may move it along each axis, in steps.
    """

    points: Tensor
    logs: Tensor
    sides: tuple[int, ...]
    cell: float
    beyond: Tensor
    loose: tuple[float, ...]

    def integrals(self, values: Tensor) -> tuple[Integrals, Sums]:
        r"""Integrals of shape :math:`(k)`, differentiable, and the sums that tell their errors.

        Arguments:
            values: The integrands at all points, with shape :math:`(k, N)`.
        """
        count = math.prod(self.sides)
        inner = values[:, :count]
        with torch.no_grad():
            grid = inner.unflatten(1, self.sides)
            floors = inner.abs() @ self._rounding
            for axis, loose in enumerate(self.loose, 1):
                floors = floors + loose * grid.diff(dim=axis).abs().flatten(1).sum(1)
            cut_off = _BESIDE * _borders(grid).sum((1, 2))
            sums = self._sums(grid)
            doubt = sums.error.nan_to_num(nan=torch.inf)
            errors = doubt + (floors + cut_off) * self.cell + values[:, count:].abs() @ self.beyond
        return Integrals(inner.sum(1) * self.cell, errors, floors * self.cell), sums

    def expectations(
        self, statistics: Statistics | None, demand: Demand
    ) -> tuple[Tensor, Tensor] | None:
        """The mass and the integrals of statistics, with their errors, of shape (1 + k).

        ``None`` where the nodes are too few for them.
        """
        if statistics is None:
            (found, sums), scale = self.mass
        else:
            (found, sums), scale = self.integrals(self.under(statistics)), self.logs.new_ones(())
        values, errors = scale * found.values, scale * found.errors
        allowed = demand.allowed((scale * sums.size).unsqueeze(-1)).squeeze(-1)
        good = (errors <= torch.maximum(allowed, 2 * scale * found.floors)) & values.isfinite()
        return (values, errors) if bool(good.all()) else None

    @cached_property
    def mass(self) -> tuple[tuple[Integrals, Sums], Tensor]:
        """The integral of the density in units of its largest value; and that value."""
        top = self.logs.detach().amax()
        return self.integrals((self.logs - top).exp().unsqueeze(0)), top.exp()

    def under(self, statistics: Statistics | None = None) -> Tensor:
        """The density and its products with statistics at all points, with shape (1 + k, N)."""
        density = self.logs.exp()
        rows = () if statistics is None else statistics(self.points)
        return torch.stack([density, *(product(density, row) for row in rows)])

    def _sums(self, grid: Tensor) -> Sums:
        """The sums with three spacings, the widest first.

        The spectrum along an axis is that of the sums across it.
        """
        axes = len(self.sides)
        every = [(n, (slice(None), *[slice(None, None, n)] * axes)) for n in (4, 2, 1)]
        sums = [grid[each].flatten(1).sum(1) * (n**axes * self.cell) for n, each in every]
        size = grid.abs().flatten(1).sum(1)
        promised = [
            promised_digits(_across(grid, axis).unsqueeze(-1), size.unsqueeze(-1)).squeeze(-1)
            for axis in range(1, 1 + axes)
        ]
        digits = promised[0] if axes == 1 else torch.maximum(*promised)
        return Sums(torch.stack(sums), size * self.cell, digits)

    @cached_property
    def _rounding(self) -> Tensor:
        """That of the density at each node, relative."""
        logs = self.logs[: math.prod(self.sides)].detach().abs().nan_to_num(posinf=0.0)
        return _ROUNDING * (1 + logs)


def equal_steps(target: Target) -> EqualSteps | None:
    """Nodes that give the mass of a target; ``None`` where it needs others."""
    size = target.event_shape.numel()
    if target.distribution is not None or target.batch_shape or target.cuts:
        return None
    if size > 2 or len(target.event_shape) > 1 or not is_whole(target.support):
        return None
    box = _Box.about(*whereabouts(target))
    for spacing in _SPACINGS[size]:
        filled = _filled(box, target, spacing)
        if filled is None:
            return None
        box, nodes = filled
        found, sums = nodes.mass[0]
        allowed = torch.maximum(_TOLERANCE[size] * found.values, 2 * found.floors)
        if bool(found.errors <= allowed):
            return nodes
        if not bool(sums.steady & (sums.error + found.floors > allowed)):
            return None
    return None


def _filled(box: _Box, target: Target, spacing: float) -> tuple[_Box, EqualSteps] | None:
    """Nodes in a box that has grown until it holds the mass; ``None`` where that does not help."""
    for _ in range(_GROWTHS):
        sides = box.sides(spacing)
        if math.prod(sides) > _MOST[len(sides)]:
            return None
        z, cell = box.grid(sides)
        far, beyond = box.beyond()
        points = box.points(torch.cat([z, far]), target.event_shape)
        logs = target.log_prob(points).double()
        with torch.no_grad():
            heights = (logs[: len(z)] - logs.amax()).exp().reshape(1, *sides)
            (borders,) = _borders(heights)
            allowed = _CUT_OFF * _TOLERANCE[len(sides)] / _BESIDE * heights.sum()
        if bool((borders <= allowed).all()):
            return box, EqualSteps(points, logs, sides, cell, beyond, box.loose(sides))
        box = box.grown(borders > allowed)
    return None


@dataclass(frozen=True)
class _Box:
    """A box in coordinates z of its own, :math:`x = c + L z`, with the unit of each axis."""

    centre: Tensor
    factor: Tensor
    unit: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def about(cls, places: list[Landmark], spread: Tensor) -> _Box:
        """The box about places and points (M, d) with mass, upright to the first place."""
        roots = torch.stack([_root(place) for place in places])
        centre, centres = places[0].centre, torch.stack([place.centre for place in places])
        inverse = torch.linalg.inv(roots[0])
        roots, centres = inverse @ roots, (centres - centre) @ inverse.T
        wide = roots.square().sum(-1).sqrt()
        narrow = torch.linalg.inv(roots).square().sum(-2).rsqrt()
        reach = _REACH[centres.shape[-1]] * wide
        corners = torch.cat([centres - reach, centres + reach, (spread - centre) @ inverse.T])
        low, high = corners.amin(0), corners.amax(0)
        return cls(centre, _root(places[0]), narrow.amin(0), low, high)

    def grown(self, wide: Tensor) -> _Box:
        """The box made longer on some sides, of shape :math:`(d, 2)`."""
        more = _LONGER * (self.high - self.low).unsqueeze(-1) * wide
        return replace(self, low=self.low - more[:, 0], high=self.high + more[:, 1])

    def sides(self, spacing: float) -> tuple[int, ...]:
        """How many nodes there are along each axis, with a spacing in units."""
        steps = ((self.high - self.low) / (4 * spacing * self.unit)).ceil() * 4
        return tuple(int(each) + 1 for each in steps.tolist())

    def grid(self, sides: tuple[int, ...]) -> tuple[Tensor, float]:
        """So many nodes z along each axis, with shape (N, d), and what each stands for in x."""
        ends = zip(self.low.tolist(), self.high.tolist(), sides, strict=True)
        axes = [torch.linspace(*each, dtype=self.low.dtype) for each in ends]
        z = torch.cartesian_prod(*axes).reshape(-1, len(sides)).to(self.low.device)
        cell = (self.high - self.low).prod() / math.prod(side - 1 for side in sides)
        return z, float(cell * self._stretch)

    def loose(self, sides: tuple[int, ...]) -> tuple[float, ...]:
        """How far the rounding of points may move them, in steps along each axis."""
        farthest = torch.maximum(self.low.abs(), self.high.abs())
        size = self.centre.abs() + self.factor.abs() @ farthest
        moved = torch.linalg.inv(self.factor).abs() @ size * (_EPS / 2)
        steps = (self.high - self.low) / (torch.tensor(sides).to(moved) - 1)
        return tuple((moved / steps).clamp_max(1.0).tolist())

    def beyond(self) -> tuple[Tensor, Tensor]:
        """Places z outside, ever farther, with shape (M, d), and what each stands for in x."""
        size = len(self.unit)
        count = int(math.log(_FAR[size] / _NEAR) / math.log(_RATIO))
        ways = torch.tensor([[-1.0], [1.0]])
        if size == 2:
            angles = torch.arange(_ANGLES) * (2 * math.pi / _ANGLES)
            ways = torch.stack([angles.cos(), angles.sin()], -1)
        logs = _NEAR * _RATIO ** torch.arange(count, dtype=self.low.dtype)
        half, middle = (self.high - self.low) / 2, (self.high + self.low) / 2
        z = middle + half * (ways.to(half) * logs.to(half).exp().reshape(-1, 1, 1))
        share = 2 * math.pi / _ANGLES if size == 2 else 1.0
        area = (size * logs).exp() * logs * (math.log(_RATIO) * share)
        area = (area.to(half) * half.prod() * self._stretch).repeat_interleave(len(ways))
        return z.reshape(-1, size), area

    def points(self, z: Tensor, event_shape: torch.Size) -> Tensor:
        """The points x of places."""
        x: Tensor = self.centre + z @ self.factor.T
        return x if event_shape else x.squeeze(-1)

    @property
    def _stretch(self) -> Tensor:
        return self.factor.diagonal().prod()


def _root(place: Landmark) -> Tensor:
    """The factor L of the covariance that a place speaks of, with shape (d, d)."""
    if place.correlation is None:
        return torch.diag(place.scale)
    (first, second), tilt = place.scale, place.correlation
    rest = second * (1 - tilt.square()).sqrt()
    return torch.stack([first, torch.zeros_like(first), second * tilt, rest]).reshape(2, 2)


def _across(grid: Tensor, axis: int) -> Tensor:
    """The sums across an axis, from shape (k, n...) to (k, n)."""
    return grid.movedim(axis, 1).reshape(len(grid), grid.shape[axis], -1).sum(2)


def _borders(grid: Tensor) -> Tensor:
    """What is on both sides of each axis, from shape (k, n...) to (k, d, 2)."""
    axes = range(1, grid.ndim)
    ends = [grid.select(axis, end) for axis in axes for end in (0, -1)]
    sums = [end.reshape(len(grid), -1).abs().sum(1) for end in ends]
    return torch.stack(sums, -1).reshape(len(grid), -1, 2)
