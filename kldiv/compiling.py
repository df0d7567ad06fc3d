"""Functions of tensors that are compiled to one pass over their arguments, where asked for."""

from __future__ import annotations

import os
import shutil
import sys
import warnings

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.errors import NotAvailable

__all__ = ["compiled", "no_compiler"]

_OPTIONS: dict[str, str | int | bool | Callable[..., Any]] = {
    "cpp.enable_floating_point_contract_flag": "fast",  # a product and a sum in one instruction
    "realize_opcount_threshold": 1 << 20,  # steps of a formula before it is written to memory
    "cpp.enable_tiling_heuristics": False,  # vectors also of numbers that lie apart
    "cpp.enable_loop_tail_vec": False,  # the last few one by one: compiles a quarter sooner
}
_REMEDY = "a C++ compiler and Python's headers are needed; leave compiled=True out to do without"


def no_compiler() -> str | None:
    """Why nothing can be compiled, in a sentence; ``None`` where a C++ compiler is found."""
    name = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if _is_found(name, os.environ.get("PATH")):
        return None
    return (
        f"no C++ compiler {name!r} is found; install one, name it in the environment variable "
        "CXX, or leave compiled=True out"
    )


@cache
def _is_found(program: str, path: str | None) -> bool:
    """Whether a program is on a path, looked up once for each."""
    return shutil.which(program, path=path) is not None


def compiled(
    function: Callable[..., tuple[Tensor, ...]], *, varying: int
) -> Callable[..., tuple[Tensor, ...]]:
    """A function of tensors compiled for each type of number, for arguments of any length.

    It is compiled when it is first called, by ``torch.compile``, and computes no gradients.

    Arguments:
        function: A function of tensors, without branches that depend on their numbers.
        varying: How many dimensions, from the first one, vary in size without a new compilation.

    Returns:
        The function, which raises :class:`kldiv.errors.NotAvailable` where it does not compile.
    """
    with _left_as_it_was():
        fast = torch.compile(_apart(function), fullgraph=True, options=_OPTIONS)
    seen: set[object] = set()

    def call(*tensors: Tensor) -> tuple[Tensor, ...]:
        kind = tuple((each.dtype, *(size > 1 for size in each.shape)) for each in tensors)
        with torch.no_grad():
            if kind in seen:
                return fast(*tensors)
            with _left_as_it_was():
                for each in tensors:
                    torch._dynamo.maybe_mark_dynamic(each, [*range(min(varying, each.ndim))])
                try:
                    found: tuple[Tensor, ...] = fast(*tensors)
                except RuntimeError as error:  # of which torch's errors of compilation are kinds
                    text = f"could not compile ({_cause(error)}): {_REMEDY}"
                    raise NotAvailable(text) from error
        seen.add(kind)
        return found

    return call


def _cause(error: RuntimeError) -> str:
    """The first line that says more than who raised it."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line and not line.endswith("raised:")), "no reason")


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Undoes that torch turns off the checks of all distributions when it compiles first.

    What it uses of its own that it calls deprecated is no concern of whoever compiles.
    """
    kept = Distribution._validate_args
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            yield
    finally:
        Distribution.set_default_validate_args(kept)


def _apart(function: Any) -> Callable[..., tuple[Tensor, ...]]:  # noqa: ANN401 (its inside)
    """The function with code of its own: torch limits how often the same code is compiled."""
    return FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
