"""Laws of limits: of a parameter's values, and where one density vanishes."""

from __future__ import annotations

import math

from collections.abc import Iterator
from typing import cast

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence, FDivergence
from kldiv.estimators import Problem
from kldiv.resolving import as_target
from kldiv.testing.derivatives import Point, with_gradient
from kldiv.testing.law import Check, Subject, at_most, law
from kldiv.testing.pair import Pair

__all__ = ["continuity", "edges", "slopes"]

_NEAR, _FAR = 1e-8, 1e-4
_SHRINKS = 0.5  # a jump stays
_ENDS = (150.0, 300.0)  # of |log u|
_SETTLED = 1e-9


def _without_limits(divergence: Divergence) -> str | None:
    return None if any(divergence.limits.values()) else "it declares no limits"


def _smooth(pair: Pair) -> bool:
    return pair.interior and pair.bounded


@law(_without_limits, _smooth)
def continuity(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""Value and gradient are continuous in each parameter at its declared ``limits``.

    .. math:: \lim_{a \to a_0} D_a(p \parallel q) = D_{a_0}(p \parallel q), \qquad
        \lim_{a \to a_0} \nabla D_a(p \parallel q) = \nabla D_{a_0}(p \parallel q)

    Where :math:`|a - a_0|` falls from 1e-4 to 1e-8 (for a limit at infinity, where a grows from 4
    to 100) the gap must fall to less than half of it, or to the error. At infinity it is that of
    the value alone: a supremum need not have a gradient.
    """
    for name, limits in subject.divergence.limits.items():
        for limit in limits:
            there = with_gradient(subject.at(name, limit), pair)
            for values in _ways_to(limit):
                try:
                    beside = [subject.at(name, value) for value in values]
                except ValueError:  # that side is out of its range
                    continue
                near, far = (with_gradient(each, pair) for each in beside)
                yield _falls(f"D at {name}={values[0]!r}", there, near, far)
                if math.isfinite(limit):
                    yield _straightens(there, near, far)


def _ways_to(limit: float) -> tuple[tuple[float, float], ...]:
    """A value near a limit and one farther off, from each side."""
    if math.isinf(limit):
        return ((math.copysign(100.0, limit), math.copysign(4.0, limit)),)
    return tuple((limit + side * _NEAR, limit + side * _FAR) for side in (-1, 1))


def _falls(where: str, there: Point, near: Point, far: Point) -> Check:
    """Whether the gap of the values falls."""
    gap, farther = near.away_from(there), far.away_from(there)
    holds = at_most(gap, _SHRINKS * farther, there.slack + near.slack)
    return Check(holds, {"D at the limit": there.value, where: near.value})


def _straightens(there: Point, near: Point, far: Point) -> Check:
    """Whether the gap of the gradients falls."""
    gap, farther = ((each.gradient - there.gradient).abs().amax(-1) for each in (near, far))
    holds = at_most(gap, _SHRINKS * farther, (there.slack + near.slack).sqrt())
    return Check(holds, {"gap of the gradients near the limit": gap, "farther off": farther})


def _with_edges(pair: Pair) -> bool:
    return not pair.interior and not pair.members()[0].event_shape


@law(takes=_with_edges)
def edges(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""Where a density vanishes a divergence is infinite if it says so, and no gradient is NaN.

    An f-divergence is infinite where :math:`f^*(0) = \infty` and p has mass that q has not, and
    where :math:`f(0) = \infty` and q has mass that p has not; on few points nowhere else.
    """
    for each in (pair, pair.reversed()):
        found = with_gradient(subject, each)
        clean = ~found.value.isnan() & ~found.gradient.isnan().any(-1)
        steepest = found.gradient.abs().amax(-1)
        yield Check(clean, {"D(p‖q)": found.value, "steepest derivative": steepest})
        if isinstance(subject.divergence, FDivergence):
            expected = _infinite(subject.divergence, each)
            wrong = found.value.isinf() != expected
            holds = ~wrong if each.on_faces else ~(wrong & expected)
            yield Check(holds, {"D(p‖q)": found.value, "is to be infinite": expected})


def _infinite(divergence: FDivergence, pair: Pair) -> Tensor:
    """Where the claims say that it is infinite for mass of one side that the other has not."""
    zero, nothing = torch.zeros(2, dtype=torch.float64), torch.full((2,), -math.inf).double()
    only_p = divergence.integrands(zero, nothing)[0].isinf().any()
    only_q = divergence.integrands(nothing, zero)[0].isinf().any()
    beyond_q, beyond_p = _uncovered(pair)
    return (only_p & beyond_q) | (only_q & beyond_p)


def _uncovered(pair: Pair) -> tuple[Tensor, Tensor]:
    """Whether p has mass where q has none, and the reverse."""
    if pair.on_faces:
        p, q = (side.parameters["probs"] > 0 for side in (pair.p, pair.q))
        return (p & ~q).any(-1), (q & ~p).any(-1)
    sides = pair.members()
    return Problem(Divergence(), as_target(sides[0], "p"), as_target(sides[1], "q")).uncovered()


def _undeclared(divergence: Divergence) -> str | None:
    ends = (getattr(divergence, name, None) for name in ("at_zero", "slope_at_infinity"))
    return "it declares neither" if all(end is None for end in ends) else None


def _with_zeros(pair: Pair) -> bool:
    return pair.on_faces and not pair.interior


@law(_undeclared, _with_zeros)
def slopes(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""The declared :math:`f(0)` and :math:`f^*(0) = \lim f(u) / u` are those of the generator.

    As f is convex, :math:`f^*(0)` is the supremum of :math:`f(u) / (u - 1)` over :math:`u > 1`
    and :math:`f(0)` that of :math:`f(u) / (1 - u)` over :math:`u < 1`. None of these quotients
    exceeds what is declared, and where two far ones agree, they agree with it.
    """
    divergence = cast("FDivergence", subject.divergence)
    for name, sign in (("at_zero", -1), ("slope_at_infinity", 1)):
        declared = getattr(divergence, name)
        if declared is None:
            continue
        log_u = sign * torch.tensor(_ENDS, dtype=torch.float64)
        near, far = divergence.generator(log_u) / log_u.expm1().abs()
        room = _SETTLED * (1 + far.abs())
        settled = far.isfinite() & ((far - near).abs() <= room)
        holds = (far <= declared + room) & ~(settled & ((far - declared).abs() > room))
        numbers = {name: torch.tensor(declared), f"generator at log u = {sign * _ENDS[1]:g}": far}
        yield Check(holds.expand(len(pair)), numbers)
