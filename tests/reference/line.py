"""Integrals over the line of a function of two densities, in mpmath, with their own check.

The line is cut into *sides*: rays from a pivot, on the axis t = log|x - pivot|.
There a density that is infinite at an end, a heavy tail, and a scale of 1e-6 beside one of 1e6
are all smooth and of moderate width. Each side is cut at the features, edges, kinks and crossings
of both densities; each panel has a Gauss-Legendre rule; the panel whose two halves differ most
from the whole is split until all differences together are small; towards open ends panels double
in length until they contribute nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from mpmath import mp, mpf

from tests.reference.family import INFINITY, Family
from tests.reference.panels import NotConverged, Panels, Plan, bisect, fine, golden

Integrand = Callable[[mpf | None, mpf | None], mpf]
MOST_DOUBLINGS = 40


class Side(NamedTuple):
    """A ray from a pivot, from exp(low) to exp(high) away from it."""

    pivot: mpf
    sign: int
    low: mpf
    high: mpf


class Line:
    """Two densities on the line, and the integrals of functions of their logarithms."""

    discrete = False

    def __init__(self, p: Family, q: Family, plan: Plan) -> None:
        self.p, self.q, self.plan = p, q, plan
        self.features = [*p.features, *q.features]
        self.low, self.high = min(p.low, q.low), max(p.high, q.high)
        self.sides = self._sides()

    def integral(self, integrand: Integrand, level: mpf | None = None) -> mpf:
        """The integral of a function of both log densities, ``None`` where they vanish.

        Arguments:
            integrand: The function.
            level: Where it has a kink, as a value of log(p / q).
        """

        def of_point(x: mpf, y: mpf) -> mpf:
            return integrand(*self.logs(x, y))

        return self.integral_of(of_point, level)

    def integral_of(self, function: Callable[[mpf, mpf], mpf], level: mpf | None = None) -> mpf:
        """The integral of a function of x and 1 - x over both supports."""
        panels, open_ends = Panels(self.plan), []
        for side in self.sides:
            on_axis = self._on_axis(function, side)
            cuts = self._cuts(side)
            if level is not None:
                cuts = sorted({*cuts, *self._crossings(side, cuts, level)})
            for low, high in pairwise(cuts):
                panels.add(on_axis, low, high)
            if side.low == -INFINITY:
                open_ends.append((on_axis, cuts[0], -1))
            if side.high == INFINITY:
                open_ends.append((on_axis, cuts[-1], 1))
        for on_axis, start, direction in open_ends:
            self._extend(panels, on_axis, start, direction)
        return panels.refine()

    def greatest(self, function: Callable[[mpf, mpf], mpf]) -> mpf:
        """The supremum of a function of x and 1 - x where both are positive."""
        best = -INFINITY
        for side in self.sides:
            cuts = self._cuts(side)
            ends = [cuts[0] - 200 if side.low == -INFINITY else cuts[0]]
            ends.append(cuts[-1] + 200 if side.high == INFINITY else cuts[-1])
            grid = fine(sorted({*cuts, *ends}), 12)
            values = [function(*point(side, t)) for t in grid]
            for i, value in enumerate(values):
                left, right = max(i - 1, 0), min(i + 1, len(grid) - 1)
                if value >= max(values[left], values[right]) and value > -INFINITY:
                    peak = golden(
                        lambda t, s=side: function(*point(s, t)), grid[left], grid[right]
                    )
                    best = max(best, value, peak)
        return best

    def logs(self, x: mpf, y: mpf) -> tuple[mpf | None, mpf | None]:
        """Both log densities at x, ``None`` where they vanish."""
        of_p = self.p.log_density(x, y) if self.p.holds(x, y) else None
        return of_p, self.q.log_density(x, y) if self.q.holds(x, y) else None

    def _sides(self) -> list[Side]:
        edges = {e for f in (self.p, self.q) for e in (f.low, f.high)}
        logarithmic = any(feature.of_log for feature in self.features)
        if {mpf(0), mpf(1)} <= edges:
            pivots = [mpf(0), mpf(1)]
        elif logarithmic or mpf(0) in edges:
            pivots = [mpf(0)]
        else:
            pivots = [self.features[0].centre]
        ends = [self.low, *(p for p in pivots if self.low < p < self.high), self.high]
        sides = []
        for low, high in pairwise(ends):
            if low in pivots and high in pivots:
                middle = mp.log((high - low) / 2)
                sides += [Side(low, 1, -INFINITY, middle), Side(high, -1, -INFINITY, middle)]
            elif low in pivots:
                sides.append(Side(low, 1, -INFINITY, mp.log(high - low)))
            elif high in pivots:
                sides.append(Side(high, -1, -INFINITY, mp.log(high - low)))
            else:  # a support that begins beyond the pivot
                pivot = pivots[0]
                sides.append(Side(pivot, 1, mp.log(low - pivot), mp.log(high - pivot)))
        return sides

    def _on_axis(self, function: Callable, side: Side) -> Callable[[mpf], mpf]:
        def on_axis(t: mpf) -> mpf:
            return function(*point(side, t)) * mp.exp(t)

        return on_axis

    def _cuts(self, side: Side) -> list[mpf]:
        """Where to cut a side: finely at features, and at edges and kinks."""
        found = set()
        for centre, width in self._features_on(side):
            found.add(centre)
            step = width * self.plan.ratio / 3
            while step < 8:
                found |= {centre - step, centre + step}
                step *= self.plan.ratio
            found |= {centre - 8, centre + 8}
        special = [f.low for f in (self.p, self.q)] + [f.high for f in (self.p, self.q)]
        for x in [*special, *self.p.kinks, *self.q.kinks]:
            if abs(x) != INFINITY and (x - side.pivot) * side.sign > 0:
                found.add(mp.log((x - side.pivot) * side.sign))
        inside = {t for t in found if side.low < t < side.high}
        inside |= {t for t in (side.low, side.high) if abs(t) != INFINITY}
        if len(inside) == 1:
            (end,) = inside
            inside.add(end - 8 if side.low == -INFINITY else end + 8)
        return sorted(inside)

    def _features_on(self, side: Side) -> list[tuple[mpf, mpf]]:
        """Centres and widths on the axis of a side."""
        found = []
        for centre, width, of_log in self.features:
            if of_log and side.pivot == 0 and side.sign > 0:
                found.append((centre, width))
                continue
            if of_log:
                centre, width = mp.exp(centre), mp.exp(centre) * min(width, mpf(1))
            away = (centre - side.pivot) * side.sign
            if away > width:
                found.append((mp.log(away), width / away))
            found.append((mp.log(max(width, -away)), mpf(1)))
        return found

    def _crossings(self, side: Side, cuts: list[mpf], level: mpf) -> list[mpf]:
        """Where log(p / q) crosses a level."""

        def gap(t: mpf) -> mpf | None:
            of_p, of_q = self.logs(*point(side, t))
            return None if of_p is None or of_q is None else of_p - of_q - level

        grid = fine([*([cuts[0] - 30] if side.low == -INFINITY else []), *cuts], 6)
        grid += [cuts[-1] + k for k in (1, 3, 9, 27)] if side.high == INFINITY else []
        values, found = [gap(t) for t in grid], []
        for i in range(len(grid) - 1):
            if None in values[i : i + 2] or values[i] * values[i + 1] >= 0:
                continue
            found.append(bisect(gap, grid[i], grid[i + 1]))
        return found

    def _extend(self, panels: Panels, on_axis: Callable, start: mpf, direction: int) -> None:
        """Adds panels towards an open end until they contribute nothing."""
        length, quiet = mpf(1), 0
        for _ in range(MOST_DOUBLINGS):
            stop = start + direction * length
            value = panels.add(on_axis, min(start, stop), max(start, stop))
            small = abs(value) <= self.plan.tolerance * panels.size * mpf(10) ** -4
            quiet = quiet + 1 if small else 0
            if quiet == 2:
                return
            start, length = stop, 2 * length
        raise NotConverged("the tail does not end")


def point(side: Side, t: mpf) -> tuple[mpf, mpf]:
    """x and 1 - x, both exact near the pivots 0 and 1."""
    away = side.sign * mp.exp(t)
    return (
        (side.pivot + away, -away)
        if side.pivot == 1
        else (side.pivot + away, 1 - side.pivot - away)
    )
