"""The quadrature rung: continuous densities in one and two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.flow import is_learnt
from kldiv.definitions.kinks import kinks_of
from kldiv.definitions.support import is_box
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.estimate import Estimate
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Densities, Tolerance, densities, finish, unsuited
from kldiv.estimators.options import check_count, check_tolerance
from kldiv.estimators.problem import Problem
from kldiv.lazy import deferred

if TYPE_CHECKING:
    from kldiv.estimators.integrals.adaptive import Demand
    from kldiv.estimators.integrals.domain import DomainIntegrals
    from kldiv.estimators.integrals.equal_steps import EqualSteps
    from kldiv.estimators.integrals.formulas import Formula, Statistics
    from kldiv.estimators.integrals.landmarks import Landmark

    Laid = Callable[[Target], EqualSteps | None]

__all__ = ["Quadrature"]

_by_logarithms = deferred("kldiv.estimators.integrals.log_integrals:by_logarithms")
_equal_steps = deferred("kldiv.estimators.integrals.equal_steps:equal_steps")
_demand = deferred("kldiv.estimators.integrals.adaptive:Demand")
_domain_integrals = deferred("kldiv.estimators.integrals.domain:domain_integrals")
_formula_of = deferred("kldiv.estimators.integrals.score_formula:formula_of")
_of_statistics = deferred("kldiv.estimators.integrals.formulas:StatisticsFormula")
_supremum = deferred("kldiv.estimators.extrema.suprema:supremum")

_DEFAULT_RTOL = {1: 1e-10, 2: 1e-8}  # by the number of dimensions
_SHARE_OF_RTOL = {1: 2.0, 2: 20.0}  # what is asked for is so many times less
_DEFAULT_MOST = {1: 400_000, 2: 4_000_000}
_MASS_RTOL = 1e-9
_ROUNDING = 8 * torch.finfo(torch.float64).eps
_SHARE = 8.0  # of the rounding that log densities show, what they may have within
_OF_PLANES = 2.0  # of inner errors
_SEEN = 1e-8  # of a mass of 1: more than rounding
_PRESENT = 1e-10  # of a mass, at a node whose ratio tells how much a missing mass matters


@dataclass(frozen=True)
class Quadrature:
    r"""Adaptive quadrature in one or two dimensions, batched.

    Arguments:
        rtol: The relative tolerance. Where it is given and not reached,
            :class:`kldiv.ToleranceNotMet` is raised; where omitted, 1e-10 is aimed at (1e-8 in
            two dimensions) and the error says what was reached.
        atol: The absolute tolerance.
        max_evaluations: The most points at which the densities are evaluated for each element of
            the batch; where omitted, 400,000, in two dimensions 4,000,000. A first look at the
            whole domain is always taken, of some hundred points on a line and 3,000 in the plane,
            more where there are several places with mass. What was not paid for is in the error.
            The mass of a density that is not normalised, and the places where one has any if it
            states none, are found apart from this.

    Raises:
        InvalidType: If an option is no number.
        InvalidArgument: If a tolerance is out of range or no evaluation is allowed.
    """

    rtol: float | None = None
    atol: float = 0.0
    max_evaluations: int | None = None

    name = "quadrature"

    def __post_init__(self) -> None:
        if self.rtol is not None:
            check_tolerance("rtol", self.rtol)
        check_tolerance("atol", self.atol, relative=False)
        if self.max_evaluations is not None:
            check_count("max_evaluations", self.max_evaluations)

    def why_not(self, problem: Problem) -> str | None:
        """Continuous densities in at most two dimensions, each coordinate on an interval."""
        reason = unsuited(problem)
        if reason is not None:
            return reason
        if problem.discrete:
            return "the support is discrete"
        if problem.event_shape.numel() > 2 or len(problem.event_shape) > 1:
            return f"the event shape {tuple(problem.event_shape)} has more than two dimensions"
        for side in (problem.p, problem.q):
            if not is_box(side.support):
                return f"the support {side.support} is no product of intervals"
            if problem.event_shape.numel() == 2 and is_learnt(side.distribution):
                return (
                    f"{type(side.distribution).__name__} is a flow, whose density has more bends "
                    "in the plane than a rule can follow"
                )
        return None

    def estimate(self, problem: Problem) -> Estimate:
        """The integrals of the divergence, then their combination."""
        divergence = problem.divergence
        if isinstance(divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, divergence)
        sides = densities(problem, self.mass)
        if isinstance(divergence, SupremumDivergence):
            greatest: Estimate = _supremum(sides, Tolerance(self.rtol, self.atol), self.name)
            return greatest
        return self._estimate(sides)

    def _estimate(self, sides: Densities, *places: Landmark) -> Estimate:
        found = self._integrals(sides, places, needs_all=True)
        own = found.values.shape[0] - (0 if sides.measures else 2)
        values = found.differentiable()[:own] if torch.is_grad_enabled() else found.values[:own]
        errors = (found.errors + _doubt(sides, found))[:own]
        batch = sides.problem.batch_shape
        values, errors, diverges = (
            each.reshape(-1, *batch) for each in (values, errors, found.diverges[:own])
        )
        points = -(-int(found.points.sum()) // max(1, batch.numel()))
        tolerance = Tolerance(self.rtol, self.atol)
        estimate = finish(sides, values, errors, diverges, tolerance, self.name, points)
        infinite = estimate.value.isinf()
        if not bool(infinite.any()):
            return estimate
        known = diverges.any(0) | sides.forced().any(0) | found.hollow[:own].any(0).reshape(batch)
        lost = infinite & ~known
        terms = getattr(sides.problem.divergence, "logarithms", ())
        if terms and not sides.measures and bool(lost.any()):
            estimate = _by_logarithms(
                sides.problem,
                estimate,
                lost,
                lambda problem, place: self._estimate(densities(problem, self.mass), place),
            )
        return replace(estimate, reason=_reason(sides, found, estimate.value.isinf(), own))

    def rule(self, sides: Densities) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        r"""Nodes at which the integrals of a divergence, and the masses, are plain sums.

        Returns:
            Points of shape :math:`(N, *, E)`, weights of shape :math:`(N, *)`, and those of an
            embedded coarser rule; and which integrals of the divergence diverge, so that sums
            say nothing of them, with shape :math:`(K, *)`.
        """
        with torch.no_grad():
            found = self._integrals(sides, (), needs_all=False)
        diverges = found.diverges[: found.formula.count]
        return found.rule(), diverges.reshape(-1, *sides.problem.batch_shape)

    def _integrals(
        self, sides: Densities, places: tuple[Landmark, ...], *, needs_all: bool
    ) -> DomainIntegrals:
        """The integrals of a divergence, the masses of both sides last."""
        problem = sides.problem
        size = problem.event_shape.numel()
        rtol = self.rtol / _SHARE_OF_RTOL[size] if self.rtol else _DEFAULT_RTOL[size]
        with torch.no_grad():
            formula: Formula = _formula_of(sides, needs_all=needs_all)
            of_masses = rtol if sides.measures else max(rtol, _MASS_RTOL)
            tolerances = [rtol] * formula.count + [of_masses] * 2
            kinks = getattr(problem.divergence, "kinks", ())
            if formula.has_poles and not kinks and isinstance(problem.divergence, FDivergence):
                kinks = kinks_of(problem.divergence.generator)
            demand = self._demand(tolerances, self.atol, problem.event_shape)
            found: DomainIntegrals = _domain_integrals(
                formula, problem.batch_shape, demand, kinks, places
            )
        return found

    def mass(self, target: Target, nodes: Laid | None = None) -> tuple[Tensor, Tensor]:
        """The integral of a density, with its error; differentiable.

        Arguments:
            target: The target, normalised or not.
            nodes: What lays nodes for it, or knows that none suit it; where omitted, it is tried.
        """
        values, errors = self._expectations(target, None, nodes)
        return values[0], errors[0]

    def expectations(
        self, target: Target, statistics: Statistics, nodes: Laid | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""The integrals of a density and of its product with each statistic, with their errors.

        Arguments:
            target: The target, normalised or not.
            statistics: A function of points, with shape :math:`(N, *, E)`, that returns k tensors
                of shape :math:`(N, *)`.
            nodes: What lays nodes for it, or knows that none suit it; where omitted, it is tried.

        Returns:
            The integrals and their errors, with shape :math:`(1 + k, *)`; differentiable.
        """
        return self._expectations(target, statistics, nodes, of_mass=1e-15)

    def _expectations(
        self,
        target: Target,
        statistics: Statistics | None,
        nodes: Laid | None,
        of_mass: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        batch, rtol = target.batch_shape, 1e-12 if target.event_shape.numel() == 1 else 1e-9
        demand = replace(self._demand([rtol], 0.0, target.event_shape), of_first=of_mass)
        laid: EqualSteps | None = (nodes or _equal_steps)(target)
        known = None if laid is None else laid.expectations(statistics, demand)
        if known is not None:
            return known
        with torch.no_grad():
            formula: Formula = _of_statistics(target, statistics)
            found: DomainIntegrals = _domain_integrals(formula, batch, demand)
        values = found.differentiable() if torch.is_grad_enabled() else found.values
        return values.reshape(-1, *batch), found.errors.reshape(-1, *batch)

    def _demand(self, rtol: list[float], atol: float, event_shape: torch.Size) -> Demand:
        most = self.max_evaluations or _DEFAULT_MOST[event_shape.numel()]
        demand: Demand = _demand(torch.tensor(rtol, dtype=torch.float64), atol, most)
        return demand


def _reason(sides: Densities, found: DomainIntegrals, infinite: Tensor, own: int) -> str:
    """What the infinite values come from."""
    hollow, diverges = (
        each[:own].any(0).reshape(infinite.shape) for each in (found.hollow, found.diverges)
    )
    overflows = found.values[:own].isinf().any(0).reshape(infinite.shape)
    beyond_q, beyond_p = sides.problem.uncovered()
    hollow = hollow | sides.forced().any(0) | ~(overflows | diverges)
    outside = hollow & (beyond_q | beyond_p)
    kinds = {
        "one side has mass where the other has none": outside,
        "one density vanishes, or falls below all numbers, where the other has mass": hollow
        & ~outside,
        "the integral diverges: one density falls too fast for the other": diverges & ~hollow,
        "it is beyond the largest floating-point number": overflows & ~(diverges | hollow),
    }
    return "; ".join(reason for reason, where in kinds.items() if bool((infinite & where).any()))


def _doubt(sides: Densities, found: DomainIntegrals) -> Tensor:
    """What the masses of both sides, were they known, tell of errors that the nodes do not see.

    A small defect is the rounding within the log densities, of which the integrands have their
    share. A large one is mass that was not seen; it counts times the greatest ratio of an
    integrand to that density, without any bound where no node has met that density.
    """
    plane = sides.problem.event_shape.numel() > 1
    doubt = (_OF_PLANES if plane else _SHARE) * found.floors
    if sides.measures or not sides.problem.p.normalize:  # a score is of no mass: p alone counts
        return doubt
    known = sides.mass_error.expand(sides.problem.batch_shape).reshape(-1)
    defects = ((found.values[-2:] - 1).abs() - known).clamp_min(0)
    unexplained = (defects - found.floors[-2:]).clamp_min(0)
    small = torch.where(defects < _SEEN, unexplained, 0.0).amax(0)
    if plane:  # there floors hold more than rounding
        doubt = doubt + _OF_PLANES * small * found.values.abs().nan_to_num(posinf=0.0)
    else:
        doubt = doubt * (small / _ROUNDING).clamp_min(1)
    if not bool((defects > _SEEN).any()):
        return doubt
    missing = torch.where(defects > _SEEN, (defects - found.errors[-2:]).clamp_min(0), 0.0)
    for row, gap, ratio in zip((-2, -1), missing, found.ratios(_PRESENT), strict=True):
        met = ratio[row] > 0
        doubt = doubt + torch.where(met | (gap == 0), gap * ratio, torch.inf)
    return doubt
