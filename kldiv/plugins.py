"""`Plugins`: those installed, found by name, and loaded when they are first needed.

Loading has three steps, each as late as it can be. The names come from the entry points of the
group ``kldiv``, without an import; here a plugin can be disabled. The front modules are imported,
and their hooks called, at the first use of a registry. An item itself is imported when it is
asked for, which is the registry's business.

A plugin that cannot be used is set aside with one warning that names it and the cause, and the
rest works.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import Distribution, distributions
from threading import RLock

from kldiv.errors import PluginError, PluginWarning
from kldiv.isolation import told
from kldiv.lazy import forget_sources
from kldiv.plugin import GROUP, KINDS, Plugin, State, new_manager
from kldiv.registry import BUILT_IN, Offer
from kldiv.specs import Spec, normalise_distribution

__all__ = ["KNOWN_DISTRIBUTIONS", "Plugins", "built_in", "find"]

KNOWN_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "kldiv-bayes": ("pyro_eight_schools", "pyro_logistic_regression"),
    "kldiv-example": ("le_cam",),
    "kldiv-flows": (
        "coupling_flow",
        "masked_autoregressive_flow",
        "neural_spline_flow",
        "neural_autoregressive_flow",
    ),
    "kldiv-kernels": ("mmd", "energy_distance", "kernel_stein"),
    "kldiv-transport": ("wasserstein", "bures", "sliced_wasserstein", "sinkhorn"),
}
"""The distributions that bring more names, with what they bring."""

_NAMELESS = "a distribution without a name"
_FIELD = re.compile(r"^(Name|Version):[ \t]*(.*\S)", re.MULTILINE)


class Plugins:
    """All installed plugins, loaded at the first question.

    Arguments:
        find: Finds them, without an import.
    """

    def __init__(self, find: Callable[[], Iterable[Plugin]]) -> None:
        self._find = find
        self._lock = RLock()
        self._loading = False
        self._loaded: tuple[Plugin, ...] | None = None
        self._offers: dict[str, tuple[Offer, ...]] = {}

    def offers(self, kind: str) -> tuple[Offer, ...]:
        """All divergences, targets or families that the plugins offer."""
        self.usable()
        return self._offers[kind]

    def usable(self) -> tuple[Plugin, ...]:
        """The plugins, loaded; in strict mode an error unless all are whole.

        Raises:
            PluginError: If ``KLDIV_PLUGINS_STRICT=1`` and a plugin has a problem.
        """
        plugins = self.reports()
        if os.environ.get("KLDIV_PLUGINS_STRICT") == "1":
            for plugin in plugins:
                if plugin.problems:
                    raise PluginError(plugin.complaint) from plugin.problems[0]
        return plugins

    def reports(self) -> tuple[Plugin, ...]:
        """The plugins, loaded, however broken; each that has a problem warns once."""
        with self._lock:
            if self._loaded is not None:
                return self._loaded
            if self._loading:
                raise PluginError("a front module must not use a registry while it is imported")
            self._loading = True
            try:
                plugins, complaints = self._load()
            finally:
                self._loading = False
            self._loaded = plugins
        for complaint in complaints:
            warnings.warn(complaint, PluginWarning, stacklevel=2)
        return plugins

    def hint(self, spec: Spec) -> str:
        """Which plugin might have brought a name that is unknown."""
        plugins = self.reports()
        parts = [
            f"plugin {plugin.distribution!r} is {plugin.state}"
            for plugin in plugins
            if plugin.state is not State.OK
        ]
        installed = {normalise_distribution(plugin.distribution) for plugin in plugins}
        if spec.plugin and spec.plugin not in installed:
            parts.append(f"no plugin {spec.plugin!r} is installed")
        return "; ".join([*_brought_by_others(spec.name, installed), *parts])

    def refresh(self) -> None:
        """Forgets what was found, so that newly installed plugins are seen."""
        with self._lock:
            importlib.invalidate_caches()
            forget_sources()
            self._loaded = None

    @contextmanager
    def found_by(self, find: Callable[[], Iterable[Plugin]]) -> Iterator[None]:
        """Finds plugins in another way for the length of a ``with`` block, as tests need it."""
        former, self._find = self._find, find
        self.refresh()
        try:
            yield
        finally:
            self._find = former
            self.refresh()

    def _load(self) -> tuple[tuple[Plugin, ...], list[str]]:
        """Finds and loads every plugin; also gives what there is to complain about."""
        plugins = tuple(self._find())
        complaints = _disable(plugins)
        manager = new_manager()
        for plugin in plugins:
            if plugin.state is State.OK:
                plugin.load(manager)
        self._offers = {kind: tuple(_offers(kind, plugins)) for kind in KINDS.values()}
        return plugins, complaints + [plugin.complaint for plugin in plugins if plugin.problems]


def find() -> tuple[Plugin, ...]:
    """Every installed plugin, without an import: the built-in one first, the rest by name."""
    outside: dict[tuple[str, str, str], Plugin] = {}
    seen: set[str] = set()
    for distribution in filter(_declares, distributions()):
        name, version = _metadata(distribution)
        own = normalise_distribution(name)
        first = next(iter(distributions(name=name)), distribution)
        if own not in seen and _declares(first):  # else a newer version hides it
            for plugin in _plugins_of(distribution, name, version):
                outside[own, plugin.name, plugin.value] = plugin
        seen.add(own)
    return (built_in(), *(outside[key] for key in sorted(outside)))


def built_in() -> Plugin:
    """The built-in plugin."""
    version = next((_metadata(found)[1] for found in distributions(name=BUILT_IN)), "")
    return Plugin("builtin", BUILT_IN, version, "kldiv.builtin")


def _declares(distribution: Distribution) -> bool:
    """Whether a distribution declares plugins; few do, so the rest is not taken apart."""
    try:
        return f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError):  # what cannot be read declares nothing
        return False


def _plugins_of(distribution: Distribution, name: str, version: str) -> Iterator[Plugin]:
    """The plugins that a distribution declares; one that failed, if that cannot be read."""
    try:
        entries = distribution.entry_points.select(group=GROUP)
    except Exception as error:
        unreadable = Plugin(name, name, version, "")
        problem = PluginError(f"its entry_points.txt cannot be read: {told(error)}")
        unreadable.set_aside(problem, State.FAILED)
        yield unreadable
    else:
        yield from (Plugin(each.name, name, version, each.value) for each in entries)


def _metadata(distribution: Distribution) -> tuple[str, str]:
    """The name and the version of a distribution, as far as they can be read.

    They are looked for in the text, since to parse all of it takes several times as long.
    """
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except (OSError, ValueError):
        return _NAMELESS, ""
    fields = dict(_FIELD.findall(text.partition("\n\n")[0]))
    return fields.get("Name", _NAMELESS), fields.get("Version", "")


def _disable(plugins: tuple[Plugin, ...]) -> list[str]:
    """Marks the plugins that the environment disables; complains about names of none."""
    text = os.environ.get("KLDIV_DISABLE_PLUGINS", "")
    names = {normalise_distribution(name) for name in text.split(",") if name.strip()}
    all_outside = os.environ.get("KLDIV_DISABLE_PLUGIN_AUTOLOAD") == "1"
    for plugin in plugins:
        if plugin.labels & names or (all_outside and plugin.distribution != BUILT_IN):
            plugin.state = State.DISABLED
            plugin.problems.clear()
    known = frozenset().union(*(plugin.labels for plugin in plugins))
    return [
        f"{name!r} was to be disabled, but no installed plugin has that name; "
        f"installed: {', '.join(plugin.distribution for plugin in plugins)}"
        for name in sorted(names - known)
    ]


def _brought_by_others(name: str, installed: set[str]) -> Iterator[str]:
    """Which distribution that is not installed would bring a name, or one much like it."""
    for distribution, names in KNOWN_DISTRIBUTIONS.items():
        close = get_close_matches(name, names, n=1, cutoff=0.85)
        if close and distribution not in installed:
            yield f"{distribution!r} offers {close[0]!r}: pip install {distribution}"


def _offers(kind: str, plugins: tuple[Plugin, ...]) -> Iterator[Offer]:
    """What the plugins offer of a kind; a name given twice by one distribution is a problem."""
    taken: set[tuple[str, str]] = set()
    for plugin in plugins:
        for name, item in plugin.items.get(kind, {}).items():
            if (plugin.distribution, name) in taken:
                problem = f"another entry point of {plugin.distribution!r} offers {name!r} too"
                plugin.set_aside(PluginError(problem))
                continue
            taken.add((plugin.distribution, name))
            yield Offer(plugin.distribution, plugin.version, name, item)
