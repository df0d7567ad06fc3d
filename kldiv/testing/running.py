"""Runs laws on a subject: selects, counts, and makes a report of what they find.

A *subject* is a divergence, a target or a family on trial; a *ground* is what its laws are tried
on: a batch of pairs, the target itself, members of the family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Protocol, TypeVar

from kldiv.errors import InvalidArgument, UnknownName
from kldiv.isolation import told
from kldiv.testing.law import Check, Law
from kldiv.testing.report import Failure, Outcome, Report

__all__ = ["Ground", "Trial", "named", "run"]

T = TypeVar("T")


class Ground(Protocol):
    """What laws are tried on, some elements in a batch."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def __len__(self) -> int:
        """How many elements it has."""

    def describe(self, index: int) -> Mapping[str, str]:
        """One element as text by name."""


class Trial(Protocol):
    """Something on trial."""

    @property
    def thing(self) -> Any:  # noqa: ANN401 (a divergence, a target or a family)
        """What is on trial."""

    def ready(self, ground: Any) -> bool:  # noqa: ANN401 (its own kind of ground)
        """Whether anything can be computed on a ground."""

    def code(self, law: str, ground: Any) -> str:  # noqa: ANN401 (likewise)
        """A line that checks a law on a ground again."""


def run(
    trial: Trial,
    known: Mapping[str, Law],
    laws: Iterable[str] | None,
    grounds: Iterable[Ground],
    expected_failures: Mapping[str, str] | None,
) -> Report:
    """Checks laws on grounds.

    Arguments:
        trial: What is on trial.
        known: All laws of its kind by name.
        laws: The names of those to check, all where omitted.
        grounds: What they are tried on.
        expected_failures: Laws that are known not to hold, each with the reason.

    Raises:
        UnknownName: If there is no law of a name.
        InvalidArgument: If an expected failure has no reason.
    """
    expected = _with_reasons(expected_failures or {}, known)
    chosen = [named(name, known, "law") for name in (known if laws is None else laws)]
    tried = list(grounds)
    outcomes = [_outcome(law, trial, tried, expected.get(law.name, "")) for law in chosen]
    return Report(str(trial), tuple(outcomes))


def named(name: str, known: Mapping[str, T], kind: str) -> T:
    """What bears a name, or an error that lists the names there are."""
    if name in known:
        return known[name]
    close = get_close_matches(str(name), known, n=1)
    question = f"did you mean {close[0]!r}? " if close else ""
    raise UnknownName(f"there is no {kind} {name!r}; {question}known: {', '.join(known)}")


def _with_reasons(expected: Mapping[str, str], known: Mapping[str, Law]) -> dict[str, str]:
    for name, reason in expected.items():
        named(name, known, "law")
        if not isinstance(reason, str) or not reason.strip():
            raise InvalidArgument(
                f"the expected failure of {name!r} needs its reason as text, got {reason!r}"
            )
    return dict(expected)


def _outcome(law: Law, trial: Trial, grounds: Iterable[Ground], expected: str) -> Outcome:
    """What becomes of a law on all grounds that it takes."""
    reason = law.why_not(trial.thing)
    if reason is not None:
        return Outcome(law.name, why_not=reason, expected=expected)
    failures: list[Failure] = []
    checks = 0
    for ground in grounds:
        try:
            if not law.takes(ground) or not trial.ready(ground):
                continue
            for check in law.assertion(trial, ground):
                checks += check.holds.numel()
                failures += _failures(law, trial, ground, check)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plugin raises is a finding
            checks += 1
            failures.append(_raised(law, trial, ground, error))
    why_not = "" if checks else "there is nothing here that it says something about"
    return Outcome(law.name, checks, tuple(failures), why_not, expected)


def _failures(law: Law, trial: Trial, ground: Ground, check: Check) -> list[Failure]:
    """The failure that a check found, told by its first element, if it found one."""
    broken = (~check.holds).nonzero()
    if len(broken) == 0:
        return []
    first = tuple(broken[0].tolist())
    numbers = {
        name: float(value.detach().expand(check.holds.shape)[first])
        for name, value in check.numbers.items()
    }
    points = {name: str(value[first].tolist()) for name, value in check.points.items()}
    given = {**ground.describe(first[-1] if first else 0), **points}
    count = len(broken), check.holds.numel()
    code = trial.code(law.name, ground)
    subject = str(trial)
    return [Failure(law.name, subject, ground.name, given, numbers, check.estimator, count, code)]


def _raised(law: Law, trial: Trial, ground: Ground, error: BaseException) -> Failure:
    kind, _, text = told(error).partition(": ")
    given, count = ground.describe(0), (len(ground), len(ground))
    code = trial.code(law.name, ground)
    subject = str(trial)
    return Failure(law.name, subject, ground.name, given, {kind: text}, "auto", count, code)
