"""`Lazy`: an item named before it is imported, so that a plugin's front module stays light.

What an item is in one line need not be written twice: the summary is read from the docstring in
the *source* of its module. No module is run for it, nor its parents, so that a catalogue of
items that need torch can be listed without torch.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
import warnings

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce
from importlib.machinery import PathFinder
from inspect import cleandoc
from types import ModuleType
from typing import Any

from kldiv.errors import InvalidArgument, InvalidType, PluginError, PluginWarning
from kldiv.isolation import isolated, told

__all__ = ["Lazy", "as_item", "deferred", "first_sentence", "forget_sources"]

_MARKUP = re.compile(r":[\w:+-]+:`~?([^`]*)`|``([^`]*)``|`([^`]*)`")
_SENTENCE = re.compile(r"(.+?\.)(?=\s+[^a-z\s]|$)")


@dataclass(frozen=True)
class Lazy:
    """An item that is imported when it is asked for.

    Arguments:
        target: Where it is, as ``"package.module:Name"``.
        summary: What it is, in a sentence; left out, the first of its docstring.
        tags: Words to find it by.
        extra: What to install if the import fails, as pip takes it: ``"kldiv-flows[nsf]"``.
        examples: How it is made where it is checked and shown: ``("renyi(alpha=0.5)",)``; left
            out, with its defaults.
        types: For closed forms, the names of the classes of distributions that they are between:
            ``("Gamma", "Weibull")``; left out, of any.
    """

    target: str
    summary: str = ""
    tags: tuple[str, ...] = ()
    extra: str = ""
    examples: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InvalidType(f"a Lazy takes 'package.module:Name', got {self.target!r}")
        module, colon, name = self.target.partition(":")
        if not (colon and name.isidentifier() and all(map(str.isidentifier, module.split(".")))):
            raise InvalidArgument(f"{self.target!r} must have the form 'package.module:Name'")

    def load(self) -> Any:  # noqa: ANN401 (whatever the plugin offers)
        """Imports and returns the item.

        Raises:
            PluginError: If it cannot be had; the cause is chained.
        """
        module, _, name = self.target.partition(":")
        try:
            return getattr(_imported(module), name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            remedy = f"; install it with: pip install '{self.extra}'" if self.extra else ""
            message = f"{self.target!r} cannot be loaded ({told(error)}){remedy}"
            raise PluginError(message) from error

    def describe(self) -> str:
        """What it is, in a sentence, without importing anything; empty if nobody said."""
        return self.summary or first_sentence(_docstring(*self.target.split(":")))


def deferred(target: str) -> Callable[..., Any]:
    """A function or class that is imported when it is first called, for what few programs need.

    Arguments:
        target: Where it is, as ``"package.module:name"``.
    """
    module, _, name = target.partition(":")

    def called(*arguments: object, **options: object) -> object:
        found: Any = importlib.import_module(module)
        return reduce(getattr, name.split("."), found)(*arguments, **options)

    return called


def as_item(item: object) -> Callable[..., Any] | Lazy:
    """Checks an item that is offered, and makes a `Lazy` of ``"package.module:Name"``.

    Raises:
        InvalidType: If it is neither a class, a function, text nor a `Lazy`.
        InvalidArgument: If it is text of another form.
    """
    if isinstance(item, str):
        return Lazy(item)
    if isinstance(item, Lazy) or callable(item):
        return item
    raise InvalidType(
        f"{item!r} of type {type(item).__name__} cannot be offered; "
        f"give a class, a function, 'package.module:Name' or a kldiv.Lazy"
    )


def first_sentence(docstring: str | None) -> str:
    """The first sentence of a docstring, without its markup.

    Example:
        >>> first_sentence("The order :math:`a` of ``renyi``. It is positive.")
        'The order a of renyi.'
    """
    paragraph = (docstring or "").strip().split("\n\n")[0]
    text = _MARKUP.sub(lambda match: match[match.lastindex or 0], " ".join(paragraph.split()))
    sentence = _SENTENCE.match(text)
    return sentence[1] if sentence else text


def forget_sources() -> None:
    """Forgets what was read in the sources of modules, so that newer ones are read."""
    _definitions.cache_clear()


def _imported(module: str) -> ModuleType:
    """A module; a warning says what it did beside its task when it was imported."""
    if module in sys.modules:
        return importlib.import_module(module)
    with isolated() as misdeeds:
        found = importlib.import_module(module)
    for misdeed in misdeeds:
        text = f"{module!r} {misdeed} while it was imported, which a plugin must not"
        warnings.warn(text, PluginWarning, stacklevel=4)
    return found


def _docstring(module: str, name: str) -> str:
    """The docstring of a class or function, followed through re-exports."""
    for _ in range(4):
        docstrings, imported = _definitions(module)
        if name in docstrings or name not in imported:
            return cleandoc(docstrings.get(name, ""))
        module, name = imported[name]
    return ""


@lru_cache(maxsize=256)
def _definitions(module: str) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """What a module defines, with its docstring, and what it imports, with its origin."""
    docstrings: dict[str, str] = {}
    imported: dict[str, tuple[str, str]] = {}
    source, package = _source(module)
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        body = []
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            docstrings[node.name] = ast.get_docstring(node, clean=False) or ""
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            origin = importlib.util.resolve_name(relative, package)
            imported |= {alias.asname or alias.name: (origin, alias.name) for alias in node.names}
    return docstrings, imported


def _source(module: str) -> tuple[str, str]:
    """The source of a module and the package it stands in; both empty if it cannot be found.

    Unlike `importlib.util.find_spec` for a dotted name, this imports no parent.
    """
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
        for name in rest:
            path = spec.submodule_search_locations if spec else None
            spec = PathFinder.find_spec(f"{spec.name}.{name}", path) if spec and path else None
        source = spec.loader.get_source(module) if spec and spec.loader else None  # type: ignore[attr-defined]
    except (ImportError, AttributeError, ValueError, SyntaxError):
        return "", ""
    if not spec or not source:
        return "", ""
    return source, module if spec.submodule_search_locations else module.rpartition(".")[0]
