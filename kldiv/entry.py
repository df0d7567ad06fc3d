"""A named item of a registry, and what can be said of it before it is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kldiv.errors import PluginError
from kldiv.lazy import Lazy, first_sentence
from kldiv.specs import parameters_of

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A named item of a registry.

    Arguments:
        name: Its name, unqualified.
        plugin: The distribution that offers it.
        version: The version of that distribution.
        item: The item, or where to find it.
        read: Reads the parameters off the item.
    """

    name: str
    plugin: str
    version: str
    item: Callable[..., Any] | Lazy
    read: Callable[[Any], Mapping[str, str]] = parameters_of

    @property
    def qualified_name(self) -> str:
        """The name that always means this plugin's item."""
        return f"{self.plugin}:{self.name}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find it by."""
        return self.item.tags if isinstance(self.item, Lazy) else ()

    @cached_property
    def summary(self) -> str:
        """What it is, in a sentence; nothing is imported for it."""
        if isinstance(self.item, Lazy):
            return self.item.describe()
        return first_sentence(self.item.__doc__)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Its parameters by name, each with its default, type or constraint as text."""
        return self.read(self.load())

    def load(self) -> Any:  # noqa: ANN401 (whatever the plugin offers)
        """The item, imported if it was not yet.

        Raises:
            PluginError: If it cannot be imported.
        """
        if not isinstance(self.item, Lazy):
            return self.item
        try:
            return self.item.load()
        except PluginError as error:
            raise PluginError(f"{self.name!r} of plugin {self.plugin!r}: {error}") from error

    def __repr__(self) -> str:
        return f"Entry({self.qualified_name} {self.version}: {self.summary})"
