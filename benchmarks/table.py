"""The table of the manual, made of the results: ``python -m benchmarks.table`` makes it anew."""

from __future__ import annotations

import csv
import json

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "write_table"]

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "benchmarks.csv"
HEAD = (
    "goal",
    "what is claimed",
    "asked for",
    "prototype",
    "min",
    "median",
    "max",
    "reached",
    "kldiv",
    "the other",
)


def write_table(results: Mapping[str, Any]) -> None:
    """Writes docs/benchmarks.csv: a row for each claim, and the reason where one is missed."""
    rows = []
    for name, goal in results["goals"].items():
        for claim in goal["claims"]:
            cells = [_number(claim[key]) for key in ("min", "median", "max")]
            text, wanted, prototype = (claim[key] for key in ("claim", "wanted", "prototype"))
            efforts = [claim.get(side, "") for side in ("kldiv", "peer")]
            reached = _reached(claim["reached"])
            rows.append([name, text, wanted, prototype, *cells, reached, *efforts])
        if goal["reason"]:
            rows.append([name, f"Missed because {goal['reason']}", *[""] * 8])
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *rows])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _reached(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "no number"}[value]


if __name__ == "__main__":
    write_table(json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8")))
