"""The same few calls on tensors and on arrays of numpy.

A call of numpy's on some ten numbers takes a fraction of the time of one of torch's, so that what
many small steps need is kept in arrays on a processor, and in tensors on another device.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch

from torch import Tensor

__all__ = [
    "Numbers",
    "as_array",
    "as_single",
    "as_tensor",
    "at_hand",
    "library_of",
    "stacked",
    "taken",
    "where_true",
]

Numbers: TypeAlias = Any
"""An array of numpy or a tensor."""


def library_of(numbers: Numbers) -> ModuleType:
    """Numpy or torch, of which those functions are used that have the same names in both."""
    return torch if isinstance(numbers, Tensor) else np


def as_array(numbers: Numbers) -> Numbers:
    """A tensor of a processor as an array in the same memory; an array as it is."""
    return numbers.numpy() if isinstance(numbers, Tensor) else numbers


def as_tensor(numbers: Numbers) -> Tensor:
    """The way back."""
    return numbers if isinstance(numbers, Tensor) else torch.from_numpy(numbers)


def as_single(numbers: Numbers) -> Numbers:
    """The same in single precision."""
    return numbers.float() if isinstance(numbers, Tensor) else numbers.astype(np.float32)


def at_hand(numbers: Tensor) -> Numbers:
    """An array of what is on a processor; a tensor of what is elsewhere."""
    return numbers.numpy() if numbers.device.type == "cpu" else numbers


def stacked(numbers: Sequence[Numbers]) -> Numbers:
    """Numbers of one shape along a new first axis."""
    return torch.stack(list(numbers)) if isinstance(numbers[0], Tensor) else np.array(numbers)


def where_true(mask: Numbers) -> Numbers:
    """The numbers of those for which it holds."""
    return mask.nonzero()[:, 0] if isinstance(mask, Tensor) else mask.nonzero()[0]


def taken(numbers: Numbers, index: Numbers, axis: int = 0) -> Numbers:
    """Some of the entries along an axis, copied."""
    if isinstance(numbers, Tensor):
        return numbers.index_select(axis, index)
    return numbers.take(index, axis)
