"""What a distribution offers, one by one, as it is tried: each item with its laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kldiv.definitions.divergence import Divergence
from kldiv.diagnosis import REGISTRIES, examples_of
from kldiv.entry import Entry
from kldiv.errors import InvalidArgument, UnknownName
from kldiv.isolation import told
from kldiv.plugin import Plugin
from kldiv.registries import closed_forms_by_plugin, divergences, plugin_report
from kldiv.resolving import as_divergence
from kldiv.specs import normalise_distribution
from kldiv.testing.checking import check_divergence, check_family, check_target
from kldiv.testing.pair import Pair
from kldiv.testing.report import Outcome, Report
from kldiv.testing.table import pairs

__all__ = ["Item", "expected_of", "items_of", "plugins_of"]

_CHECKS: Mapping[str, Callable[..., Report]] = {
    "divergence": check_divergence,
    "target": check_target,
    "family": check_family,
}


@dataclass(frozen=True)
class Item:
    """Something that a distribution offers, made in one way.

    Arguments:
        kind: ``"divergence"``, ``"target"``, ``"family"`` or ``"closed forms"``.
        name: The name it is offered under.
        label: What reports call it.
        check: Checks it, called with ``laws``, ``expected_failures`` and ``seed``.
    """

    kind: str
    name: str
    label: str
    check: Callable[..., Report] = field(repr=False)

    def __str__(self) -> str:
        return self.label

    @property
    def names(self) -> tuple[str, ...]:
        """What it goes by, the most specific first; closed forms not by that of the divergence."""
        own = () if self.kind == "closed forms" else (self.name,)
        return f"{self.kind} {self.label}", self.label, *own


def plugins_of(distribution: str) -> tuple[Plugin, ...]:
    """The plugins of a distribution.

    Raises:
        UnknownName: If no plugin of that name is installed.
    """
    name = normalise_distribution(distribution)
    every = plugin_report()
    found = tuple(each for each in every if normalise_distribution(each.distribution) == name)
    if not found:
        known = ", ".join(dict.fromkeys(each.distribution for each in every))
        raise UnknownName(f"no plugin {distribution!r} is installed; installed: {known}")
    return found


def items_of(distribution: str) -> tuple[Item, ...]:
    """Everything that a distribution offers and that there are laws for.

    Raises:
        UnknownName: If no plugin of that name is installed.
    """
    name = normalise_distribution(plugins_of(distribution)[0].distribution)
    return (
        *(item for kind in _CHECKS for item in _of_registry(kind, name)),
        *_of_closed_forms(name),
    )


def expected_of(
    items: Iterable[Item], expected: Mapping[str, Mapping[str, str]] | None
) -> list[Mapping[str, str]]:
    """The laws that are known not to hold of each item, from those by name or label.

    Raises:
        UnknownName: If none of the items goes by a name.
    """
    given, every = expected or {}, list(items)
    known = {name for item in every for name in item.names}
    for name in given:
        if name not in known:
            labels = ", ".join(dict.fromkeys(item.label for item in every)) or "nothing"
            raise UnknownName(f"it offers no {name!r}; it offers: {labels}")
    return [next((given[name] for name in item.names if name in given), {}) for item in every]


def _of_registry(kind: str, distribution: str) -> Iterator[Item]:
    for entry in REGISTRIES[kind][0].values():
        if normalise_distribution(entry.plugin) == distribution:
            yield from _of_entry(kind, entry)


def _of_entry(kind: str, entry: Entry) -> Iterator[Item]:
    """An item for each example of an entry; one that fails if it cannot be made."""
    try:
        examples = examples_of(entry)
        for example in examples:
            REGISTRIES[kind][1](example)
        if not examples:
            raise InvalidArgument(
                f"{entry.name!r} must be given arguments: say which by "
                f"kldiv.Lazy(..., examples=('{entry.name}(…)',))"
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        yield Item(kind, entry.name, entry.name, partial(_refused, entry.name, told(error)))
        return
    for example in examples:
        label = example.partition(":")[2]
        yield Item(kind, entry.name, label, partial(_CHECKS[kind], example))


def _refused(label: str, reason: str, **_: Any) -> Report:  # noqa: ANN401 (all that a check takes)
    """The report on what cannot be made: nothing was checked."""
    return Report(label, (Outcome("making it", why_not=reason),))


def _of_closed_forms(distribution: str) -> Iterator[Item]:
    """For each divergence the pairs that closed forms of a distribution cover."""
    forms = next(
        (
            forms
            for plugin, forms in closed_forms_by_plugin().items()
            if normalise_distribution(plugin) == distribution
        ),
        (),
    )
    for entry in divergences.values() if forms else ():
        for example, divergence in _possible(entry):
            covered = [
                pair
                for pair in pairs()
                if any(form.covers(divergence, *pair.members()) for form in forms)
            ]
            if covered:
                label = f"closed forms of {divergence}"
                check = partial(_check_forms, example, covered)
                yield Item("closed forms", entry.name, label, check)


def _possible(entry: Entry) -> list[tuple[str, Divergence]]:
    """What an entry stands for by its examples; nothing if it cannot be made."""
    try:
        return [(example, as_divergence(example)) for example in examples_of(entry)]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return []


def _check_forms(divergence: str, covered: list[Pair], **options: Any) -> Report:  # noqa: ANN401
    """Holds closed forms against the other estimators, and their gradients against differences."""
    options["laws"] = [each for each in ("agreement", "gradient") if each in _wanted(options)]
    return check_divergence(divergence, pairs=covered, **options)


def _wanted(options: Mapping[str, Any]) -> tuple[str, ...]:
    chosen = options.get("laws")
    return ("agreement", "gradient") if chosen is None else tuple(chosen)
