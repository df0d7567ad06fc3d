"""Models are evaluated in float64, whatever they were written in.

Numbers in a model become tensors of torch's default type, and a few of torch's distributions round
the values they are given to the type of their parameters: in float32 a density is then known to
seven digits, too few for a fit to find where it is flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from torch import Tensor

__all__ = ["doubled", "in_double"]


def doubled(value: Any) -> Any:  # noqa: ANN401 (what a model takes)
    """Tensors in float64 where they are floating, in lists and mappings too; all else as it is."""
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if type(value) in (list, tuple):
        return type(value)(map(doubled, value))
    if isinstance(value, Mapping):
        return {key: doubled(each) for key, each in value.items()}
    return value


@contextmanager
def in_double() -> Iterator[None]:
    """Numbers inside the block become tensors of float64; torch is put back afterwards."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
