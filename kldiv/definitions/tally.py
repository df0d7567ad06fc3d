"""At how many points the density of a target is asked, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Tally", "note", "tallied"]


@dataclass
class Tally:
    """How many values of one target's log density were computed, of all its problems together."""

    target: object
    values: int = 0


_OPEN: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallied(tally: Tally) -> Iterator[None]:
    """Counts inside the block, in this thread only."""
    token = _OPEN.set(tally)
    try:
        yield
    finally:
        _OPEN.reset(token)


def note(target: object, values: int) -> None:
    """Takes note of values that a target's log density has given."""
    tally = _OPEN.get()
    if tally is not None and tally.target is target:
        tally.values += values
