"""The ladder: the first estimator that applies, and why the earlier ones did not.

Where no closed form covers a problem, it is made smaller first if a rule can do that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kldiv.definitions.divergence import Divergence
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Estimator, Problem
from kldiv.estimators.reductions import Reduction, reduction_of

__all__ = ["Explanation", "Ladder"]


@dataclass(frozen=True)
class Explanation:
    """Which estimator would run, and in a sentence each, why the earlier ones do not apply.

    Arguments:
        method: The name of the estimator that would run, or ``None`` where none applies.
        rejected: The names of those before it, with their reasons.
        rule: What makes the problem smaller first, if anything does.
    """

    method: str | None
    rejected: dict[str, str]
    rule: str = ""

    def __str__(self) -> str:
        lines = [f"{name}: no, {reason}" for name, reason in self.rejected.items()]
        by_rule = f", by {self.rule}" if self.rule else ""
        lines.append(f"{self.method}: yes{by_rule}" if self.method else "no estimator applies")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Ladder:
    """Estimators in the order in which they are tried."""

    rungs: tuple[Estimator, ...]

    def of(self, divergence: Divergence) -> Ladder:
        """The ladder with a divergence's own estimators after its first rung."""
        if not divergence.estimators:
            return self
        return Ladder((*self.rungs[:1], *divergence.estimators, *self.rungs[1:]))

    def explain(self, problem: Problem) -> Explanation:
        """Which rung applies; computes nothing."""
        whole = self._of_whole(problem)
        smaller = _smaller(problem, whole.method)
        if smaller is None:
            return whole
        inner = self.explain(smaller.problem)
        return replace(inner, rule=smaller.rule if not inner.rule else inner.rule)

    def estimate(self, problem: Problem) -> Estimate:
        """The estimate of the first rung that applies; of a later one where that has no number."""
        rung = self._first(problem)
        smaller = _smaller(problem, rung.name if rung else None)
        if smaller is not None:
            return smaller.restore(self.estimate(smaller.problem))
        rung = rung or self.select(problem)
        later = Ladder(self.rungs[self.rungs.index(rung) + 1 :])
        try:
            estimate = rung.estimate(problem)
        except NotAvailable:  # a closed form may decline
            if later.explain(problem).method is None:
                raise
            return later.estimate(problem)
        if not estimate.undefined or later.explain(problem).method is None:
            return estimate
        return later.estimate(problem)

    def select(self, problem: Problem) -> Estimator:
        """The first rung that applies to the problem as it stands.

        Raises:
            NotAvailable: If none does; the message says why, rung by rung.
        """
        rung = self._first(problem)
        if rung is None:
            raise NotAvailable(
                f"{problem.divergence} cannot be had between p = {problem.p!r} and "
                f"q = {problem.q!r}:\n{self._of_whole(problem)}"
            )
        return rung

    def _first(self, problem: Problem) -> Estimator | None:
        return next((rung for rung in self.rungs if rung.why_not(problem) is None), None)

    def _of_whole(self, problem: Problem) -> Explanation:
        rejected: dict[str, str] = {}
        for rung in self.rungs:
            reason = rung.why_not(problem)
            if reason is None:
                return Explanation(rung.name, rejected)
            rejected[rung.name] = reason
        return Explanation(None, rejected)


def _smaller(problem: Problem, method: str | None) -> Reduction | None:
    """The problem made smaller, unless a closed form covers it as it stands."""
    return None if method == "exact" else reduction_of(problem)
