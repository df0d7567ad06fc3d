"""G10: structured posteriors to 1e-6 nats, where no peer gets."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Goal, Record, no_more
from benchmarks.goals.g08_logistic import FAMILIES, kldiv_on
from benchmarks.problems.posteriors import STRUCTURED

__all__ = ["GOAL"]

CASES = [f"{problem}, {family}" for problem in STRUCTURED for family in FAMILIES]


def kldiv_side(_: float) -> Iterator[Record]:
    """Fits of the log densities as they stand."""
    for problem in STRUCTURED:
        yield from kldiv_on(problem, 1e-6)


GOAL = Goal(
    "G10",
    "Structured posteriors to 1e-6 nats in 50 ms",
    {"kldiv": kldiv_side},
    [
        claim
        for case in CASES
        for claim in (
            no_more(case, "excess", 1e-6),
            no_more(case, "stay", 0.05, prototype="4 to 46 ms"),
        )
    ],
    "these are generic log densities, fitted on draws until other draws would gain less than 2e-4 "
    "nats; nothing is declared of them here. A sum of functions of linear combinations can be "
    "declared, and is fitted without draws; a conditionally normal target cannot be.",
)
