"""The ladder: the first estimator that applies, and why the earlier ones did not."""

from __future__ import annotations

from dataclasses import dataclass

from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Estimator, Problem

__all__ = ["Explanation", "Ladder"]


@dataclass(frozen=True)
class Explanation:
    """Which estimator would run, and in a sentence each, why the earlier ones do not apply.

    Arguments:
        method: The name of the estimator that would run, or ``None`` where none applies.
        rejected: The names of those before it, with their reasons.
    """

    method: str | None
    rejected: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{name}: no, {reason}" for name, reason in self.rejected.items()]
        lines.append(f"{self.method}: yes" if self.method else "no estimator applies")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Ladder:
    """Estimators in the order in which they are tried."""

    rungs: tuple[Estimator, ...]

    def explain(self, problem: Problem) -> Explanation:
        """Which rung applies; computes nothing."""
        rejected: dict[str, str] = {}
        for rung in self.rungs:
            reason = rung.why_not(problem)
            if reason is None:
                return Explanation(rung.name, rejected)
            rejected[rung.name] = reason
        return Explanation(None, rejected)

    def estimate(self, problem: Problem) -> Estimate:
        """The estimate of the first rung that applies; of a later one where that has no number."""
        rung = self.select(problem)
        estimate = rung.estimate(problem)
        later = Ladder(self.rungs[self.rungs.index(rung) + 1 :])
        if not estimate.value.isnan().any() or later.explain(problem).method is None:
            return estimate
        return later.estimate(problem)

    def select(self, problem: Problem) -> Estimator:
        """The first rung that applies.

        Raises:
            NotAvailable: If none does; the message says why, rung by rung.
        """
        explanation = self.explain(problem)
        for rung in self.rungs:
            if rung.name == explanation.method:
                return rung
        raise NotAvailable(
            f"{problem.divergence} cannot be had between p = {problem.p!r} and "
            f"q = {problem.q!r}:\n{explanation}"
        )
