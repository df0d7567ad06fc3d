"""Integrals over the plane of two mixtures of normals, by the trapezoidal rule in mpmath.

For functions that are smooth on the whole plane and vanish like a normal density, the error of
that rule falls faster than any power of its step, here a share of the narrowest component.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014),
    doi:10.1137/130932132.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from mpmath import mp, mpf

REACH = 11  # standard deviations: what lies beyond is below 1e-26


class Component(NamedTuple):
    """A weighted normal density: the logarithm of its factor, its mean, its precision matrix."""

    log_factor: mpf
    mean: tuple[mpf, mpf]
    precise: tuple[mpf, mpf, mpf]
    deviations: tuple[mpf, mpf]
    narrow: mpf


class Plane:
    """Two mixtures of normals in the plane."""

    discrete = False

    def __init__(self, p: tuple, q: tuple, step: mpf) -> None:
        self.p, self.q = components(*p), components(*q)
        both = [*self.p, *self.q]
        self.step = step * min(each.narrow for each in both)
        self.ranges = []
        for axis in (0, 1):
            low = min(each.mean[axis] - REACH * each.deviations[axis] for each in both)
            high = max(each.mean[axis] + REACH * each.deviations[axis] for each in both)
            self.ranges.append([low + self.step * i for i in range(int((high - low) / self.step))])

    @property
    def size(self) -> int:
        """How many points an integral takes."""
        return len(self.ranges[0]) * len(self.ranges[1])

    def integral(self, integrand: Callable, level: mpf | None = None) -> mpf:
        """The integral of a smooth function of both log densities."""
        if level is not None:
            raise ValueError("a kink is beyond the trapezoidal rule")
        total = mp.fsum(
            integrand(log_density(self.p, x, y), log_density(self.q, x, y))
            for x, y in product(*self.ranges)
        )
        return total * self.step**2


def components(weights: list[mpf], locs: list, covariances: list) -> list[Component]:
    """The parts of a mixture."""
    found = []
    for weight, mean, ((a, b), (_, c)) in zip(weights, locs, covariances, strict=True):
        det = a * c - b * b
        log_factor = mp.log(weight / (2 * mp.pi)) - mp.log(det) / 2
        least = (a + c - mp.sqrt((a - c) ** 2 + 4 * b * b)) / 2
        found.append(
            Component(
                log_factor,
                tuple(mean),
                (c / det, -b / det, a / det),
                (mp.sqrt(a), mp.sqrt(c)),
                mp.sqrt(least),
            )
        )
    return found


def log_density(mixture: list[Component], x: mpf, y: mpf) -> mpf:
    """The log density of a mixture at a point."""
    logs = []
    for part in mixture:
        u, v = x - part.mean[0], y - part.mean[1]
        a, b, c = part.precise
        logs.append(part.log_factor - (a * u * u + 2 * b * u * v + c * v * v) / 2)
    return logs[0] if len(logs) == 1 else mp.log(mp.fsum(map(mp.exp, logs)))
