"""What a run of the laws found: a row for each law, and each failure with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kldiv.errors import LawBroken
from kldiv.tables import cell_text, text_table

__all__ = ["Failure", "Outcome", "Report"]


@dataclass(frozen=True)
class Failure:
    """A law that does not hold somewhere.

    Arguments:
        law: The name of the law.
        subject: The divergence, target or family, with its parameters.
        ground: The name of what it was tried on: of a batch of pairs, or of members.
        given: What it does not hold for, as text by name: p and q, or parameters, or a point.
        numbers: The numbers that disagree, or the error that was raised, by name.
        estimator: How they were had.
        broken: For how many elements it does not hold, and of how many.
        code: A line that runs it again.
    """

    law: str
    subject: str
    ground: str
    given: Mapping[str, str]
    numbers: Mapping[str, float | str]
    estimator: str
    broken: tuple[int, int]
    code: str

    def __str__(self) -> str:
        count, total = self.broken
        numbers = ", ".join(f"{name} = {_shown(value)}" for name, value in self.numbers.items())
        return "\n".join(
            [
                f"{self.law} does not hold for {self.subject} on {self.ground!r} "
                f"({self.estimator}; {count} of {total}), such as",
                *(f"  {name} = {value}" for name, value in self.given.items()),
                f"  {numbers}",
                f"  again: {self.code}",
            ]
        )


@dataclass(frozen=True)
class Outcome:
    """What became of one law.

    Arguments:
        law: Its name.
        checks: How many elements it was checked on.
        failures: Where it does not hold.
        why_not: Why it was not checked, where it was not.
        expected: Why it is expected to fail, where it is.
    """

    law: str
    checks: int = 0
    failures: tuple[Failure, ...] = ()
    why_not: str = ""
    expected: str = ""

    @property
    def passed(self) -> bool:
        """Whether it holds, or fails as expected; one not checked holds unless it was to fail."""
        return bool(self.failures) == bool(self.expected)

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.expected:
            done = "fails as expected" if self.failures else "was expected to fail and does not"
            return f"{done}: {self.expected}"
        if self.failures:
            places = dict.fromkeys(f"{each.ground!r}" for each in self.failures)
            return f"FAILS on {', '.join(places)}"
        return "holds" if self.checks else f"not checked: {self.why_not}"


@dataclass(frozen=True)
class Report:
    """What the laws say of a divergence, a target or a family.

    Arguments:
        subject: What they were tried on, with its parameters.
        outcomes: What became of each law.
    """

    subject: str
    outcomes: tuple[Outcome, ...]

    @property
    def checks(self) -> int:
        """How many elements were checked, by all laws."""
        return sum(each.checks for each in self.outcomes)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Where a law does not hold that was expected to."""
        return tuple(
            failure for each in self.outcomes if not each.expected for failure in each.failures
        )

    @property
    def passed(self) -> bool:
        """Whether something was checked, and every law holds or fails as expected."""
        return self.checks > 0 and all(each.passed for each in self.outcomes)

    def raise_for_failures(self) -> None:
        """Raises `kldiv.LawBroken` unless all passed.

        Raises:
            LawBroken: With the whole report as its message.
        """
        if not self.passed:
            raise LawBroken(str(self))

    def __str__(self) -> str:
        rows = [(each.law, each.checks or "", each.verdict) for each in self.outcomes]
        table = text_table(("law", "checks", "outcome"), rows)
        return "\n\n".join([self.summary, table, *self._examples()])

    def __repr__(self) -> str:
        return str(self)

    @property
    def summary(self) -> str:
        """The verdict in a line, with how much was checked."""
        if not self.checks:
            return f"{self.subject} FAILS: nothing was checked"
        ran = sum(each.checks > 0 for each in self.outcomes)
        wrong = sum(not each.passed for each in self.outcomes)
        verdict = f"FAILS {wrong} of" if wrong else "passes:"
        laws = "law" if ran == 1 else "laws"
        return f"{self.subject} {verdict} {ran} {laws}, {self.checks} checks"

    def _examples(self) -> list[str]:
        """The first failure of each law, and how many more there are."""
        shown = []
        for each in self.outcomes:
            if each.failures and not each.expected:
                more = len(each.failures) - 1
                rest = f"\n  ({more} more in report.failures)" if more else ""
                shown.append(f"{each.failures[0]}{rest}")
        return shown


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else cell_text(value, digits=10)
