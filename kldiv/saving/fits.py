"""A whole fit as a document with tensors, and the file that holds it."""

from __future__ import annotations

import os

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from torch import Tensor

from kldiv.saving.divergences import write_divergence
from kldiv.saving.families import write_family, write_member
from kldiv.saving.files import write_file
from kldiv.saving.tables import columns_of, records_of
from kldiv.saving.targets import write_target
from kldiv.saving.values import Json, Writer
from kldiv.solvers.optima import Optimum

if TYPE_CHECKING:
    from kldiv.results import Fit

__all__ = ["FORMAT", "parts_of", "read_optima", "save_fit"]

FORMAT = 1
"""The number of the format, raised when older readers would misread a file."""


def save_fit(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Writes a fit to a file; see :meth:`kldiv.Fit.save`."""
    parts, tensors = parts_of(fit)
    document = {
        "format": FORMAT,
        "kldiv": version("kldiv"),
        "torch": version("torch"),
        "fit": parts,
    }
    write_file(path, document, tensors)


def parts_of(fit: Fit) -> tuple[dict[str, Json], dict[str, Tensor]]:
    """The fields of a fit as JSON, and the tensors that these name."""
    writer = Writer()
    parts = {
        each.name: _written(writer, each.name, getattr(fit, each.name)) for each in fields(fit)
    }
    return parts, writer.tensors


def read_optima(columns: Mapping[str, Any], counts: list[int] | None) -> tuple[Any, ...]:
    """The optima of a fit, or of each fit of a batch.

    Arguments:
        columns: All optima, one problem after the other.
        counts: How many each problem has, ``None`` for a single problem.
    """
    found = iter(records_of(Optimum, columns))
    if counts is None:
        return tuple(found)
    return tuple(tuple(next(found) for _ in range(count)) for count in counts)


def _written(writer: Writer, name: str, value: Any) -> Json:  # noqa: ANN401 (any field)
    write = _WRITERS.get(name)
    return writer.write(value, name) if write is None else write(writer, value)


def _write_optima(writer: Writer, optima: Sequence[Any]) -> Json:
    batched = any(isinstance(each, tuple) for each in optima)
    flat = list(chain.from_iterable(optima)) if batched else list(optima)
    return {
        "columns": writer.write(columns_of(flat), "optima"),
        "counts": [len(each) for each in optima] if batched else None,
    }


_WRITERS: Mapping[str, Callable[[Writer, Any], Json]] = {
    "family": write_family,
    "objective": write_divergence,
    "optima": _write_optima,
    "q": write_member,
    "target": write_target,
}
