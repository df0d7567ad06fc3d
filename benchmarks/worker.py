"""One side of one goal, in the environment that runs it: records as lines of JSON.

python -m benchmarks.worker G5 torch 8.0
"""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import sys

from benchmarks import goals
from benchmarks.comparison import Goal

__all__ = ["goal_named", "names"]


def names() -> dict[str, str]:
    """The module of each goal, by its number."""
    modules = [each.name for each in pkgutil.iter_modules(goals.__path__)]
    return {f"G{int(name[1:3])}": name for name in sorted(modules) if name[0] == "g"}


def goal_named(name: str) -> Goal:
    """A goal by its number."""
    found: Goal = importlib.import_module(f"benchmarks.goals.{names()[name]}").GOAL
    return found


def main(name: str, side: str, budget: str) -> None:
    """Measures and prints."""
    for record in goal_named(name).sides[side](float(budget)):
        print(json.dumps({name: _plain(value) for name, value in record.items()}), flush=True)


def _plain(value: object) -> object:
    """A number that JSON has a word for; nothing for what is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
