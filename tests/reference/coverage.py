"""How often the truth is within the stated error, rung by rung: the table of the documentation.

    python -m tests.reference.coverage              # prints the table, writes docs/coverage.csv
    python -m tests.reference.coverage --failures   # and lists what failed

Every pair of the reference is asked once for the estimator that kldiv takes by itself, and once
for every other that applies.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
import time
import warnings

from collections import Counter
from pathlib import Path

import torch

from tests.reference.measured import RUNGS, Batch, Measured, batches

TABLE = Path(__file__).parents[2] / "docs" / "coverage.csv"
ORDER = ("auto", "exact", "sum", "quadrature", "quadrature, 2D", "monte_carlo")
HEAD = (
    "estimator",
    "pairs",
    "within the error",
    "infinite, and said so",
    "median relative error",
    "99th percentile",
    "median evaluations",
)


def main() -> None:
    """Measures, prints and writes."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found: dict[str, list[Measured]] = {"auto": []}
    for batch in batches():
        for estimator in ("auto", *RUNGS):
            for case in timed(batch, estimator):
                found.setdefault("auto" if estimator == "auto" else case.rung, []).append(case)
    order = [name for name in ORDER if name in found]
    table = [summary(name, found[name]) for name in order]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *table])
    for line in [HEAD, *table]:
        print("  ".join(f"{cell:>22}" for cell in line))
    if "--failures" in sys.argv:
        for name in order:
            report(name, found[name])


def timed(batch: Batch, estimator: str) -> list[Measured]:
    """What an estimator says; nothing where it fails, which is printed, as what takes long."""
    start = time.perf_counter()
    try:
        found = batch.measure(estimator) or []
    except Exception as error:  # whatever it is, the table goes on
        print(f"{batch}: {estimator} raises {error!r:.300}")
        found = []
    seconds = time.perf_counter() - start
    if seconds > 3:
        print(f"{batch}: {estimator} takes {seconds:.1f} s")
    return found


def summary(name: str, cases: list[Measured]) -> tuple[str, ...]:
    """A line of the table."""
    infinite = [case for case in cases if not case.finite]
    relative = sorted(c.relative for c in cases if c.finite and not c.float32 and c.truth > 0)
    worst = relative[math.ceil(0.99 * len(relative)) - 1]
    return (
        name,
        str(len(cases)),
        f"{100 * sum(case.holds for case in cases) / len(cases):.1f} %",
        f"{sum(case.holds for case in infinite)} of {len(infinite)}",
        f"{statistics.median(relative):.0e}",
        f"{worst:.0e}",
        f"{statistics.median(case.evaluations for case in cases):.0f}",
    )


def report(name: str, cases: list[Measured]) -> None:
    """What failed of one estimator, the most frequent kind of pair first."""
    failed = [case for case in cases if not case.holds or case.value < 0]
    kinds = Counter((c.row["p"], c.row["q"], c.row["divergence"]) for c in failed)
    print(f"\n{name}: {len(failed)} of {len(cases)}")
    for case in sorted(
        failed, key=lambda c: (-kinds[c.row["p"], c.row["q"], c.row["divergence"]], str(c))
    ):
        print(f"  {case}")


if __name__ == "__main__":
    main()
