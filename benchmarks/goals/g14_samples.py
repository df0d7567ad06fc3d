"""G14: divergences between samples."""

from __future__ import annotations

import math

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.comparison import Claim, Goal, Record, median_seconds, ratio
from benchmarks.problems.shared import Array

__all__ = ["GOAL"]

POINTS = 5000
LONG = 1_000_000
SIZES = (2, 10)


def clouds(size: int) -> tuple[Array, Array]:
    """Two normal clouds half a nat apart."""
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, POINTS, size))
    return first, second + 1 / math.sqrt(size)


def lines() -> tuple[Array, Array]:
    """Two long samples of numbers."""
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, LONG))
    return first, second + 0.3


DISTANCES = {
    "MMD, d = 10": (partial(clouds, 10), "mmd"),
    "W1, 1e6 numbers": (lines, "wasserstein"),
    "energy, 1e6 numbers": (lines, "energy_distance"),
}


def kldiv_side(_: float) -> Iterator[Record]:
    """The Kullback-Leibler divergence between two samples, and distances by plugins."""
    import kldiv

    for size in SIZES:
        x, y = clouds(size)
        seconds = median_seconds(lambda x=x, y=y: kldiv.divergence(x, y), 1, warm=0)
        found = kldiv.divergence(x, y)
        error = abs(float(found) - 0.5)
        yield {"case": f"d = {size}", "method": "kldiv", "seconds": seconds, "excess": error}
    for case, (points, name) in DISTANCES.items():
        x, y = points()
        value = partial(kldiv.divergence, x, y, name)
        try:
            value()
        except kldiv.UnknownName:  # its plugin is not installed
            continue
        yield {"case": case, "method": "kldiv", "seconds": median_seconds(value, 3, warm=0)}


def torch_side(_: float) -> Iterator[Record]:
    """The same by nearest neighbours in a k-d tree, and by scipy, scikit-learn and POT."""
    from scipy.spatial import cKDTree

    for size in SIZES:
        x, y = clouds(size)

        def value(x: Array = x, y: Array = y, size: int = size) -> float:
            own = cKDTree(x).query(x, 6)[0][:, 5]
            other = cKDTree(y).query(x, 5)[0][:, 4]
            return float(size * np.log(other / own).mean() + math.log(POINTS / (POINTS - 1)))

        found = {"seconds": median_seconds(value, 3), "excess": abs(value() - 0.5)}
        yield {"case": f"d = {size}", "method": "neighbours", **found}
    for case, method, call in _peers():
        yield {"case": case, "method": f"peer: {method}", "seconds": median_seconds(call, 3)}


def _peers() -> Iterator[tuple[str, str, Callable[[], object]]]:
    """What computes the values of distances, which it gives without an error."""
    import ot

    from scipy.spatial.distance import cdist
    from scipy.stats import energy_distance, wasserstein_distance
    from sklearn.metrics.pairwise import rbf_kernel

    x, y = clouds(10)
    kernels = {
        "scikit-learn": lambda a, b: rbf_kernel(a, b, gamma=0.5),
        "scipy cdist": lambda a, b: np.exp(-0.5 * cdist(a, b, "sqeuclidean")),
    }
    for name, kernel in kernels.items():
        yield (
            "MMD, d = 10",
            name,
            lambda k=kernel: k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean(),
        )
    a, b = lines()
    yield "W1, 1e6 numbers", "scipy", lambda: wasserstein_distance(a, b)
    yield "W1, 1e6 numbers", "POT", lambda: ot.wasserstein_1d(a, b, p=1)
    yield "energy, 1e6 numbers", "scipy", lambda: energy_distance(a, b)


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
    "Divergences between samples of 5000 points, and of 1e6 numbers",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        ratio("MMD, d = 10", "peer", 3, prototype="2.7"),
        ratio("W1, 1e6 numbers", "peer", 2, prototype="2.2"),
        ratio("energy, 1e6 numbers", "peer", 2, prototype="2.3"),
        *(claim for size in SIZES for claim in (_time(size), _less_bias(size))),
    ],
    "kldiv learns the ratio of densities, which takes longer than neighbours and is nearer to the "
    "truth. Its distances come with an error, from halves of 500 of the points, where those of "
    "the peers are values alone.",
)
