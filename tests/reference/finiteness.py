"""Which divergences are infinite, decided by mathematics: by supports and by tails.

The logarithms of both densities at an end are sums of growing functions of y (see `densities`).
The greatest function whose coefficient is not zero decides: an integral of exp of the sum
converges if that coefficient is negative; if only c log y is left, then if c < -1 at an infinite
end, where dx = dy, and if c < 1 at a finite one, where dx = dy / y^2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from mpmath import mp, mpf

from tests.reference.family import INFINITY, Terms

LOG = ("log",)
NEGLIGIBLE = mpf(10) ** -30


class End(NamedTuple):
    """Both log densities at one end, ``None`` where a density vanishes before it."""

    p: Terms | None
    q: Terms | None
    finite: bool


def rank(key: tuple) -> tuple:
    """How fast a function grows, for comparison with others."""
    kind, *parameter = key
    if kind == "exp":
        return (3, *parameter)
    if kind == "power":
        return (2, parameter[0], 0)
    return {"ylogy": (2, 1, 1), "log2": (1,), "log": (0,)}[kind]


def combine(first: Terms, second: Terms, alpha: mpf, beta: mpf) -> Terms:
    """The terms of alpha times one log density and beta times another."""
    keys = {*first, *second}
    sums = {key: (alpha * first.get(key, 0), beta * second.get(key, 0)) for key in keys}
    return {
        key: a + b for key, (a, b) in sums.items() if abs(a + b) > NEGLIGIBLE * (abs(a) + abs(b))
    }


def leading(terms: Terms) -> tuple | None:
    """The function that grows fastest."""
    return max(terms, key=rank, default=None)


def converges(terms: Terms, finite: bool, extra: mpf | int = 0) -> bool:
    """Whether the integral of y^extra exp(terms) converges at an end."""
    top = leading(terms)
    if top is not None and top != LOG:
        return terms[top] < 0
    return terms.get(LOG, 0) + extra < (1 if finite else -1)


def power_is_finite(end: End, alpha: mpf) -> bool:
    """Whether the integral of p^alpha q^(1 - alpha) converges at an end, alpha not in [0, 1]."""
    if end.p is None or end.q is None:
        return (end.p is None or alpha < 1) and (end.q is None or alpha > 0)
    return converges(combine(end.p, end.q, alpha, 1 - alpha), end.finite)


def kl_is_finite(end: End) -> bool:
    """Whether the integral of p log(p / q) converges at an end."""
    if end.p is None:
        return True
    if end.q is None:
        return False
    ratio = combine(end.p, end.q, mpf(1), mpf(-1))
    top = leading(ratio)
    if top is None or ratio[top] < 0:  # there p log(p / q) - p + q is at most q
        return True
    if top[0] == "exp":
        return converges(combine(end.p, {("power", mpf(1)): top[1]}, mpf(1), mpf(1)), end.finite)
    return converges(end.p, end.finite, extra=top[1] if top[0] == "power" else mpf(0))


def fisher_is_finite(end: End) -> bool:
    """Whether the integral of p (log p - log q)'^2 converges at an end."""
    if end.p is None:
        return True
    ratio = combine(end.p, end.q or {}, mpf(1), mpf(-1))
    top = leading(ratio)
    if top is None:
        return True
    if top[0] == "exp":
        steep = {("power", mpf(1)): 2 * top[1]}
        return converges(combine(end.p, steep, mpf(1), mpf(1)), end.finite)
    slope = {"power": lambda: 2 * top[1] - 2, "ylogy": lambda: mpf(0)}.get(top[0], lambda: mpf(-2))
    return converges(end.p, end.finite, extra=slope() + (4 if end.finite else 0))


def ratio_is_bounded(end: End) -> bool:
    """Whether p / q is bounded at an end."""
    if end.p is None:
        return True
    if end.q is None:
        return False
    ratio = combine(end.p, end.q, mpf(1), mpf(-1))
    top = leading(ratio)
    return top is None or ratio[top] < 0


def norm_is_finite(end: End, power: mpf) -> bool:
    """Whether the integrals of p^power and q^power converge at an end."""
    sides = [terms for terms in (end.p, end.q) if terms is not None]
    return all(converges(combine(terms, {}, power, mpf(0)), end.finite) for terms in sides)


def reverse_kl_is_finite(end: End) -> bool:
    """Whether the integral of q log(q / p) converges at an end."""
    return kl_is_finite(End(end.q, end.p, end.finite))


def is_finite(name: str, order: mpf | None, ends: list[End]) -> bool | None:
    """Whether a divergence is finite; ``None`` where it has no value because a norm is infinite.

    Arguments:
        name: The name of the divergence.
        order: Its parameter if it has one.
        ends: All ends of both supports, so that one of them lies beyond the other's where one
            has mass that the other has not.
    """
    if name in ("squared_l2", "density_power", "cosine", "cauchy_schwarz", "gamma"):
        power = mpf(2) if order is None else 1 + order
        if all(norm_is_finite(end, power) for end in ends):
            return True
        return False if name in ("squared_l2", "density_power") else None
    return all(criterion(end) for criterion in criteria(name, order) for end in ends)


def criteria(name: str, order: mpf | None) -> list[Callable[[End], bool]]:
    """What must hold at every end for a divergence of ratios or scores to be finite."""
    if name == "fisher":
        return [fisher_is_finite]
    if name == "jeffreys":
        return [kl_is_finite, reverse_kl_is_finite]
    if name in ("renyi", "tsallis", "alpha", "kl", "chi2", "neyman_chi2"):
        alpha = {"kl": mpf(1), "chi2": mpf(2), "neyman_chi2": mpf(-1)}.get(name, order)
        return of_power(alpha, reverse=name == "alpha")
    return []


def of_power(alpha: mpf, *, reverse: bool) -> list[Callable[[End], bool]]:
    """The criteria of the divergences made of int p^alpha q^(1 - alpha) and of their limits."""
    if mp.isinf(alpha):
        return [ratio_is_bounded]
    if alpha == 1:
        return [kl_is_finite]
    if alpha == 0 and reverse:
        return [reverse_kl_is_finite]
    return [] if 0 <= alpha < 1 else [partial(power_is_finite, alpha=alpha)]


def ends_of_line(p, q) -> list[End]:
    """The ends of two families of `densities`, those inside of the other's support included."""
    found = []
    for family, is_p in ((p, True), (q, False)):
        other = q if is_p else p
        for point, terms, low in (
            (family.low, family.at_low, True),
            (family.high, family.at_high, False),
        ):
            if low:
                there = other.low <= point < other.high
                same, edge = other.low == point, other.at_low
            else:
                there = other.low < point <= other.high
                same, edge = other.high == point, other.at_high
            others = (edge if same else {}) if there else None
            sides = (terms, others) if is_p else (others, terms)
            found.append(End(*sides, finite=abs(point) != INFINITY))
    return found


def ends_of_counts(p, q) -> list[End]:
    """The ends of two families of `counts`: infinity, and values that one of them lacks."""
    found = []
    if p.values is None and q.values is None:
        return [End(p.at_high, q.at_high, finite=False)]
    if q.values is None or (p.values is not None and not q.values <= p.values):
        found.append(End(None, {("power", mpf(1)): mpf(-1)}, finite=False))
    if p.values is None or (q.values is not None and not p.values <= q.values):
        found.append(End({("power", mpf(1)): mpf(-1)}, None, finite=False))
    return found
