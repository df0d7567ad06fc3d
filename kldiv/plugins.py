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
import warnings

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import distributions, entry_points
from threading import RLock

from kldiv.errors import PluginError, PluginWarning
from kldiv.plugin import GROUP, KINDS, Plugin, State
from kldiv.registry import BUILT_IN, Offer
from kldiv.specs import Spec, normalise_distribution

__all__ = ["KNOWN_DISTRIBUTIONS", "Plugins", "find"]

KNOWN_DISTRIBUTIONS = {
    "wasserstein": "kldiv-transport",
    "sliced_wasserstein": "kldiv-transport",
    "sinkhorn": "kldiv-transport",
    "mmd": "kldiv-kernels",
    "energy_distance": "kldiv-kernels",
    "kernel_stein": "kldiv-kernels",
    "neural_spline_flow": "kldiv-flows",
    "masked_autoregressive_flow": "kldiv-flows",
    "coupling_flow": "kldiv-flows",
    "neural_autoregressive_flow": "kldiv-flows",
    "pyro_eight_schools": "kldiv-bayes",
    "pyro_logistic_regression": "kldiv-bayes",
    "le_cam": "kldiv-example",
}


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
        for name in get_close_matches(spec.name, KNOWN_DISTRIBUTIONS, n=1, cutoff=0.85):
            distribution = KNOWN_DISTRIBUTIONS[name]
            if distribution not in installed:
                parts.append(f"{distribution!r} offers {name!r}: pip install {distribution}")
        return "; ".join(parts)

    def refresh(self) -> None:
        """Forgets what was found, so that newly installed plugins are seen."""
        with self._lock:
            importlib.invalidate_caches()
            self._loaded = None

    def _load(self) -> tuple[tuple[Plugin, ...], list[str]]:
        """Finds and loads every plugin; also gives what there is to complain about."""
        plugins = tuple(self._find())
        complaints = _disable(plugins)
        for plugin in plugins:
            if plugin.state is not State.DISABLED:
                plugin.load()
        self._offers = {kind: tuple(_offers(kind, plugins)) for kind in KINDS.values()}
        return plugins, complaints + [plugin.complaint for plugin in plugins if plugin.problems]


def find() -> tuple[Plugin, ...]:
    """Every installed plugin, without an import: the built-in one first, the rest by name."""
    version = next((found.version for found in distributions(name=BUILT_IN)), "")
    outside = {
        (normalise_distribution(name), entry.name, entry.value): Plugin(
            entry.name, name, entry.dist.version if entry.dist else "", entry.value
        )
        for entry in entry_points(group=GROUP)
        for name in [entry.dist.name if entry.dist else entry.name]
    }
    built_in = Plugin("builtin", BUILT_IN, version, "kldiv.builtin")
    return (built_in, *(outside[key] for key in sorted(outside)))


def _disable(plugins: tuple[Plugin, ...]) -> list[str]:
    """Marks the plugins that the environment disables; complains about names of none."""
    text = os.environ.get("KLDIV_DISABLE_PLUGINS", "")
    names = {normalise_distribution(name) for name in text.split(",") if name.strip()}
    all_outside = os.environ.get("KLDIV_DISABLE_PLUGIN_AUTOLOAD") == "1"
    for plugin in plugins:
        if plugin.labels & names or (all_outside and plugin.distribution != BUILT_IN):
            plugin.state = State.DISABLED
    known = frozenset().union(*(plugin.labels for plugin in plugins))
    return [
        f"{name!r} was to be disabled, but no installed plugin has that name; "
        f"installed: {', '.join(plugin.distribution for plugin in plugins)}"
        for name in sorted(names - known)
    ]


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
