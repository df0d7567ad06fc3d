"""G14: divergences between samples."""

from __future__ import annotations

import math

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.comparison import Claim, Goal, Record, Round, median_seconds, ratio
from benchmarks.problems.shared import Array

__all__ = ["GOAL"]

POINTS = 5000
NEIGHBOURS = 5
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

    ways = {"neighbours": kldiv.Samples(neighbours=NEIGHBOURS), "learnt": "auto"}
    for size in SIZES:
        x, y = clouds(size)
        for method, estimator in ways.items():
            value = partial(kldiv.divergence, x, y, estimator=estimator, seed=0)
            seconds = median_seconds(value, 5 if method == "neighbours" else 1)
            yield _row(size, f"kldiv, {method}", seconds, float(value()))
    for case, (points, name) in DISTANCES.items():
        x, y = points()
        value = partial(kldiv.divergence, x, y, name)
        try:
            value()
        except kldiv.UnknownName:  # its plugin is not installed
            continue
        yield {"case": case, "method": "kldiv", "seconds": median_seconds(value, 3, warm=0)}


def _row(size: int, method: str, seconds: float, found: float) -> Record:
    excess = abs(found - 0.5)
    return {"case": f"d = {size}", "method": method, "seconds": seconds, "excess": excess}


def torch_side(_: float) -> Iterator[Record]:
    """The same by nearest neighbours alone, and by scipy, scikit-learn and POT."""
    for size in SIZES:
        x, y = clouds(size)
        for method, last in {"trees": _last_of_tree, "products": _last_of_products}.items():

            def value(
                x: Array = x, y: Array = y, size: int = size, last: Callable[..., Array] = last
            ) -> float:
                own, other = last(x, x, NEIGHBOURS + 1), last(y, x, NEIGHBOURS)
                return float(size * np.log(other / own).mean() + math.log(POINTS / (POINTS - 1)))

            yield _row(size, f"neighbours, {method}", median_seconds(value, 5), value())
    for case, method, call in _peers():
        yield {"case": case, "method": f"peer: {method}", "seconds": median_seconds(call, 3)}


def _last_of_tree(points: Array, at: Array, count: int) -> Array:
    from scipy.spatial import cKDTree

    return cKDTree(points).query(at, count)[0][:, -1]


def _last_of_products(points: Array, at: Array, count: int) -> Array:
    import torch

    y = torch.from_numpy(points)
    sizes, found = y.square().sum(-1), []
    for x in torch.from_numpy(at).split(512):
        squares = torch.addmm(sizes, x, y.mT, alpha=-2) + x.square().sum(-1, keepdim=True)
        found.append(squares.topk(count, -1, largest=False).values[:, -1])
    return torch.cat(found).sqrt().numpy()


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


def _beside_neighbours(size: int, method: str, key: str, wanted: float) -> Claim:
    """What a way of kldiv takes, or misses, as against bare neighbours; and both their seconds."""
    case, own, peer = f"d = {size}", f"kldiv, {method}", "neighbours"

    def of(found: Round) -> float | None:
        ours, theirs = found.best(case, own, key), found.best(case, peer, key)
        return None if ours is None or theirs is None else ours / theirs

    def efforts(found: Round) -> Record:
        return {
            "kldiv": found.effort(case, own, "seconds"),
            "peer": found.effort(case, peer, "seconds"),
        }

    what = {"seconds": "seconds", "excess": "error"}[key]
    text = f"{case}: {what} of kldiv, {method} / of neighbours"
    bias = "not one: 0.14 nats off at d = 10" if key == "excess" else ""
    return Claim(text, wanted, of, at_least=False, prototype=bias, efforts=efforts)


GOAL = Goal(
    "G14",
    "Divergences between samples of 5000 points, and of 1e6 numbers",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        ratio("MMD, d = 10", "peer", 3, prototype="2.7"),
        ratio("W1, 1e6 numbers", "peer", 2, prototype="2.2"),
        ratio("energy, 1e6 numbers", "peer", 2, prototype="2.3"),
        *(
            _beside_neighbours(size, *each)
            for size in SIZES
            for each in (
                ("neighbours", "seconds", 1.1),
                ("neighbours", "excess", 1),
                ("learnt", "excess", 1),
            )
        ),
    ],
    "by neighbours kldiv searches as the peers do, in a little less than their time; its checks, "
    "its error and the bias that it takes out add a millisecond, a tenth of all at d = 2, where "
    "bias is small and chance decides who is nearer on one pair of samples. The default learns "
    "the ratio of densities, which takes seconds and is nearer to the truth. Distances come with "
    "an error, from halves of 500 of the points, where those of the peers are values alone.",
)
