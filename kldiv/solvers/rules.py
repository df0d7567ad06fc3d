r"""Nodes and weights at which a fit's objective is a plain sum.

For a fit, p does not change: its log density is computed once for each set of nodes, and a step
costs one evaluation of q. A rule made for one q serves its neighbours, until a check says
otherwise: the mass of q on the nodes must be 1, and the embedded coarse rule must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrands import densities, in_sight, past_poles
from kldiv.estimators.problem import Problem
from kldiv.estimators.quadrature import Quadrature
from kldiv.estimators.sums import Sum
from kldiv.solvers.trapezium import Nodes, trapezium_nodes

__all__ = ["Rule", "rule_for"]

_FAR = 1e120  # a log density may be as large as its square
_MASS = 1e-7  # what of a mass may be missing on the nodes
_GAP = {1: 1e-5, 2: 3e-4}  # to the coarser rule, relative: the root of the error, about
_AFAR = 5.0  # nats worse than the best: a start for which a plane's rule may be rough
_ROUGH = 2e-2  # relative to what it is worse by
_PLANE_EVALUATIONS = 60_000  # in two dimensions, where the trapezium rule has failed


@dataclass(frozen=True)
class Rule:
    r"""Points, weights and the log density of the target there.

    Arguments:
        points: With shape :math:`(N, *, E)`.
        weights: With shape :math:`(N, *)`.
        coarse: The weights of the embedded rule that checks the first, with shape :math:`(N, *)`.
        log_p: The target's log density, normalised where asked for, with shape :math:`(N, *)`.
        mass: The mass of the target, 1 unless it is a measure.
        event_shape: The shape of a point.
        problems: How many of the last dimensions are the target's batch shape, those before them
            being starts.
        best_effort: Whether the rule is not good enough even where it was made, and is the finest
            there is.
    """

    points: Tensor
    weights: Tensor
    coarse: Tensor
    log_p: Tensor
    mass: Tensor | None
    event_shape: torch.Size
    problems: int
    best_effort: bool = False

    def serves_anyway(self, batch: torch.Size) -> bool:
        """Whether members about those it was made for cannot have a better rule than it."""
        return self.best_effort and len(batch) > self.weights.ndim - 1

    def fits(self, batch: torch.Size) -> bool:
        """Whether the rule was made for members of a batch shape, or for its last dimensions."""
        own = self.weights.shape[1:]
        return len(own) <= len(batch) and own == batch[len(batch) - len(own) :]

    def suits(self, problem: Problem, *, forward: bool) -> bool:
        """Whether the rule sees the whole mass of both sides and agrees with its coarser half."""
        member = problem.q if forward else problem.p
        if not isinstance(problem.divergence, IntegralDivergence):
            return False
        _, good = self.divergence(problem.divergence, member, forward=forward)
        mass = (self.log_p.exp() * self.weights).sum(0)
        known = torch.ones_like(mass) if self.mass is None else self.mass
        return bool(good.all() and ((mass - known).abs() < _MASS * known).all())

    def divergence(
        self, divergence: IntegralDivergence, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor]:
        r"""The divergence, and whether the rule is good enough for it, of shape :math:`(*)`."""
        extra = len(member.batch_shape) - (self.weights.ndim - 1)
        if extra > 0:
            return self._widened(extra).divergence(divergence, member, forward=forward)
        log_q = member.log_prob(self.points)
        first, second = (self.log_p, log_q) if forward else (log_q, self.log_p)
        if self._reaches_far:
            first, second = in_sight(first, second, divergence.integrands)
        values = divergence.integrands(*past_poles(first, second))
        if not self._all_used:
            values = tuple(torch.where(self.weights > 0, value, 0.0) for value in values)
        integrals = [(value * self.weights).sum(0) for value in values]
        with torch.no_grad():
            missing = ((log_q.exp() * self.weights).sum(0) - 1).abs()
            good = torch.ones_like(missing, dtype=torch.bool)
            for value, integral in zip(values, integrals, strict=True):
                gap, afar = (value * self._doubt).sum(0).abs(), self._afar(integral)
                near = _GAP[self.event_shape.numel()] * integral.abs() + 1e-9
                close = (gap <= near + afar) & (missing < _MASS + afar)
                good = (good & close) | integral.isinf()
        return self._combined(divergence, integrals, forward=forward), good

    def _afar(self, integral: Tensor) -> Tensor:
        """What may be wrong in the plane where a start is far worse than its problem's best."""
        starts = tuple(range(integral.ndim - self.problems))
        if self.event_shape.numel() == 1 or not starts:
            return torch.zeros_like(integral)
        worse = integral.abs() - integral.abs().amin(starts, keepdim=True)
        return _ROUGH * (worse - _AFAR).clamp_min(0)

    @cached_property
    def _doubt(self) -> Tensor:
        """What the coarser rule's weights differ by."""
        return self.coarse - self.weights

    @cached_property
    def _all_used(self) -> bool:
        return bool((self.weights > 0).all())

    @cached_property
    def _reaches_far(self) -> bool:
        """Whether weights are so large that gradients at points without mass may overflow."""
        return bool(self.weights.max() > _FAR)

    def _widened(self, extra: int) -> Rule:
        """The same rule for members with more batch dimensions in front."""
        ones = (1,) * extra
        points, weights, coarse, log_p = (
            tensor.reshape(tensor.shape[0], *ones, *tensor.shape[1:])
            for tensor in (self.points, self.weights, self.coarse, self.log_p)
        )
        return replace(self, points=points, weights=weights, coarse=coarse, log_p=log_p)

    def _combined(
        self, divergence: IntegralDivergence, integrals: list[Tensor], *, forward: bool
    ) -> Tensor:
        if self.mass is None:
            return divergence.combine(*integrals)
        one = torch.ones_like(self.mass)
        mass_p, mass_q = (self.mass, one) if forward else (one, self.mass)
        return divergence.combine_measures(*integrals, mass_p=mass_p, mass_q=mass_q)


def rule_for(problem: Problem, estimator: Quadrature | Sum, *, forward: bool) -> Rule:
    """The cheapest rule that is good enough for a problem."""
    with torch.no_grad():
        target = problem.p if forward else problem.q
        sides = densities(problem, estimator.mass)
        log_mass = sides.log_mass_p if forward else sides.log_mass_q
        mass = estimator.mass(target)[0] if sides.measures else None

        def rule(nodes: Nodes) -> Rule:
            points, weights, coarse = nodes
            log_p = target.log_prob(points) - log_mass
            return Rule(
                points, weights, coarse, log_p, mass, problem.event_shape, len(target.batch_shape)
            )

        if isinstance(estimator, Sum):
            return rule(_sum_nodes(problem, estimator))
        if problem.event_shape.numel() == 2:
            for nodes in trapezium_nodes(problem):
                found = rule(nodes)
                if found.suits(problem, forward=forward):
                    return found
            estimator = replace(estimator, rtol=None, max_evaluations=_PLANE_EVALUATIONS)
            found = rule(estimator.rule(sides))
            return replace(found, best_effort=not found.suits(problem, forward=forward))
        return rule(estimator.rule(sides))


def _sum_nodes(problem: Problem, estimator: Sum) -> Nodes:
    points, weights = estimator.nodes(problem)
    return points, weights, weights
