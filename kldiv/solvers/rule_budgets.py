"""How many evaluations the rule of a fit may cost, which is made anew now and then.

A start that runs away may end where the rounding within a log density is more than what is asked
for, as that of a gamma of concentration 1e7 is. No nodes are enough there, and all starts have as
many as the worst of them; the check of the rule asks for far less than its tolerance. Where that
check asks for more, as of densities with many ripples, a rule on a line is made anew without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from torch import Tensor

from kldiv.estimators.integrals.layout import places_of
from kldiv.estimators.problem import Problem
from kldiv.estimators.quadrature import Quadrature

__all__ = ["laid_thriftily", "within_budget"]

_IN_PLANE = 150_000  # where the trapezium rule has failed
_PLANE_RTOL = 1e-7
_ON_LINE = 10_000  # smooth integrands take some hundred
_EACH = 1_000  # more for each place with mass and each kink that is stated
_KEPT = 4  # times as many evaluations at most as the nodes that are left of them


class _Laid(Protocol):
    """A rule."""

    @property
    def points(self) -> Tensor:
        """Its points, with shape (N, *, E)."""


R = TypeVar("R", bound=_Laid)


def within_budget(estimator: Quadrature, problem: Problem) -> Quadrature:
    """The same with the evaluations that a rule for a problem may cost.

    Arguments:
        estimator: What lays adaptive rules, perhaps with a limit of its own.
        problem: The divergence between the target and members.
    """
    if problem.event_shape.numel() == 2:
        most = min(estimator.max_evaluations or _IN_PLANE, _IN_PLANE)
        return replace(estimator, rtol=_PLANE_RTOL, max_evaluations=most)
    sides = problem.p, problem.q
    most = _ON_LINE + _EACH * (len(places_of(*sides)) + sum(len(side.cuts) for side in sides))
    return replace(estimator, max_evaluations=min(estimator.max_evaluations or most, most))


def laid_thriftily(
    lay: Callable[[Quadrature], R],
    roughness: Callable[[R], float],
    estimator: Quadrature,
    problem: Problem,
) -> R:
    """A rule within the budget, and one without where that ran out and left it too rough.

    Arguments:
        lay: What lays a rule.
        roughness: How many times too rough one is.
        estimator: What it is to be laid by.
        problem: The divergence between the target and members.
    """
    limited = within_budget(estimator, problem)
    found = lay(limited)
    ran_out = _KEPT * len(found.points) > (limited.max_evaluations or 0)
    return lay(estimator) if ran_out and roughness(found) > 1 else found
