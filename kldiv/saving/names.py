"""Families and divergences by the registered name and the arguments that make them anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.family import Family
from kldiv.entry import Entry
from kldiv.errors import InvalidArgument, KldivError, UnknownName
from kldiv.registry import TEMPORARY, Registry
from kldiv.specs import Spec, parameters_of

__all__ = ["Named", "is_plain", "made_by_name", "name_of"]

Named = tuple[str, dict[str, object]]


def name_of(registry: Registry, value: Family | Divergence) -> Named | None:
    """The qualified name and the arguments of an object, ``None`` where nothing makes its like.

    The arguments are the attributes that bear their names, and what is held fixed.
    """
    for entry in registry.values():
        if entry.name == value.name and entry.plugin != TEMPORARY:
            try:
                arguments = _arguments(entry, value)
                made = registry.create(entry.qualified_name, **arguments)
            except (AttributeError, KldivError):
                continue
            if _alike(made, value):
                return entry.qualified_name, arguments
    return None


def made_by_name(registry: Registry, name: str, arguments: Mapping[str, object]) -> Any:  # noqa: ANN401 (of any kind)
    """The object that a registered name stands for.

    Raises:
        UnknownName: If nothing bears the name here; the message says what to install.
    """
    if "(" in name:
        raise InvalidArgument(f"{name!r} is not a name")
    try:
        return registry.create(name, **arguments)
    except UnknownName as error:
        plugin = name.rpartition(":")[0] or "another distribution"
        raise UnknownName(
            f"the {registry.kind} {name!r} is of {plugin}, which is not installed here in a "
            f"version that offers it; install {plugin}, if you trust it, or give load_fit the "
            f"{registry.kind}"
        ) from error


def is_plain(spec: Spec) -> bool:
    """Whether a name has no text among its arguments, which may be that of a file or a module."""
    return all(map(_is_plain, spec.arguments.values()))


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float)


def _arguments(entry: Entry, value: Family | Divergence) -> dict[str, object]:
    held = value.fixed if isinstance(value, Family) else {}
    taken = [name for name in parameters_of(entry.load()) if name not in held]
    return {name: getattr(value, name) for name in taken} | dict(held)


def _alike(made: object, value: Family | Divergence) -> bool:
    """Whether two objects are of one class, and of one shape or with the same parameters."""
    if type(made) is not type(value):
        return False
    if isinstance(made, Divergence) and isinstance(value, Divergence):
        return made.parameters == value.parameters
    return vars(made).get("distribution_class") is vars(value).get("distribution_class")
