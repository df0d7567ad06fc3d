r"""Rules on which the mean of a function of two scores is a sum.

The mean is one under the first side. Of the target nothing but its score is asked where it is the
second side, and of a member neither, so that no node need see its mass.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.problem import Problem
from kldiv.estimators.scores import score_terms
from kldiv.solvers.rules import Rule, Summed

__all__ = ["ScoreRule", "has_smooth_scores", "rule_of_scores"]


@dataclass(frozen=True, kw_only=True)
class ScoreRule(Rule):
    """A rule for a divergence of scores.

    Arguments:
        target: The target.
        forward: Whether the target is the first side.
        log_mass: What is subtracted from the log density of the first side.
    """

    target: Target
    forward: bool
    log_mass: Tensor

    def unseen(self) -> Tensor:
        """What is missing of the target's mass, where the mean is under the target."""
        return super().unseen() if self.forward else torch.zeros_like(self.weights).amax()

    def _values(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        points = self.points.expand(-1, *member.batch_shape, *self.event_shape)
        first, second = (self.target, member) if forward else (member, self.target)
        terms, _ = score_terms(Problem(divergence, first, second), self.log_mass, points)
        used = torch.where(self.weights > 0, terms[0], 0.0)
        return (used,), member.log_prob(points)

    def _doubts(
        self, values: tuple[Tensor, ...], integrals: list[Tensor], log_q: Tensor
    ) -> tuple[Tensor, Tensor]:
        shares, gaps = super()._doubts(values, integrals, log_q)
        return torch.zeros_like(shares) if self.forward else shares, gaps


def rule_of_scores(rule: Rule, target: Target, log_mass: Tensor, *, forward: bool) -> ScoreRule:
    """A rule for scores with the nodes of another one.

    Arguments:
        rule: The nodes.
        target: The target.
        log_mass: What is subtracted from the log density of the first side.
        forward: Whether the target is the first side.
    """
    own = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return ScoreRule(**own, target=target, forward=forward, log_mass=log_mass)


def has_smooth_scores(problem: Problem) -> bool:
    """Whether it is a divergence of scores that have no jumps, which would move with members."""
    if not isinstance(problem.divergence, ScoreDivergence):
        return False
    return not any(each.sharp for side in (problem.p, problem.q) for each in landmarks(side))
