"""The rule that a fit keeps, laid anew where it is not good enough any more."""

from __future__ import annotations

import math

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.support import box
from kldiv.definitions.target import Target
from kldiv.estimators import Problem, Quadrature, Sum
from kldiv.lazy import deferred
from kldiv.solvers.rules import NEARLY, Rule, Summed, rule_for

if TYPE_CHECKING:
    from kldiv.solvers.lattice_rules import LatticeRules
    from kldiv.solvers.shared_rule import SharedRule

__all__ = ["KeptRule", "has_moving_edges"]

_lattice_rules = deferred("kldiv.solvers.lattice_rules:lattice_rules")

_has_smooth_scores = deferred("kldiv.solvers.score_rule:has_smooth_scores")

_PLANE = 2  # coordinates
_AT_ONCE = 1 << 16  # nodes times members, in the cache of a processor


@dataclass
class KeptRule:
    """At first there is none.

    Arguments:
        forward: Whether the target is the first side.
        rule: The rule.
        best: The least divergence that was well known, where starts share a rule.
    """

    forward: bool
    rule: Rule | None = None
    best: float = math.inf
    _lattices: LatticeRules | None = None
    _new: bool = True

    @property
    def by_rows(self) -> bool:
        """Whether some starts cost less than all of them."""
        return self.rule is None or self.rule.by_rows

    @property
    def shared(self) -> bool:
        """Whether there is a rule that serves all starts."""
        return self._shared is not None

    @property
    def blurs(self) -> bool:
        """Whether it rounds kinks off."""
        return self._shared is not None and self._shared.blur > 0

    @property
    def _shared(self) -> SharedRule | None:
        found = self.rule if self.rule is not None and self.rule.shared else None
        return cast("SharedRule | None", found)

    def serves(self, problem: Problem) -> bool:
        """Whether a divergence is a sum over nodes that may stand still."""
        if has_moving_edges(problem.q if self.forward else problem.p):
            return False
        return isinstance(problem.divergence, IntegralDivergence) or _has_smooth_scores(problem)

    def value(self, divergence: object, q: Target) -> Tensor | None:
        """The divergence of members; ``None`` where the rule does not serve them."""
        rule = self.rule
        if rule is None or not isinstance(divergence, Summed):
            return None
        if (shared := self._shared) is not None:
            loss, doubts, _ = shared.serves(divergence, q, self.best, forward=self.forward)
            known = loss.detach()[doubts <= NEARLY]
            self.best = min([self.best, *known.flatten().tolist()])
            return loss if len(known) == loss.numel() else None
        if not rule.fits(q.batch_shape):
            return None
        loss, good = rule.divergence(divergence, q, forward=self.forward)
        return loss if bool(good.all()) or rule.serves_anyway(q.batch_shape) else None

    def lay(
        self, problem: Problem, estimator: Quadrature | Sum, unit: float = 1.0, *, fine: bool
    ) -> Rule:
        """Another rule, which is kept.

        Arguments:
            problem: The divergence between the target and members.
            estimator: What lays adaptive rules.
            unit: What counts as 1 of the divergence.
            fine: Whether the members are where they are to stay.
        """
        with torch.no_grad():
            lattices = self._known_lattices(problem, estimator)
            shared = lattices and lattices.cheapest(problem, self.best, unit, fine=fine)
        self.rule = shared or rule_for(problem, estimator, forward=self.forward)
        return self.rule

    def follows(self, problem: Problem, estimator: Quadrature | Sum) -> bool:
        """Whether lattices are laid anew where members have moved."""
        found = self._known_lattices(problem, estimator)
        return found is not None and found.ground.members

    def beside(self) -> KeptRule:
        """What is to keep a rule for other members of the same problem."""
        lattices = self._lattices and self._lattices.anew()
        return KeptRule(self.forward, _lattices=lattices, _new=self._new)

    @torch.no_grad()
    def _known_lattices(
        self, problem: Problem, estimator: Quadrature | Sum
    ) -> LatticeRules | None:
        if self._new and problem.p.event_shape.numel() == _PLANE:
            self._lattices = _lattice_rules(problem, estimator, forward=self.forward)
        self._new = False
        return self._lattices

    @torch.no_grad()
    def resolved(self, problem: Problem) -> Tensor | None:
        """Which members it serves as they deserve; ``None`` where there is no finer one.

        Arguments:
            problem: The divergence between the target and members.
        """
        rule, divergence = self._shared, problem.divergence
        if rule is None or not isinstance(divergence, Summed):
            return None
        member = problem.q if self.forward else problem.p
        _, *doubts = rule.judged(divergence, member, forward=self.forward)
        _, _, count = rule.serves(divergence, member, self.best, forward=self.forward)
        return torch.maximum(*doubts) <= torch.where(count, NEARLY, 1.0)

    @torch.no_grad()
    def blur(self, problem: Problem) -> Tensor:
        """What divergences may be wrong by where a rule that serves all rounds kinks off.

        Arguments:
            problem: The divergence between the target and members.
        """
        rule, divergence = self._shared, problem.divergence
        member = problem.q if self.forward else problem.p
        if rule is None or not isinstance(divergence, Summed):
            return torch.full(member.batch_shape, torch.inf, dtype=torch.float64)
        loss, *doubts = rule.judged(divergence, member, forward=self.forward)
        return rule.blur * torch.maximum(*doubts) * (1 + loss.abs())

    @torch.no_grad()
    def is_fine(self, problem: Problem) -> bool:
        """Whether it is good enough for the best of members that are to stay."""
        rule, divergence = self._shared, problem.divergence
        if rule is None or not isinstance(divergence, Summed):
            return True
        member = problem.q if self.forward else problem.p
        _, doubts, count = rule.serves(divergence, member, self.best, forward=self.forward)
        return bool((doubts[count] <= 1).all())

    def parts(self, theta: Tensor) -> tuple[Tensor, ...]:
        """Real vectors in parts whose values at the nodes a cache holds."""
        if self.rule is None or not self.rule.by_rows:
            return (theta,)
        each = max(1, len(self.rule.points) * theta[0].numel() // theta.shape[-1])
        parts: tuple[Tensor, ...] = theta.split(max(1, _AT_ONCE // each))
        return parts


def has_moving_edges(member: Target) -> bool:
    """Whether the support depends on the parameters: a rule's nodes would stand still."""
    ends = box(member.support)
    return ends is not None and (ends.lower.requires_grad or ends.upper.requires_grad)
