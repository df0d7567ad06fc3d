"""Rules for a divergence of scores whose nodes serve all starts of a fit.

The scores of the target at the nodes are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.scores import score_of
from kldiv.solvers.shared_rule import SharedRule

__all__ = ["SharedScoreRule", "with_scores"]


@dataclass(frozen=True, kw_only=True)
class SharedScoreRule(SharedRule):
    """A rule for many members.

    Arguments:
        score: The score of the target at the nodes, with shape :math:`(N, *, 2)`.
    """

    score: Tensor

    def _widened(self, extra: int) -> Self:
        wide = super()._widened(extra)
        return replace(wide, score=self.score.reshape(wide.points.shape))

    def _values(
        self, divergence: ScoreDivergence, member: Target, *, forward: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        points = self.points.expand(-1, *member.batch_shape, *self.event_shape)
        log_q, score = score_of(member, points)
        pair = (self.score.expand_as(score), score) if forward else (score, self.score)
        log_first = self.log_p if forward else log_q
        return (log_first.exp() * divergence.integrand(*pair),), log_q


def with_scores(rule: SharedRule, target: Target) -> SharedScoreRule:
    """The same nodes for scores.

    Arguments:
        rule: The nodes.
        target: The target.
    """
    own = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return SharedScoreRule(**own, score=score_of(target, rule.points)[1])
