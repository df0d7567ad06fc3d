"""Two programs timed in turns, so that whatever slows the machine slows both."""

from __future__ import annotations

import statistics
import time

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Timing", "in_turns", "seconds"]


@dataclass(frozen=True)
class Timing:
    """What one program takes, and how many times as long the other one takes.

    Arguments:
        ours: The median of the seconds of one call of the first.
        theirs: That of the second.
        ratios: The ratio of the second to the first, a number for each turn.
    """

    ours: float
    theirs: float
    ratios: tuple[float, ...]

    @property
    def row(self) -> dict[str, float]:
        """The numbers for a table."""
        return {
            "ours": self.ours,
            "theirs": self.theirs,
            "ratio_min": min(self.ratios),
            "ratio_median": statistics.median(self.ratios),
            "ratio_max": max(self.ratios),
        }

    def __str__(self) -> str:
        row = self.row
        return (
            f"{1e6 * self.ours:12.1f} {1e6 * self.theirs:12.1f} "
            f"{row['ratio_min']:9.2f} {row['ratio_median']:9.2f} {row['ratio_max']:9.2f}"
        )


def seconds(program: Callable[[], object], calls: int) -> float:
    """The seconds of one call, of some calls together."""
    start = time.perf_counter()
    for _ in range(calls):
        program()
    return (time.perf_counter() - start) / calls


def in_turns(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    turns: int = 9,
    calls: tuple[int, int] = (1, 1),
) -> Timing:
    """Times two programs one after the other, several times; once before to warm up.

    Arguments:
        ours: The first.
        theirs: The second.
        turns: How many times.
        calls: How many calls of each make one measurement.
    """
    ours(), theirs()
    pairs = [(seconds(ours, calls[0]), seconds(theirs, calls[1])) for _ in range(turns)]
    first, second = zip(*pairs, strict=True)
    return Timing(
        statistics.median(first),
        statistics.median(second),
        tuple(b / a for a, b in pairs),
    )
