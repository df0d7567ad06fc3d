"""G4: the divergence at 41 x 71 means and scales, against a double loop of sums over a grid."""

from __future__ import annotations

import math

from collections.abc import Iterator

import numpy as np

from benchmarks.comparison import Goal, Record, median_seconds, no_more, ratio

__all__ = ["GOAL"]

MEANS, SCALES = np.arange(-2, 2 + 0.1, 0.1), np.arange(0.5, 4 + 0.05, 0.05)
EXACT = np.log(SCALES) + (1 + MEANS[:, None] ** 2) / (2 * SCALES**2) - 0.5


def kldiv_side(_: float) -> Iterator[Record]:
    """One call for the whole table, by the closed form and as if there were none."""
    import torch

    from torch.distributions import Normal

    import kldiv

    one = torch.ones((), dtype=torch.float64)
    means = torch.from_numpy(MEANS)[:, None]
    p, q = Normal(0 * one, one), Normal(means, torch.from_numpy(SCALES))
    for case, estimator in (("table", "auto"), ("table without a closed form", "quadrature")):
        seconds = median_seconds(lambda e=estimator: kldiv.divergence(p, q, estimator=e))
        found = kldiv.divergence(p, q, estimator=estimator)
        error = float(np.abs(found.value.numpy() - EXACT).max())
        yield {
            "case": case,
            "method": "kldiv",
            "seconds": seconds,
            "evaluations": found.evaluations,
            "excess": error,
        }


def torch_side(_: float) -> Iterator[Record]:
    """Sums over 801 points in a double loop, with the densities at hand, in numpy."""
    x = np.arange(-4, 4.01, 0.01)
    p = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    away = (x[:, None, None] - MEANS[:, None]) / SCALES
    q = np.exp(-(away**2) / 2) / (math.sqrt(2 * math.pi) * SCALES)

    def table() -> np.ndarray:
        found = np.zeros(EXACT.shape)
        for i in range(len(MEANS)):
            for j in range(len(SCALES)):
                found[i, j] = np.sum(p * np.log(p / q[:, i, j])) * 0.01
        return found

    error = float(np.abs(table() - EXACT).max())
    seconds = median_seconds(table)
    for case in ("table", "table without a closed form"):
        yield {
            "case": case,
            "method": "double loop",
            "seconds": seconds,
            "evaluations": q.size,
            "excess": error,
        }


GOAL = Goal(
    "G4",
    "Seed 001's table of 41 x 71 divergences, each with an error",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        ratio("table", "double loop", 100, prototype="140"),
        no_more("table", "excess", 1e-12),
        no_more("table without a closed form", "excess", 1e-12),
    ],
    "the whole front door is timed: checks of all parameters and an error for each cell; the "
    "closed form itself takes a half.",
)
