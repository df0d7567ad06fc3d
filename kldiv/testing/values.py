"""Laws of values: signs, zeros, symmetry, bounds, and the triangle of a metric."""

from __future__ import annotations

import math

from collections.abc import Iterator

import torch

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.sample_divergence import SampleDivergence
from kldiv.testing.law import (
    ROUNDING,
    Check,
    Subject,
    agree,
    at_most,
    claimed,
    law,
    scatter,
)
from kldiv.testing.pair import Pair

__all__ = ["bound", "identity", "non_negative", "symmetry", "triangle"]


@law()
def non_negative(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(p \parallel q) \geq 0`, up to rounding, and it is not NaN.

    One that is defined on samples may be negative by chance.
    """
    for each in (pair, pair.reversed()):
        found = subject.on(each)
        chance = scatter(found) if isinstance(subject.divergence, SampleDivergence) else 0.0
        yield Check(found.value >= -ROUNDING - chance, {"D(p‖q)": found.value})


@law()
def identity(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(p \parallel p) = 0`, up to rounding, by every estimator."""
    p, _ = pair.members()
    for estimator in subject.estimators(p, p):
        found = subject.of(p, p, estimator)
        chance = 0.0 if found.stderr is None else scatter(found)
        yield Check(found.value.abs() <= ROUNDING + chance, {"D(p‖p)": found.value}, estimator)


@law(claimed("symmetric"))
def symmetry(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(p \parallel q) = D(q \parallel p)` where it claims to be ``symmetric``."""
    there, back = subject.on(pair), subject.on(pair.reversed())
    holds = agree(there.value, back.value, scatter(there) + scatter(back))
    yield Check(holds, {"D(p‖q)": there.value, "D(q‖p)": back.value})


def _unbounded(divergence: Divergence) -> str | None:
    return "upper_bound is infinite" if math.isinf(divergence.upper_bound) else None


@law(_unbounded)
def bound(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(p \parallel q)` is at most the ``upper_bound`` that it claims."""
    for each in (pair, pair.reversed()):
        found = subject.on(each)
        most = torch.full_like(found.value, subject.divergence.upper_bound)
        holds = at_most(found.value, most, scatter(found))
        yield Check(holds, {"D(p‖q)": found.value, "upper_bound": most})


def _several(pair: Pair) -> bool:
    return len(pair) > 2


@law(claimed("metric"), _several)
def triangle(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(p \parallel q) \leq D(p \parallel r) + D(r \parallel q)` for a ``metric``.

    For r the next p and the next q of the batch are taken.
    """
    whole = subject.on(pair)
    for r in (pair.p.rolled(), pair.q.rolled()):
        first = subject.on(Pair(pair.name, pair.p, r))
        second = subject.on(Pair(pair.name, r, pair.q))
        detour = first.value + second.value
        slack = scatter(whole) + scatter(first) + scatter(second)
        yield Check(
            at_most(whole.value, detour, slack),
            {"D(p‖q)": whole.value, "D(p‖r)": first.value, "D(r‖q)": second.value},
        )
