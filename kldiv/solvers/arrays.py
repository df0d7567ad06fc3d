"""The same few calls on tensors and on arrays of numpy.

A call of numpy's on some ten numbers takes a fraction of the time of one of torch's, so that small
fits on a processor go by numpy, in the same memory; those on another device go by torch.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch

from torch import Tensor

__all__ = ["Numbers", "as_array", "as_tensor", "library_of", "taken"]

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


def taken(numbers: Numbers, index: Numbers, axis: int = 0) -> Numbers:
    """Some of the entries along an axis, copied."""
    if isinstance(numbers, Tensor):
        return numbers.index_select(axis, index)
    return numbers.take(index, axis)
