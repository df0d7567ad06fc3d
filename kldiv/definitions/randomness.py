"""Randomness comes in through a seed and leaves torch's global state as it was."""

from __future__ import annotations

import os

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import torch

from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["as_seed", "seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws inside the block follow the seed; torch's own generators are put back afterwards."""
    if torch.cuda.is_available():
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
        return
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed asks for every kind of device
    try:
        yield
    finally:
        torch.set_rng_state(state)


def as_seed(seed: int | torch.Generator | None) -> int:
    """A seed from a seed, from a generator (which advances), or from the system's entropy."""
    if seed is None:
        return int.from_bytes(os.urandom(8)) >> 2
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**62, (), generator=seed, device=seed.device))
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise InvalidType(f"seed must be an integer, a torch.Generator or None, got {seed!r}")
    if not 0 <= seed < 2**63:
        raise InvalidArgument(f"seed must be between 0 and 2**63 - 1, got {seed}")
    return int(seed)
