"""What is wrong with the installed plugins: everything that they offer is loaded and looked at.

Whatever a plugin does, the diagnosis goes on; what it does becomes a `Finding`.
"""

from __future__ import annotations

import warnings

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from torch.distributions import Distribution

from kldiv.entry import Entry
from kldiv.errors import PluginWarning
from kldiv.isolation import isolated, told
from kldiv.lazy import Lazy
from kldiv.plugin import Plugin, State
from kldiv.registries import divergences, families, plugin_report, resolved_forms, targets
from kldiv.registry import BUILT_IN, TEMPORARY, Registry
from kldiv.resolving import as_divergence, as_target
from kldiv.specs import normalise_distribution, required_parameters

__all__ = ["REGISTRIES", "Finding", "diagnose", "examples_of"]

SLOW = 1.0
"""The seconds that a front module may take."""

REGISTRIES: Mapping[str, tuple[Registry, Callable[[str], object]]] = {
    "divergence": (divergences, as_divergence),
    "target": (targets, partial(as_target, argument="target")),
    "family": (families, families.create),
}
"""For each kind its registry, and what makes an item of its name and arguments."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth knowing.

    Arguments:
        plugin: The distribution that it concerns.
        item: What it concerns of that, such as ``"divergence le_cam"``; empty for the whole.
        text: What it is.
        serious: Whether it is wrong; else it is only worth knowing.
    """

    plugin: str
    item: str
    text: str
    serious: bool = True


def diagnose(distribution: str | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with the plugins, or with those of one distribution."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the problems themselves are told
        plugins = plugin_report()
    found = (
        finding
        for plugin in plugins
        for finding in (*_of_plugin(plugin), *_of_closed_forms(plugin))
    )
    items = (finding for kind in REGISTRIES for finding in _of_items(kind, distribution))
    wanted = normalise_distribution(distribution or "")
    return tuple(
        finding
        for finding in (*found, *items)
        if not wanted or normalise_distribution(finding.plugin) == wanted
    )


def _of_plugin(plugin: Plugin) -> Iterator[Finding]:
    """What its loading brought to light."""
    for problem in plugin.problems:
        yield Finding(plugin.distribution, "", f"{plugin.state}: {told(problem)}")
    if plugin.state is State.DISABLED:
        yield Finding(plugin.distribution, "", "disabled by a setting", serious=False)
    if plugin.seconds > SLOW:
        text = (
            f"its front module takes {plugin.seconds:.1f} s; give what it offers as text, "
            f"'package.module:Name', so that nothing heavy is imported before it is needed"
        )
        yield Finding(plugin.distribution, "", text, serious=False)


def _of_closed_forms(plugin: Plugin) -> Iterator[Finding]:
    for offered in plugin.closed_forms:
        yield from _trial(plugin.distribution, "closed forms", partial(resolved_forms, offered))


def _of_items(kind: str, distribution: str | None) -> Iterator[Finding]:
    """What comes to light when each item of a kind is made."""
    registry, make = REGISTRIES[kind]
    names: dict[str, list[str]] = {}
    for entry in registry.values():
        names.setdefault(entry.name, []).append(entry.plugin)
    for name, entry in registry.items():
        if entry.plugin in (BUILT_IN, TEMPORARY) and entry.plugin != distribution:
            continue
        item = f"{kind} {entry.name}"
        if name != entry.name:
            others = [each for each in names[entry.name] if each != entry.plugin]
            text = f"{', '.join(others)} offers this name too, so write {name!r}"
            yield Finding(entry.plugin, item, text, serious=BUILT_IN not in others)
        yield from _trial(entry.plugin, item, partial(_make, entry, make))


def examples_of(entry: Entry) -> tuple[str, ...]:
    """How an item is made to be looked at: as it says itself, or else with its defaults.

    Empty where something must be given and there is no example of it.
    """
    item = entry.load()
    if isinstance(entry.item, Lazy) and entry.item.examples:
        return tuple(f"{entry.plugin}:{example}" for example in entry.item.examples)
    of_torch = isinstance(item, type) and issubclass(item, Distribution)
    return (entry.qualified_name,) if of_torch or not required_parameters(item) else ()


def _make(entry: Entry, make: Callable[[str], object]) -> None:
    for example in examples_of(entry):
        make(example)


def _trial(plugin: str, item: str, do: Callable[[], object]) -> Iterator[Finding]:
    """What comes to light when something is done."""
    with warnings.catch_warnings(record=True) as told_meanwhile, isolated() as misdeeds:
        warnings.simplefilter("always", PluginWarning)
        problems = []
        try:
            do()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            problems.append(told(error))
    problems += [f"it {misdeed} when it was made" for misdeed in misdeeds]
    problems += [
        str(each.message) for each in told_meanwhile if issubclass(each.category, PluginWarning)
    ]
    yield from (Finding(plugin, item, problem) for problem in problems)
