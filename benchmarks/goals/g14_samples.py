"""G14: divergences between samples."""

from __future__ import annotations

import math

from collections.abc import Iterator

import numpy as np

from benchmarks.comparison import Claim, Goal, Record, median_seconds
from benchmarks.problems.shared import Array

__all__ = ["GOAL"]

POINTS = 5000
SIZES = (2, 10)


def clouds(size: int) -> tuple[Array, Array]:
    """Two normal clouds half a nat apart."""
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, POINTS, size))
    return first, second + 1 / math.sqrt(size)


def kldiv_side(_: float) -> Iterator[Record]:
    """The Kullback-Leibler divergence between two samples."""
    import kldiv

    for size in SIZES:
        x, y = clouds(size)
        seconds = median_seconds(lambda x=x, y=y: kldiv.divergence(x, y), 1, warm=0)
        found = kldiv.divergence(x, y)
        error = abs(float(found) - 0.5)
        yield {"case": f"d = {size}", "method": "kldiv", "seconds": seconds, "excess": error}


def torch_side(_: float) -> Iterator[Record]:
    """The same by nearest neighbours in a k-d tree."""
    from scipy.spatial import cKDTree

    for size in SIZES:
        x, y = clouds(size)

        def value(x: Array = x, y: Array = y, size: int = size) -> float:
            own = cKDTree(x).query(x, 6)[0][:, 5]
            other = cKDTree(y).query(x, 5)[0][:, 4]
            return float(size * np.log(other / own).mean() + math.log(POINTS / (POINTS - 1)))

        found = {"seconds": median_seconds(value, 3), "excess": abs(value() - 0.5)}
        yield {"case": f"d = {size}", "method": "neighbours", **found}


def _less_bias(size: int) -> Claim:
    case = f"d = {size}"

    def of(found):  # noqa: ANN001, ANN202
        own, other = (found.best(case, each, "excess") for each in ("kldiv", "neighbours"))
        return None if own is None or other is None else own / other

    text = f"{case}: error of kldiv / of neighbours"
    return Claim(text, 1.0, of, at_least=False, prototype="not one: 0.14 nats off at d = 10")


def _time(size: int) -> Claim:
    case = f"d = {size}"

    def of(found):  # noqa: ANN001, ANN202
        own, other = (found.best(case, each) for each in ("kldiv", "neighbours"))
        return None if own is None or other is None else own / other

    return Claim(f"{case}: seconds of kldiv / of neighbours", 1.1, of, at_least=False)


GOAL = Goal(
    "G14",
    "Divergences between samples of 5000 points",
    {"kldiv": kldiv_side, "torch": torch_side},
    [claim for size in SIZES for claim in (_time(size), _less_bias(size))],
    "kldiv learns the ratio of densities, which takes longer than neighbours and is nearer to the "
    "truth. MMD, energy distance and Wasserstein distances are not offered here yet.",
)
