"""`Plugin`: one installed plugin, loaded in isolation, with a record of how it went.

Each plugin is alone in pluggy's manager while it is loaded: its hooks are checked and called apart
from all others, so that what it offers is known to be its own, and so is what it raises.
"""

from __future__ import annotations

import sys
import time
import traceback

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pluggy

from kldiv import hookspecs
from kldiv.errors import InvalidArgument, InvalidType, KldivError, PluginError
from kldiv.isolation import forget_since, isolated, told
from kldiv.lazy import Lazy, as_item
from kldiv.specs import normalise_distribution, normalise_name

__all__ = ["GROUP", "KINDS", "Plugin", "State", "new_manager"]

GROUP = "kldiv"
KINDS = {
    "kldiv_divergences": "divergence",
    "kldiv_targets": "target",
    "kldiv_families": "family",
}


class State(StrEnum):
    """How the loading of a plugin went."""

    OK = "ok"
    DEGRADED = "degraded"
    DISABLED = "disabled"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"


class Incompatible(PluginError):
    """A plugin was written for another number of the extension API."""


@dataclass(eq=False)
class Plugin:
    """An installed plugin: what its entry point says and, once loaded, what it offers.

    Arguments:
        name: The name of its entry point.
        distribution: The distribution that holds it.
        version: The version of that distribution.
        value: The value of its entry point, the front module.
    """

    name: str
    distribution: str
    version: str
    value: str
    state: State = State.OK
    seconds: float = 0.0
    items: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    closed_forms: list[Any] = field(default_factory=list, repr=False)
    galleries: dict[str, Path] = field(default_factory=dict, repr=False)
    problems: list[BaseException] = field(default_factory=list, repr=False)

    @property
    def labels(self) -> frozenset[str]:
        """The names by which it can be disabled."""
        return frozenset(map(normalise_distribution, (self.name, self.distribution)))

    @property
    def error(self) -> str:
        """What went wrong, in a line."""
        return "; ".join(map(told, self.problems))

    @property
    def traceback(self) -> str:
        """What went wrong, in full."""
        return "\n".join("".join(traceback.format_exception(each)) for each in self.problems)

    @property
    def complaint(self) -> str:
        """The one line about a plugin that is not whole."""
        return (
            f"plugin {self.distribution!r} is set aside as {self.state}: {self.error} "
            f"(`kldiv plugins` shows more)"
        )

    @property
    def components(self) -> dict[str, tuple[str, ...]]:
        """The names of its divergences, targets and families, and the titles of its gallery."""
        named = {hook: tuple(self.items.get(kind, ())) for hook, kind in KINDS.items()}
        offered = named | {"kldiv_gallery": tuple(self.galleries)}
        return {hook.removeprefix("kldiv_"): names for hook, names in offered.items()}

    def load(self, manager: pluggy.PluginManager | None = None) -> None:
        """Imports the front module and calls its hooks; whatever it raises becomes a problem.

        Arguments:
            manager: An empty manager that knows the hooks, which it is again afterwards.
        """
        started = time.perf_counter()
        manager = manager or new_manager()
        with isolated() as misdeeds:
            self._load(manager)
        if manager.has_plugin(self.name):
            manager.unregister(name=self.name)
        self.seconds = time.perf_counter() - started
        for misdeed in misdeeds if self.usable else ():
            self.set_aside(PluginError(f"it {misdeed} while it was loaded, which it must not"))

    @property
    def usable(self) -> bool:
        """Whether it takes part, whole or in part."""
        return self.state in (State.OK, State.DEGRADED)

    def set_aside(self, problem: BaseException, state: State = State.DEGRADED) -> None:
        """Records a problem; the rest of the plugin stays in use if it is only degraded."""
        self.problems.append(problem)
        self.state = state

    def _load(self, manager: pluggy.PluginManager) -> None:
        """Either all that is right is kept, or, if there is no front module, nothing at all."""
        before = set(sys.modules)
        try:
            hooks = self._hooks(manager)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            incompatible = isinstance(error, Incompatible)
            self.set_aside(error, State.INCOMPATIBLE if incompatible else State.FAILED)
            forget_since(before, self.value.partition(":")[0].partition(".")[0].strip())
            return
        for name, hook in hooks.items():
            try:
                self._ask(name, hook)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.set_aside(error)

    def _hooks(self, manager: pluggy.PluginManager) -> dict[str, pluggy.HookCaller]:
        """The hooks that the front module implements, with signatures checked by pluggy."""
        if not EntryPoint.pattern.match(self.value):
            raise PluginError(f"its entry point must name a module, got {self.value!r}")
        front = EntryPoint(self.name, self.value, GROUP).load()
        number = getattr(front, "KLDIV_PLUGIN_API", hookspecs.PLUGIN_API)
        if type(number) is not int or number != hookspecs.PLUGIN_API:
            raise Incompatible(
                f"it was written for plugin API {number!r}, this kldiv has "
                f"{hookspecs.PLUGIN_API}; install versions of both that agree"
            )
        manager.register(front, self.name)
        hooks = {name: hook for name, hook in vars(manager.hook).items() if name[0] != "_"}
        found = {name: hook for name, hook in hooks.items() if hook.get_hookimpls()}
        if not found:
            raise PluginError(f"{self.value!r} has no function marked with @kldiv.hookimpl")
        return found

    def _ask(self, name: str, hook: pluggy.HookCaller) -> None:
        """Calls one hook and keeps what it offers."""
        if not hook.has_spec():
            if not all(implementation.optionalhook for implementation in hook.get_hookimpls()):
                close = get_close_matches(name, hookspecs.__all__, n=1)
                question = f"; did you mean {close[0]!r}?" if close else ""
                raise PluginError(f"unknown hook {name!r}{question}")
            return
        for returned in hook() or [None]:
            if name == "kldiv_closed_forms":
                self._keep_closed_forms(returned)
            elif not isinstance(returned, Mapping):
                raise InvalidType(f"{name} must return a mapping, got {_typed(returned)}")
            elif name == "kldiv_gallery":
                self._keep_galleries(returned)
            else:
                self._keep_items(name, returned)

    def _keep_items(self, hook: str, returned: Mapping[Any, Any]) -> None:
        items = self.items.setdefault(KINDS[hook], {})
        for name, item in returned.items():
            try:
                _check_name(name)
                items[name] = as_item(item)
            except KldivError as error:
                self.set_aside(PluginError(f"{hook}, {name!r}: {error}"))

    def _keep_closed_forms(self, returned: object) -> None:
        if isinstance(returned, str) or not isinstance(returned, Iterable):
            raise InvalidType(f"kldiv_closed_forms must return a list, got {_typed(returned)}")
        self.closed_forms += [Lazy(form) if isinstance(form, str) else form for form in returned]

    def _keep_galleries(self, returned: Mapping[Any, Any]) -> None:
        module = sys.modules[self.value.partition(":")[0].strip()]
        for title, name in returned.items():
            folder = Path(str(module.__file__)).parent / str(name)
            if folder.is_dir():
                self.galleries[str(title)] = folder
            else:
                self.set_aside(PluginError(f"kldiv_gallery, {title!r}: no folder {name!r}"))


class _Manager(pluggy.PluginManager):
    """A manager that does not look for hooks among the names that Python gives a module."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        return None if name.startswith("__") else super().parse_hookimpl_opts(plugin, name)


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks, and no plugin."""
    manager = _Manager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def _check_name(name: object) -> None:
    """Refuses names that could not be looked up."""
    if not isinstance(name, str) or normalise_name(name) != name or not name.isidentifier():
        raise InvalidArgument("a name is lower case, with underscores, and starts with a letter")


def _typed(value: object) -> str:
    return f"{value!r} of type {type(value).__name__}"
