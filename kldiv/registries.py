"""The registries of this process, wired to the plugins that are installed in it.

Nothing is found, let alone imported, before the first question to one of them; and torch is
imported only when an item that needs it is loaded.
"""

from __future__ import annotations

import warnings

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kldiv.errors import InvalidArgument, PluginError, PluginWarning
from kldiv.lazy import Lazy
from kldiv.plugin import Plugin
from kldiv.plugins import Plugins, find
from kldiv.registry import Registry
from kldiv.rulebook import Part, Rulebook
from kldiv.specs import parameters_of

if TYPE_CHECKING:
    from kldiv.closed_form import Rule

__all__ = [
    "REGISTRIES",
    "Gallery",
    "closed_forms",
    "closed_forms_by_plugin",
    "divergences",
    "families",
    "found_by",
    "plugin_galleries",
    "plugin_report",
    "refresh",
    "resolved_forms",
    "targets",
]

_plugins = Plugins(find)
_as_family = Lazy("kldiv.definitions.family:as_family")


def _parameters_of_family(item: Callable[..., Any]) -> dict[str, str]:
    """The parameters that can be held fixed, each with its constraint."""
    try:
        family = _as_family.load()(item)
    except (TypeError, InvalidArgument):  # some must be given, so ask the signature
        return parameters_of(item)
    declared = family.declare(family.size or 2)
    return {name: str(parameter.constraint) for name, parameter in declared.items()}


divergences = Registry("divergence", _plugins)
targets = Registry("target", _plugins)
families = Registry("family", _plugins, build=_as_family, read=_parameters_of_family)
REGISTRIES = {"divergences": divergences, "targets": targets, "families": families}


class Gallery(NamedTuple):
    """A section of gallery scripts that a plugin offers."""

    plugin: str
    title: str
    folder: Path


def plugin_report() -> tuple[Plugin, ...]:
    """Every installed plugin with its state, however broken it is."""
    return _plugins.reports()


def plugin_galleries() -> tuple[Gallery, ...]:
    """The gallery sections of all plugins, the built-in one first."""
    return tuple(
        Gallery(plugin.distribution, title, folder)
        for plugin in _plugins.usable()
        for title, folder in plugin.galleries.items()
    )


def closed_forms(divergence: str | None = None) -> Rulebook:
    """The closed forms of all plugins, the built-in ones first, imported when they are needed.

    What one plugin offers and cannot be imported is left out with a warning.

    Arguments:
        divergence: The name of a divergence; those whose tags name only others are left out.
    """
    return _rulebook(_plugins.usable(), divergence)


def closed_forms_by_plugin() -> Mapping[str, tuple[Rule, ...]]:
    """The same for each distribution that offers any, imported."""
    found: dict[str, tuple[Rule, ...]] = {}
    for plugin in _plugins.usable():
        forms = tuple(Rulebook(_parts(plugin)))
        if forms:
            found[plugin.distribution] = (*found.get(plugin.distribution, ()), *forms)
    return found


def refresh() -> None:
    """Looks for plugins afresh: those installed since the first use are then seen."""
    _plugins.refresh()


def resolved_forms(offered: object) -> tuple[Rule, ...]:
    """The closed forms that a hook's item stands for: itself, or those it is the place of.

    Raises:
        PluginError: If they cannot be imported, or are none.
    """
    loaded = offered.load() if isinstance(offered, Lazy) else offered
    forms = tuple(loaded) if isinstance(loaded, Iterable) else (loaded,)
    for form in forms:
        if not hasattr(form, "covers"):  # asked of the object, for its class would import torch
            raise PluginError(f"{form!r} of type {type(form).__name__} is no kldiv.ClosedForm")
    return forms


def found_by(find: Callable[[], Iterable[Plugin]]) -> AbstractContextManager[None]:
    """Has other plugins than those installed for the length of a ``with`` block."""
    return _plugins.found_by(find)


@lru_cache(maxsize=64)
def _rulebook(plugins: tuple[Plugin, ...], divergence: str | None) -> Rulebook:
    return Rulebook(part for plugin in plugins for part in _parts(plugin, divergence))


def _parts(plugin: Plugin, divergence: str | None = None) -> Iterator[Part]:
    """What a plugin offers of closed forms, without those whose tags name other divergences."""
    for number, offered in enumerate(plugin.closed_forms):
        tags, types = (offered.tags, offered.types) if isinstance(offered, Lazy) else ((), ())
        if divergence is None or not tags or divergence in tags:
            yield Part(partial(_forms, plugin, number), types)


@lru_cache(maxsize=256)
def _forms(plugin: Plugin, number: int) -> tuple[Rule, ...]:
    """What one item of a plugin's closed forms stands for; nothing where it cannot be had."""
    try:
        return resolved_forms(plugin.closed_forms[number])
    except PluginError as error:
        text = f"closed forms of plugin {plugin.distribution!r} are left out: {error}"
        warnings.warn(text, PluginWarning, stacklevel=4)
        return ()
