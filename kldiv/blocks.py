"""Passes over large arrays in blocks that stay in the cache, on the memory of tensors.

An expression of whole tensors of some million numbers writes each of its steps to main memory and
reads it back. Taken block by block, with buffers that are used again, only its arguments are read.
"""

from __future__ import annotations

import math

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

__all__ = ["BLOCK", "LARGE", "Array", "arrays_of", "blocks", "dot", "even_blocks", "tensors_of"]

Array = NDArray[Any]

BLOCK = 1 << 15
"""How many numbers a block has."""
LARGE = 1 << 17
"""How many numbers make a pass in blocks worth its while."""


def arrays_of(tensors: Sequence[Tensor]) -> list[Array] | None:
    """The memory of tensors as arrays, without a copy.

    Arguments:
        tensors: Tensors of one type.

    Returns:
        The arrays; ``None`` where the tensors are of several types, not in main memory,
        or where derivatives are to pass through them, forward or backward.
    """
    first = tensors[0]
    for each in tensors:
        plain = each.device.type == "cpu" and type(each) in (Tensor, torch.nn.Parameter)
        if not plain or each.dtype != first.dtype:
            return None
        if each.requires_grad and torch.is_grad_enabled():
            return None
        if unpack_dual(each).tangent is not None:
            return None
    if first.dtype not in (torch.float32, torch.float64):
        return None
    try:
        return [each.detach().numpy() for each in tensors]
    except RuntimeError:  # a transform of torch.func has tensors without memory
        return None


def tensors_of(pair: tuple[Array, Array], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """The memory of two arrays as tensors of a shape."""
    first, second = (torch.from_numpy(each.reshape(shape)) for each in pair)
    return first, second


def blocks(rows: int, columns: int, *, times: int = 1) -> Iterator[tuple[slice, slice]]:
    """The blocks of a matrix, row after row: of whole rows where they are short.

    Arguments:
        rows: How many rows it has.
        columns: How many columns it has.
        times: How many times as large as others the blocks are.
    """
    size = times * BLOCK
    high = max(1, size // columns)
    for row in range(0, rows, high):
        for column in range(0, columns, size):
            yield slice(row, min(row + high, rows)), slice(column, min(column + size, columns))


def even_blocks(count: int, most: int) -> tuple[int, list[int]]:
    """The length of blocks of rows, and where each begins; the last two may overlap.

    Arguments:
        count: The rows, at least one.
        most: What a block may have.
    """
    length = math.ceil(count / math.ceil(count / most))
    return length, [min(start, count - length) for start in range(0, count, length)]


def dot(first: Array, second: Array) -> Array:
    """The products of rows."""
    found: Array = (
        first.dot(second[0]) if len(first) == 1 else np.einsum("ij,ij->i", first, second)
    )
    return found
