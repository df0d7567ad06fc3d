"""How an objective is computed: as was asked for, or as a ladder chooses."""

from __future__ import annotations

from kldiv.errors import NotAvailable, NotFinite
from kldiv.estimate import Estimate
from kldiv.estimators import Estimator, Ladder, MonteCarlo, Problem

__all__ = ["Choice"]

_DRAWS = 1_000  # a step, where sampling is the ladder's choice


class Choice:
    """The estimator of all steps of a fit, chosen at the first of them.

    Arguments:
        asked: An estimator, or the ladder.

    ``failure`` is the last error because of which a start was taken for infinite.
    """

    def __init__(self, asked: Estimator | Ladder) -> None:
        self.asked = asked
        self.made: Estimator | None = None
        self.failure: NotFinite | None = None

    @property
    def free(self) -> bool:
        """Whether it was left to the ladder."""
        return isinstance(self.asked, Ladder)

    def of(self, problem: Problem) -> Estimator:
        """The estimator, for a problem if none was chosen before."""
        if self.made is None:
            self.made = self._from(self.asked, problem)
        return self.made

    def tried(self, problem: Problem) -> Estimate | None:
        """The estimate; ``None`` where it has none, and a later rung takes over from now on."""
        try:
            return self.of(problem).estimate(problem)
        except NotAvailable:
            if not self.passes_on(problem):
                raise
            return None

    def passes_on(self, problem: Problem) -> bool:
        """Whether a later rung takes over from now on, where a closed form has declined.

        Arguments:
            problem: What it was asked for: members beyond its domain, say.
        """
        if not isinstance(self.asked, Ladder) or self.made not in self.asked.rungs:
            return False
        later = Ladder(self.asked.rungs[self.asked.rungs.index(self.made) + 1 :])
        if later.explain(problem).method is None:
            return False
        self.made = self._from(later, problem)
        return True

    def _from(self, asked: Estimator | Ladder, problem: Problem) -> Estimator:
        if not isinstance(asked, Ladder):
            return asked
        found = asked.select(problem)
        return MonteCarlo(_DRAWS) if isinstance(found, MonteCarlo) else found
