"""When a method that keeps moving is near its goal: when it first is, and when it stays there."""

from __future__ import annotations

import time

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.comparison import Record

__all__ = ["Path", "arrivals"]


def arrivals(
    seconds: Sequence[float],
    excess: Sequence[float],
    evaluations: Sequence[int],
    tolerance: float = 1e-3,
) -> Record:
    """The seconds and evaluations until the excess is first below a tolerance, and stays so.

    ``first`` flatters methods with noise, which cannot know that they are there; ``stopped`` is
    when it ended, there or not.
    """
    above = ~(np.nan_to_num(np.asarray(excess, float), nan=np.inf) <= tolerance)
    last = int(np.nonzero(above)[0][-1]) + 1 if above.any() else 0
    hits = {
        "first": int(np.argmin(above)) if not above.all() else None,
        "stay": last if last < len(above) else None,
        "stopped": len(above) - 1,
    }
    found: Record = {"excess": float(excess[-1]), "least_excess": float(np.nanmin(excess))}
    for name, index in hits.items():
        found[name] = None if index is None else float(seconds[index])
        found[f"{name}_evaluations"] = None if index is None else int(evaluations[index])
    return found


class Path:
    """The parameters of a method while it moves, taken down at ever longer intervals.

    Taking them down is not timed.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.evaluations: list[int] = []
        self.parameters: list[Any] = []
        self._next, self._paused = 1, 0.0
        self._began = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """The seconds since it began."""
        return time.perf_counter() - self._began - self._paused

    def note(self, step: int, evaluations: int, parameters: Callable[[], Any]) -> None:
        """Takes down where a method is after a step, where it is time to."""
        if step < self._next:
            return
        now = time.perf_counter()
        self.seconds.append(now - self._began - self._paused)
        self.evaluations.append(evaluations)
        self.parameters.append(parameters())
        self._next = max(step + 1, int(step * 1.04))
        self._paused += time.perf_counter() - now

    def scored(self, excess: Callable[[Any], float], tolerance: float = 1e-3) -> Record:
        """When it arrived, by the excess of each parameters over the optimum."""
        with np.errstate(all="ignore"):
            values = [excess(each) for each in self.parameters]
        return arrivals(self.seconds, values, self.evaluations, tolerance)
