"""All laws of a plugin as cases of pytest, one for each law and item.

Two lines of a test file are enough::

from kldiv.testing.pytest_cases import laws_of

test_it_obeys_the_laws = laws_of("kldiv-example")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from kldiv.diagnosis import diagnose
from kldiv.errors import LawBroken
from kldiv.testing.checking import LAWS
from kldiv.testing.items import Item, expected_of, items_of

__all__ = ["laws_of"]

Case = Callable[[], None]


def laws_of(
    distribution: str,
    *,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
) -> Callable[[Case], None]:
    """A test function with a case for each law of each item that a distribution offers.

    A law that does not apply is skipped with the reason. An item of which nothing is checked
    fails, and so does a distribution that offers nothing.

    Arguments:
        distribution: Its name, such as ``"kldiv-example"``.
        expected_failures: For an item, by its label or name as
            :func:`kldiv.testing.check_plugin` takes it, the laws that are known not to hold, each
            with the reason. One that holds nevertheless fails.
        seed: What all randomness follows.

    Raises:
        UnknownName: If no plugin of that name is installed, or an expected failure has a name
            that it does not offer.
    """
    items = items_of(distribution)
    cases: dict[str, Case] = {"plugin-diagnosis": _Diagnosis(distribution, not items)}
    for item, expected in zip(items, expected_of(items, expected_failures), strict=True):
        cases |= dict(_cases(item, expected, seed))

    @pytest.mark.parametrize("case", cases.values(), ids=cases)
    def test_law(case: Case) -> None:
        case()

    return test_law


def _cases(item: Item, expected: Mapping[str, str], seed: int) -> Iterator[tuple[str, Case]]:
    """The cases of an item, the last of which counts those that ran."""
    ran: list[int] = []
    known = LAWS.get(item.kind, {"agreement": None, "gradient": None})
    for law in (*known, *(name for name in expected if name not in known)):
        reason = {law: expected[law]} if law in expected else {}
        yield f"{item.label}-{law}", _Law(item, law, reason, seed, ran)
    yield f"{item.label}-something", _Something(item, ran)


@dataclass(frozen=True)
class _Law:
    """A law of an item."""

    item: Item
    law: str
    expected: Mapping[str, str]
    seed: int
    ran: list[int]

    def __call__(self) -> None:
        report = self.item.check(laws=[self.law], expected_failures=self.expected, seed=self.seed)
        self.ran.append(report.checks)
        (outcome,) = report.outcomes
        if not outcome.passed:
            raise LawBroken(str(report))
        if not outcome.checks:
            pytest.skip(outcome.why_not)


@dataclass(frozen=True)
class _Something:
    """Fails if the laws of an item ran and checked nothing."""

    item: Item
    ran: list[int]

    def __call__(self) -> None:
        if not self.ran:
            pytest.skip("no law was selected")
        if not any(self.ran):
            raise LawBroken(f"{self.item.kind} {self.item.label}: nothing was checked")


@dataclass(frozen=True)
class _Diagnosis:
    """Fails if something is wrong with the plugin as such."""

    distribution: str
    empty: bool

    def __call__(self) -> None:
        if self.empty:
            raise LawBroken(f"{self.distribution} offers nothing that could be checked")
        wrong = [each for each in diagnose(self.distribution) if each.serious]
        if wrong:
            raise LawBroken("\n".join(f"{each.item}: {each.text}" for each in wrong))
