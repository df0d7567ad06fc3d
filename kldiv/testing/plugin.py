"""`check_plugin`: everything that an installed distribution offers, held to the laws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kldiv.diagnosis import Finding, diagnose
from kldiv.errors import LawBroken, UnknownName
from kldiv.isolation import isolated
from kldiv.tables import text_table
from kldiv.testing.checking import LAWS
from kldiv.testing.items import Item, expected_of, items_of, plugins_of
from kldiv.testing.report import Report
from kldiv.testing.running import named

__all__ = ["PluginReport", "check_plugin"]


@dataclass(frozen=True)
class PluginReport:
    """What the laws say of all that a distribution offers.

    Arguments:
        distribution: Its name.
        version: Its version.
        findings: What is wrong with the plugin as such, and what is worth knowing.
        items: What it offers, as kind and label.
        reports: The report on each of these.
    """

    distribution: str
    version: str
    findings: tuple[Finding, ...]
    items: tuple[tuple[str, str], ...]
    reports: tuple[Report, ...]

    @property
    def checks(self) -> int:
        """How many elements were checked, of all that it offers."""
        return sum(report.checks for report in self.reports)

    @property
    def passed(self) -> bool:
        """Whether something was checked, all passed, and nothing is wrong with the plugin."""
        well = not any(finding.serious for finding in self.findings)
        return well and self.checks > 0 and all(report.passed for report in self.reports)

    def raise_for_failures(self) -> None:
        """Raises `kldiv.LawBroken` unless all passed.

        Raises:
            LawBroken: With the whole report as its message.
        """
        if not self.passed:
            raise LawBroken(str(self))

    def __str__(self) -> str:
        rows = [
            (kind, label, _laws(report), report.checks, "passes" if report.passed else "FAILS")
            for (kind, label), report in zip(self.items, self.reports, strict=True)
        ]
        verdict = "passes" if self.passed else "FAILS"
        parts = [f"{self.distribution} {self.version} {verdict}: {self.checks} checks"]
        parts += [f"{each.item or 'the plugin'}: {each.text}" for each in self.findings]
        parts += [text_table(("kind", "item", "laws", "checks", "outcome"), rows)] if rows else []
        parts += [] if self.checks else ["Nothing was checked."]
        parts += [str(report) for report in self.reports if not report.passed]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return str(self)


def check_plugin(
    distribution: str,
    *,
    only: Iterable[str] | None = None,
    laws: Iterable[str] | None = None,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
) -> PluginReport:
    """Checks every divergence, target, family and closed form of an installed distribution.

    Arguments:
        distribution: Its name, such as ``"kldiv-example"``.
        only: The names of those to check, all where omitted.
        laws: The names of the laws, all that apply where omitted; each concerns the kinds of items
            that have one of that name.
        expected_failures: For an item the laws that are known not to hold, each with the reason:
            ``{"le_cam": {"triangle": "only its square root is a metric"}}``. An item goes by what
            the report calls it, such as ``"closed forms of bures"``, also with its kind before
            that, such as ``"family normal"``; by its name alone all examples of it go, but no
            closed forms. What items declare themselves in ``expected_failures`` is known.
        seed: What all randomness follows.

    Returns:
        The report; ``report.raise_for_failures()`` makes it a test.

    Raises:
        UnknownName: If no plugin of that name is installed, or it offers no item of a name.
        InvalidArgument: If an expected failure has no reason.
    """
    plugin = plugins_of(distribution)[0]
    wanted = _by_kind(laws)
    with isolated():  # what items print would not be part of the report
        items = items_of(distribution)
        expected = dict(zip(items, expected_of(items, expected_failures), strict=True))
        chosen = _chosen(items, only)
        reports = tuple(
            item.check(laws=wanted[item.kind], expected_failures=expected[item], seed=seed)
            for item in chosen
        )
    return PluginReport(
        plugin.distribution,
        plugin.version,
        diagnose(plugin.distribution),
        tuple((item.kind, item.label) for item in chosen),
        reports,
    )


def _by_kind(laws: Iterable[str] | None) -> Mapping[str, list[str] | None]:
    """The laws of some names for each kind of item, all where omitted."""
    if laws is None:
        return defaultdict(lambda: None)
    known = {law: law for kind in LAWS.values() for law in kind}
    names = [named(law, known, "law") for law in laws]
    own = {kind: [name for name in names if name in LAWS[kind]] for kind in LAWS}
    return {**own, "closed forms": own["divergence"]}


def _chosen(items: tuple[Item, ...], only: Iterable[str] | None) -> tuple[Item, ...]:
    """The items of some names."""
    known = dict.fromkeys(item.name for item in items)
    names = list(known if only is None else only)
    for name in names:
        if name not in known:
            raise UnknownName(f"it offers no {name!r}; it offers: {', '.join(known) or 'nothing'}")
    return tuple(item for item in items if item.name in names)


def _laws(report: Report) -> str:
    """How many laws were checked, and how many there are."""
    return f"{sum(each.checks > 0 for each in report.outcomes)} of {len(report.outcomes)}"
