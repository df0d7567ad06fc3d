"""Names with arguments: ``"kldiv-foo:renyi(alpha=0.5)"`` taken apart into a `Spec`.

A name is written as people write it, "Jensen-Shannon" or "jensen_shannon", and arguments are
Python literals given by name. Nothing is evaluated: the text is read as a syntax tree, and its
arguments are checked against the signature of what they are meant for.
"""

from __future__ import annotations

import ast
import inspect
import math
import re

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from kldiv.errors import InvalidArgument, InvalidType

__all__ = [
    "Spec",
    "normalise_distribution",
    "normalise_name",
    "parameters_of",
    "parse",
    "required_parameters",
]

_SPEC = re.compile(r"(?:(?P<plugin>[^:()]+):)?(?P<name>[^:()]+)(?P<call>\(.*\))?", re.DOTALL)
_EXAMPLE = "write it like 'renyi(alpha=0.5)' or 'kldiv-foo:renyi(alpha=0.5)'"


@dataclass(frozen=True)
class Spec:
    """A name with arguments, taken apart.

    Arguments:
        plugin: The distribution asked for, or ``None`` if the name stands alone.
        name: The name, in lower case with underscores.
        arguments: The values given, by name.
    """

    plugin: str | None
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def qualified_name(self) -> str:
        """The name as it was asked for, without its arguments."""
        return f"{self.plugin}:{self.name}" if self.plugin else self.name

    def call(self, item: Callable[..., Any]) -> Any:  # noqa: ANN401 (whatever it returns)
        """Calls an item with the arguments.

        Raises:
            InvalidArgument: If one is not taken, or one that is needed is missing.
            InvalidType: If the item is an abstract class.
        """
        allowed = _parameters(item)
        for given in self.arguments:
            if given not in allowed and not _takes_any(item):
                close = get_close_matches(given, allowed, n=1)
                question = f"did you mean {close[0]!r}? " if close else ""
                names = ", ".join(map(repr, allowed)) or "none"
                raise InvalidArgument(
                    f"{self.name!r} takes no argument {given!r}; {question}allowed: {names}"
                )
        required = required_parameters(item)
        missing = [name for name in required if name not in self.arguments]
        if missing:
            call = f"{self.name}({', '.join(f'{name}=…' for name in required)})"
            raise InvalidArgument(f"{self.name!r} needs {', '.join(missing)}: write {call!r}")
        if lacking := getattr(item, "__abstractmethods__", ()):
            raise InvalidType(f"{self.name!r} is abstract: define {', '.join(sorted(lacking))}")
        return item(**self.arguments)

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.qualified_name}({given})" if given else self.qualified_name


def normalise_name(name: str) -> str:
    """The registered form of a name: lower case, underscores for hyphens and blanks."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def normalise_distribution(name: str) -> str:
    """The form in which names of distributions are compared (PEP 503).

    Raises:
        InvalidType: If it is not text.
    """
    if not isinstance(name, str):
        raise InvalidType(f"the name of a distribution must be text, got {name!r}")
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def parse(text: str) -> Spec:
    """Takes a name with arguments apart.

    Arguments:
        text: For example ``"renyi(alpha=0.5)"``; numbers, text in quotes, ``True``, ``False``,
            ``None``, ``inf``, and lists and tuples of these may be given.

    Returns:
        Its parts, with the names normalised.

    Raises:
        InvalidType: If it is not text.
        InvalidArgument: If it is malformed.

    Example:
        >>> parse("Student-T(df=4)")
        Spec(plugin=None, name='student_t', arguments={'df': 4})
    """
    if not isinstance(text, str):
        message = f"a name must be text, got {text!r} of type {type(text).__name__}; {_EXAMPLE}"
        raise InvalidType(message)
    match = _SPEC.fullmatch(text.strip())
    name = normalise_name(match["name"]) if match else ""
    if match is None or not name.isidentifier():
        raise InvalidArgument(f"{text!r} is not a name; {_EXAMPLE}")
    plugin = normalise_distribution(match["plugin"]) if match["plugin"] else None
    return Spec(plugin, name, _arguments(text, match["call"]) if match["call"] else {})


def parameters_of(item: Callable[..., Any]) -> dict[str, str]:
    """What an item takes by name: for each parameter the default or else the type, as text."""
    return {name: _text(parameter) for name, parameter in _parameters(item).items()}


def required_parameters(item: Callable[..., Any]) -> list[str]:
    """What an item must be given by name."""
    return [name for name, taken in _parameters(item).items() if taken.default is taken.empty]


def _parameters(item: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What an item takes by name; torch's switch for its own checks is left out."""
    return {
        name: parameter
        for name, parameter in _signature(item).items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name != "validate_args"
    }


def _text(parameter: inspect.Parameter) -> str:
    if parameter.default is not parameter.empty:
        return repr(parameter.default)
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


@lru_cache(maxsize=256)
def _signature(item: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of an item; if it does not tell, any may be."""
    try:
        return inspect.signature(item).parameters
    except (TypeError, ValueError):
        return {"any": inspect.Parameter("any", inspect.Parameter.VAR_KEYWORD)}


def _takes_any(item: Callable[..., Any]) -> bool:
    """Whether an item takes arguments of any name."""
    return any(taken.kind is taken.VAR_KEYWORD for taken in _signature(item).values())


def _arguments(text: str, call: str) -> dict[str, Any]:
    """The arguments of a call, given by name."""
    try:
        tree = ast.parse(f"_{call}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidArgument(f"the arguments of {text!r} cannot be read; {_EXAMPLE}") from error
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise InvalidArgument(f"the arguments of {text!r} cannot be read; {_EXAMPLE}")
    if tree.args:
        value = ast.unparse(tree.args[0])
        raise InvalidArgument(
            f"{text!r} gives {value} without a name; write its parameter first, as in "
            f"'renyi(alpha=0.5)' (`kldiv show NAME` lists the parameters)"
        )
    arguments: dict[str, Any] = {}
    for keyword in tree.keywords:
        if keyword.arg is None or keyword.arg in arguments:
            what = "unpacks arguments" if keyword.arg is None else f"gives {keyword.arg!r} twice"
            raise InvalidArgument(f"{text!r} {what}; {_EXAMPLE}")
        arguments[keyword.arg] = _value(keyword.value, keyword.arg)
    return arguments


def _value(node: ast.expr, name: str) -> Any:  # noqa: ANN401 (any literal)
    """The value of a literal."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id="inf"):
            return math.inf
        case ast.List(elts=elements):
            return [_value(element, name) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element, name) for element in elements)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _value(operand, name)
            if isinstance(number, int | float) and not isinstance(number, bool):
                return -number if isinstance(sign, ast.USub) else number
    raise InvalidArgument(
        f"the value of {name!r} must be a number, inf, text in quotes, True, False, None, or a "
        f"list of these; got {ast.unparse(node)}"
    )
