r"""Nodes and weights at which a fit's objective is a plain sum.

For a fit, p does not change: its log density is computed once for each set of nodes, and a step
costs one evaluation of q. A rule made for one q serves its neighbours, until a check says
otherwise: the mass of q on the nodes must be 1, and the embedded coarse rule must agree. Where
integrands have kinks on a line, a rule is cut at those of each q; where that cannot be done the
edges of its cells are at the kinks of one q, and it serves nobody else.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrands import densities, in_sight, past_poles
from kldiv.estimators.problem import Problem
from kldiv.estimators.quadrature import Quadrature
from kldiv.estimators.sums import Sum
from kldiv.lazy import deferred
from kldiv.solvers.divergent_integrals import DivergentIntegrals
from kldiv.solvers.rule_budgets import laid_thriftily, within_budget

if TYPE_CHECKING:
    from kldiv.solvers.trapezium import Nodes

__all__ = ["GAP", "MASS", "NEARLY", "Rule", "Summed", "rule_for"]

Summed = IntegralDivergence | ScoreDivergence
"""The divergences that are sums over nodes."""

_rule_of_scores = deferred("kldiv.solvers.score_rule:rule_of_scores")
_rule_on_line = deferred("kldiv.solvers.cut_rules:rule_on_line")
_trapezium_nodes = deferred("kldiv.solvers.trapezium:trapezium_nodes")

_FAR = 1e120  # a log density may be as large as its square
MASS = 1e-7  # what of a mass may be missing on the nodes
GAP = {1: 1e-5, 2: 3e-4}  # to the coarser rule, relative: the root of the error, about
_AFAR = 5.0  # nats worse than the best: a start for which a plane's rule may be rough
_ROUGH = 2e-2  # relative to what it is worse by
NEARLY = 30.0  # times too rough: no other rule in the plane is much better
_NEIGHBOURS = 3.0  # times rougher than where it was made a rule may be elsewhere
_ABSURD = 1e12  # nats: a sum over nodes as large may stand for an integral that diverges
_BETTER = 3.0, 10.0  # times less rough: what finer grids and adaptive rules must be


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
        slack: How many times too rough it may be: 1, unless there is no better one.
        kinked: Whether the members that it was made for have kinks, which are at edges of its
            cells. Inside of a cell, where those of neighbours are, a kink makes the gradient a
            little wrong, and differences of gradients miss what it adds to the Hessian.
        divergent: Which integrals of these members are infinite; ``None`` where none is known.
    """

    points: Tensor
    weights: Tensor
    coarse: Tensor
    log_p: Tensor
    mass: Tensor | None
    event_shape: torch.Size
    problems: int
    slack: float = 1.0
    kinked: bool = False
    divergent: DivergentIntegrals | None = None

    shared: ClassVar[bool] = False
    """Whether it is a :class:`kldiv.solvers.shared_rule.SharedRule`, whose nodes serve all."""
    by_rows: ClassVar[bool] = False
    """Whether some members cost less than all of them."""

    @property
    def best_effort(self) -> bool:
        """Whether it is too rough even where it was made, and the finest there is."""
        return self.slack > 1

    def serves_anyway(self, batch: torch.Size) -> bool:
        """Whether members about those it was made for cannot have a better rule than it."""
        return self.best_effort and len(batch) > self.weights.ndim - 1

    def fits(self, batch: torch.Size) -> bool:
        """Whether it may serve others than it was made for, with this batch shape or more."""
        own = self.weights.shape[1:]
        return not self.kinked and len(own) <= len(batch) and own == batch[len(batch) - len(own) :]

    def roughness(self, problem: Problem, *, forward: bool) -> float:
        """How many times too rough the rule is: to see both masses, to agree with its half."""
        member = problem.q if forward else problem.p
        if not isinstance(problem.divergence, Summed):
            return math.inf
        _, *doubts = self.judged(problem.divergence, member, forward=forward)
        worst = torch.stack([each.max() for each in (*doubts, self.unseen())]).max()
        return float(torch.nan_to_num(worst, nan=math.inf))

    def unseen(self) -> Tensor:
        """What is missing of the target's mass, as a share of what may be."""
        mass = (self.log_p.exp() * self.weights).sum(0)
        known = torch.ones_like(mass) if self.mass is None else self.mass
        return ((mass - known).abs() / (MASS * known)).max()

    def divergence(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor]:
        r"""The divergence, and whether the rule is good enough for it, of shape :math:`(*)`."""
        loss, *doubts = self.judged(divergence, member, forward=forward)
        return loss, torch.maximum(*doubts) <= self.slack

    def judged(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, and how many times too rough the rule is for it, of shape :math:`(*)`.

        The first of two numbers is for what is not seen, the second for what is seen roughly.
        """
        extra = len(member.batch_shape) - (self.weights.ndim - 1)
        if extra > 0:
            return self._widened(extra).judged(divergence, member, forward=forward)
        values, log_q = self._values(divergence, member, forward=forward)
        integrals, known = self._integrals(values), self.divergent
        integrals = integrals if known is None else known.told(integrals)
        with torch.no_grad():
            doubts = self._doubts(values, integrals, log_q)
            doubts = doubts if known is None else known.doubted(*doubts, log_q)
        return self._combined(divergence, integrals, forward=forward), *doubts

    def first(self, problem: Problem, estimator: Quadrature | Sum, *, forward: bool) -> Tensor:
        """The divergence of those it was made for, infinite also where only the nodes end."""
        divergence, member = problem.divergence, problem.q if forward else problem.p
        if not isinstance(divergence, Summed):
            return estimator.estimate(problem).value
        loss, _ = self.divergence(divergence, member, forward=forward)
        if bool(((loss.detach() > _ABSURD) & loss.isfinite()).any()):
            with torch.no_grad():
                truth = replace(estimator, rtol=None).estimate(problem).value
            loss = torch.where(truth.isinf(), torch.inf, loss)
        return loss

    def _values(
        self,
        divergence: Any,  # noqa: ANN401 (one of integrands; a rule of its own has scores)
        member: Target,
        *,
        forward: bool,
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """The integrands and the log density of a member at the nodes."""
        log_q, known = member.log_prob(self.points), self.divergent
        log_q = log_q if known is None else known.held(log_q)
        first, second = (self.log_p, log_q) if forward else (log_q, self.log_p)
        if self._reaches_far:
            first, second = in_sight(first, second, divergence.integrands)
        values = divergence.integrands(*past_poles(first, second))
        if not self._all_used:
            values = tuple(torch.where(self.weights > 0, value, 0.0) for value in values)
        return values, log_q

    def _integrals(self, values: tuple[Tensor, ...]) -> list[Tensor]:
        return [(value * self.weights).sum(0) for value in values]

    def _doubts(
        self, values: tuple[Tensor, ...], integrals: list[Tensor], log_q: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is missing of a member's mass, and the gap to the coarser rule, as shares."""
        missing = ((log_q.exp() * self.weights).sum(0) - 1).abs()
        shares, gaps = torch.zeros_like(missing), torch.zeros_like(missing)
        for value, integral in zip(values, integrals, strict=True):
            gap, afar = (value * self._doubt).sum(0).abs(), self._afar(integral)
            near = GAP[self.event_shape.numel()] * integral.abs() + 1e-9
            finite = ~integral.isinf()
            shares = torch.maximum(shares, torch.where(finite, missing / (MASS + afar), 0.0))
            gaps = torch.maximum(gaps, torch.where(finite, gap / (near + afar), 0.0))
        return shares, gaps

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

    def _widened(self, extra: int) -> Self:
        """The same rule for members with more batch dimensions in front."""
        ones = (1,) * extra
        points, weights, coarse, log_p = (
            tensor.reshape(tensor.shape[0], *ones, *tensor.shape[1:])
            for tensor in (self.points, self.weights, self.coarse, self.log_p)
        )
        wide = replace(self, points=points, weights=weights, coarse=coarse, log_p=log_p)
        return replace(wide, divergent=self.divergent and self.divergent.widened(extra))

    def _combined(self, divergence: Summed, integrals: list[Tensor], *, forward: bool) -> Tensor:
        if self.mass is None or not isinstance(divergence, IntegralDivergence):
            return divergence.combine(*integrals)
        one = torch.ones_like(self.mass)
        mass_p, mass_q = (self.mass, one) if forward else (one, self.mass)
        return divergence.combine_measures(*integrals, mass_p=mass_p, mass_q=mass_q)


def rule_for(problem: Problem, estimator: Quadrature | Sum, *, forward: bool) -> Rule:
    """The cheapest rule that is good enough for a problem."""
    if isinstance(estimator, Quadrature) and problem.event_shape.numel() == 2:
        estimator = within_budget(estimator, problem)
    with torch.no_grad():
        target = problem.p if forward else problem.q
        sides = densities(problem, estimator.mass)
        log_mass = sides.log_mass_p if forward else sides.log_mass_q
        mass = estimator.mass(target)[0] if sides.measures else None

        def log_density(points: Tensor) -> Tensor:
            return target.log_prob(points) - log_mass

        def rule(nodes: Nodes, diverges: Tensor | None = None) -> Rule:
            points, weights, coarse = nodes
            log_p, shape = log_density(points), problem.event_shape
            made = Rule(points, weights, coarse, log_p, mass, shape, len(target.batch_shape))
            if diverges is not None and bool(diverges.any()):
                log_q = (problem.q if forward else problem.p).log_prob(points)
                made = replace(made, divergent=DivergentIntegrals(diverges, log_q))
            if not isinstance(problem.divergence, ScoreDivergence):
                return made
            found: Rule = _rule_of_scores(made, target, sides.log_mass_p, forward=forward)
            return found

        if isinstance(estimator, Sum):
            return rule(_sum_nodes(problem, estimator))
        rough = methodcaller("roughness", problem, forward=forward)
        if problem.event_shape.numel() == 1:
            whole = laid_thriftily(lambda each: rule(*each.rule(sides)), rough, estimator, problem)
            found: Rule = _rule_on_line(problem, whole, log_density, forward=forward)
            return found
        grids = (rule(nodes) for nodes in _trapezium_nodes(problem))
        return _best(grids, lambda: rule(*estimator.rule(sides)), rough)


def _best(
    grids: Iterable[Rule], adaptive: Callable[[], Rule], roughness: Callable[[Rule], float]
) -> Rule:
    """The first rule that is good enough, or the one that is worth its nodes."""
    best, least = None, math.inf
    for found in grids:
        rough = roughness(found)
        if rough <= 1:
            return found
        if best is None or rough < least / _BETTER[0]:
            best, least = found, rough
    if best is None or least > NEARLY:
        found = adaptive()
        rough = roughness(found)
        if best is None or rough < least / _BETTER[1]:
            best, least = found, rough
    return replace(best, slack=max(1.0, _NEIGHBOURS * least))


def _sum_nodes(problem: Problem, estimator: Sum) -> Nodes:
    points, weights = estimator.nodes(problem)
    return points, weights, weights
