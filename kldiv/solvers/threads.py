"""Small work on one thread: two threads that wait for each other stall on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target

__all__ = ["few_threads"]

_SMALL = 2  # dimensions: their sums are made of pieces that fit the cache


@contextmanager
def few_threads(target: Target) -> Iterator[None]:
    """One thread of torch inside the block, where the work for a target is small.

    The number of threads belongs to the whole process; it is as it was after the block.
    """
    before = torch.get_num_threads()
    small = target.event_shape.numel() <= _SMALL and not isinstance(target, SampleTarget)
    if before == 1 or not small or target.device.type != "cpu":
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
