"""Small work on one thread: two threads that wait for each other stall on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torch.distributions import Distribution

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target

__all__ = ["few_threads"]

_SMALL = 2  # dimensions: their sums are made of pieces that fit the cache


@contextmanager
def few_threads(target: object) -> Iterator[None]:
    """One thread of torch inside the block, where the work for a target is small.

    That is a target or a distribution of few variables, and a name, of which an object is made:
    torch takes all its threads even for the lower triangle of a matrix of two rows, which it
    makes in every Cholesky decomposition. The number of threads belongs to the whole process; it
    is as it was after the block.
    """
    before = torch.get_num_threads()
    if before == 1 or not _is_small(target):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_small(target: object) -> bool:
    if isinstance(target, str):
        return True
    if isinstance(target, SampleTarget) or not isinstance(target, Target | Distribution):
        return False
    on_cpu = not isinstance(target, Target) or target.device.type == "cpu"
    return on_cpu and target.event_shape.numel() <= _SMALL
