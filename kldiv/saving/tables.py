"""Many records of one class as columns: a tensor for each field, however many there are.

A fit of a million problems has a million optima, and a file must not have as many entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import torch

from torch import Tensor

from kldiv.errors import NotAvailable

__all__ = ["columns_of", "records_of"]

T = TypeVar("T")
Column = Any

_TYPES: dict[type, torch.dtype] = {
    bool: torch.bool,
    int: torch.int64,
    float: torch.float64,
}


def columns_of(records: Sequence[Any]) -> dict[str, Column]:
    """The fields of dataclass objects of one class, each as one value that a file can hold.

    Numbers, and tuples of them, become tensors, and so do tensors of one shape, by name or not;
    text stays text.

    Raises:
        NotAvailable: If a field holds something else.
    """
    if not records:
        return {}
    return {
        each.name: _column([getattr(record, each.name) for record in records], each.name)
        for each in fields(records[0])
    }


def records_of(kind: type[T], columns: Mapping[str, Column]) -> list[T]:
    """The dataclass objects behind columns."""
    cells = [_cells(column) for column in columns.values()]
    return [kind(**dict(zip(columns, row, strict=True))) for row in zip(*cells, strict=True)]


def _column(values: list[Any], name: str) -> Column:
    first = values[0]
    mixed = any(type(value) is not type(first) for value in values)
    if mixed or first is None or isinstance(first, str):
        return {"plain": values}
    if type(first) in _TYPES:
        return {"number": torch.tensor(values, dtype=_TYPES[type(first)])}
    if isinstance(first, Tensor):
        return {"tensor": torch.stack(values)}
    if isinstance(first, Mapping):
        return {"mapping": {key: _column([each[key] for each in values], key) for key in first}}
    if isinstance(first, tuple) and all(type(each) is int for value in values for each in value):
        whole = [each for value in values for each in value]
        lengths = torch.tensor([len(value) for value in values])
        return {"tuple": [torch.tensor(whole, dtype=torch.int64), lengths]}
    raise NotAvailable(f"{name} = {first!r} cannot be kept in a file")


def _cells(column: Column) -> list[Any]:
    ((kind, content),) = column.items()
    if kind == "plain":
        return list(content)
    if kind == "number":
        numbers: list[Any] = content.tolist()
        return numbers
    if kind == "tensor":
        return [each.clone() for each in content]
    if kind == "mapping":
        columns = [_cells(each) for each in content.values()]
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    whole, lengths = content
    return [tuple(part.tolist()) for part in whole.split(lengths.tolist())]
