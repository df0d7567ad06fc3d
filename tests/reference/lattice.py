"""Sums over the integers of a function of two distributions, in mpmath."""

from __future__ import annotations

from collections.abc import Callable

from mpmath import mp, mpf

from tests.reference.counts import Counts
from tests.reference.panels import NotConverged, Plan

Integrand = Callable[[mpf | None, mpf | None], mpf]
MOST_TERMS = 60_000


class Lattice:
    """Two distributions on the integers from 0 on, and sums of functions of their logarithms."""

    discrete = True

    def __init__(self, p: Counts, q: Counts, plan: Plan) -> None:
        self.p, self.q, self.plan = p, q, plan
        sides = (p, q)
        infinite = any(side.values is None for side in sides)
        self.values = None if infinite else sorted(set().union(*(s.values for s in sides)))
        self.far = max(side.far for side in sides)

    def integral(self, integrand: Integrand, level: mpf | None = None) -> mpf:
        """The sum of a function of both log probabilities, ``None`` where they vanish."""
        if self.values is not None:
            return mp.fsum(integrand(*self.logs(k)) for k in self.values)
        terms: list[mpf] = []
        size = mpf(0)
        for k in range(MOST_TERMS):
            terms.append(integrand(*self.logs(k)))
            size += abs(terms[-1])
            if k > self.far and abs(terms[-1]) < abs(terms[-2]):
                ratio = terms[-1] / terms[-2]
                if abs(terms[-1]) * ratio / (1 - ratio) < self.plan.tolerance * size:
                    return mp.fsum(terms)
            if k > self.far and terms[-1] == 0:
                return mp.fsum(terms)
        raise NotConverged(f"{MOST_TERMS} terms")

    def greatest(self, function: Callable[[mpf, mpf], mpf]) -> mpf:
        """The supremum of a function of k over the values of both."""
        values = range(4 * self.far) if self.values is None else self.values
        return max(function(mpf(k), mpf(0)) for k in values)

    def logs(self, k: int, _: mpf | None = None) -> tuple[mpf | None, mpf | None]:
        """Both log probabilities of k, ``None`` where they vanish."""
        k = int(k)
        of_p = self.p.log_probability(k) if self.p.holds(k) else None
        return of_p, self.q.log_probability(k) if self.q.holds(k) else None
