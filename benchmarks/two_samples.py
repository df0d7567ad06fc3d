"""Two data sets: bias, error and seconds beside the packages that estimate divergences from data.

Prints a table and returns it. The truth of a pair is the mean of exact log ratios over two million
draws. The peers are installed by ``pip install universal-divergence infomeasure divergence``;
each takes part with some settings, and is judged by the one with the smallest bias over all pairs.
Those that are absent are left out, and said to be.

Run with ``python benchmarks/two_samples.py [points] [repetitions]``.
"""

from __future__ import annotations

import importlib
import math
import sys
import time

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from numpy.typing import NDArray
from torch.distributions import (
    Beta,
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

import kldiv

__all__ = ["Row", "main", "pairs", "summary", "truth"]

Array = NDArray[np.float64]
Method = Callable[..., float]

_DRAWS = 2_000_000
_LOT = 200_000
_SLOW = 300  # points, beyond which the adaptive choice of universal-divergence takes seconds


@dataclass(frozen=True)
class Row:
    """One method on one pair.

    Arguments:
        bias: The mean of value - truth.
        rms: The root of the mean of its square.
        seconds: The time of one call.
        covered: The share of values within their error; ``None`` where there is no error.
    """

    bias: float
    rms: float
    seconds: float
    covered: float | None = None


def pairs() -> dict[str, tuple[Distribution, Distribution]]:
    """The pairs by name: normal ones in 1 to 20 dimensions, then others."""
    number = lambda *values: (torch.tensor(value, dtype=torch.float64) for value in values)
    make = lambda kind, *values: kind(*number(*values))
    exponentials = make(Exponential, 1.0), make(Exponential, 0.6)
    gammas = make(Gamma, 3.0, 1.0), make(Gamma, 2.0, 0.7)
    lognormals = make(LogNormal, 0.0, 0.9), make(LogNormal, 0.4, 1.1)
    laplaces = make(Laplace, 0.0, 1.0), make(Laplace, 0.4, 1.2)
    betas = make(Beta, 2.0, 5.0), make(Beta, 3.0, 3.0)
    return {
        "normal, d=1": (make(Normal, 0.0, 1.0), make(Normal, 1.0, 1.5)),
        **{f"normal, d={d}": _normals(d) for d in (2, 5, 10, 20)},
        "exponential, d=1": exponentials,
        "exponential, d=5": _power(exponentials, 5),
        "gamma, d=1": gammas,
        "gamma, d=3": _power(gammas, 3),
        "lognormal, d=1": lognormals,
        "lognormal, d=4": _power(lognormals, 4),
        "Laplace, d=1": laplaces,
        "Laplace, d=2": _power(laplaces, 2),
        "Laplace, d=5": _power(laplaces, 5),
        "Laplace, d=10": _power(laplaces, 10),
        "beta, d=1": betas,
        "beta, d=2": _power(betas, 2),
        "Student-t, d=1": (make(StudentT, 4.0), make(StudentT, 3.0, 1.0, 1.2)),
        "mixture, d=1": _mixtures([[-2.0], [2.0]], 0.7, 2.2),
        "mixture, d=2": _mixtures([[-1.5, 1.0], [1.5, 1.0], [0.0, -1.5]], 0.6, 1.6),
        "mixture, d=5": _mixtures([[-0.8] * 5, [0.8] * 5], 1.0, 1.3),
        "equal, d=3": (_power(laplaces, 3)[0],) * 2,
    }


def _power(pair: tuple[Distribution, ...], count: int) -> tuple[Distribution, Distribution]:
    """Products of independent coordinates."""
    p, q = (Independent(side.expand([count]), 1) for side in pair)
    return p, q


def _normals(count: int) -> tuple[Distribution, Distribution]:
    """Two normal distributions whose axes differ."""
    random = np.random.default_rng(count)
    mixing = torch.from_numpy(random.normal(size=(count, count))) * 0.2 / math.sqrt(count)
    root = torch.eye(count, dtype=torch.float64) + mixing
    zero = torch.zeros(count, dtype=torch.float64)
    p = MultivariateNormal(zero, root @ root.T)
    return p, MultivariateNormal(
        zero + 0.8 / math.sqrt(count), 1.3 * torch.eye(count, dtype=torch.float64)
    )


def _mixtures(
    centres: list[list[float]], scale: float, spread: float
) -> tuple[Distribution, Distribution]:
    """Equal normal distributions around centres, and a wide normal distribution."""
    places = torch.tensor(centres, dtype=torch.float64)
    parts = Independent(Normal(places, scale), 1)
    p = MixtureSameFamily(Categorical(torch.ones(len(centres), dtype=torch.float64)), parts)
    return p, Independent(Normal(torch.zeros_like(places[0]), spread), 1)


def truth(p: Distribution, q: Distribution) -> float:
    """The Kullback-Leibler divergence, to about a thousandth of the spread of log ratios."""
    torch.manual_seed(0)
    lots = [p.sample((_LOT,)) for _ in range(_DRAWS // _LOT)]
    return float(torch.stack([(p.log_prob(x) - q.log_prob(x)).mean() for x in lots]).mean())


def _peers(points: int) -> dict[str, Method]:
    """The packages with their settings, but those that take too long."""
    found: dict[str, Method] = {}
    for package, settings, estimate in (
        ("universal_divergence", (None, 1, 5, 10), lambda module: module.estimate),
        ("infomeasure", (2, 4, 10), lambda module: partial(module.kld, approach="metric")),
        ("divergence", (2, 5, 10), lambda module: module.knn_kl_divergence),
    ):
        try:
            method = estimate(importlib.import_module(package))
        except ImportError:
            print(f"{package} is not installed")
            continue
        for k in settings:
            if k is not None or points <= _SLOW:
                found[f"{package}, k={k}"] = partial(method, k=k)
    return found


def _samples(p: Distribution, q: Distribution, points: int, seed: int) -> tuple[Array, Array]:
    torch.manual_seed(seed)
    x, y = (side.sample((points,)).reshape(points, -1).numpy() for side in (p, q))
    return x, y


def _peer_row(method: Method, data: list[tuple[Array, Array]], true: float) -> Row:
    begin = time.perf_counter()
    off = np.array([method(x, y) for x, y in data]) - true
    seconds = (time.perf_counter() - begin) / len(data)
    return Row(float(off.mean()), float(np.sqrt((off**2).mean())), seconds)


def _own_row(data: list[tuple[Array, Array]], true: float) -> Row:
    begin = time.perf_counter()
    found = [kldiv.divergence(x, y, seed=seed) for seed, (x, y) in enumerate(data)]
    seconds = (time.perf_counter() - begin) / len(data)
    off = np.array([float(each) - true for each in found])
    covered = float(np.mean(np.abs(off) <= [float(each.error) for each in found]))
    return Row(off.mean(), float(np.sqrt((off**2).mean())), seconds, covered)


def main(points: int = 1000, repetitions: int = 10) -> dict[str, dict[str, Row]]:
    """The rows by pair and method.

    Arguments:
        points: The points of each data set.
        repetitions: How many pairs of data sets.
    """
    peers = _peers(points)
    table: dict[str, dict[str, Row]] = {}
    for name, (p, q) in pairs().items():
        true = truth(p, q)
        data = [_samples(p, q, points, seed) for seed in range(repetitions)]
        rows = {"kldiv": _own_row(data, true)}
        rows |= {peer: _peer_row(method, data, true) for peer, method in peers.items()}
        table[name] = rows
        print(f"\n{name}: {true:.4f}", flush=True)
        for method, row in rows.items():
            covered = "" if row.covered is None else f", within error {row.covered:.0%}"
            print(
                f"  {method:28} {row.bias:+.4f}, rms {row.rms:.4f}, {row.seconds:.2g} s{covered}"
            )
    summary(table)
    return table


def summary(table: dict[str, dict[str, Row]]) -> dict[str, dict[str, float]]:
    """Means over the pairs, and the number of pairs on which the bias of kldiv is smaller."""
    found = {}
    print(f"\n{'mean of':28} |bias|      rms   kldiv nearer")
    for method in next(iter(table.values())):
        rows = [each[method] for each in table.values()]
        nearer = sum(abs(each["kldiv"].bias) < abs(each[method].bias) for each in table.values())
        found[method] = {
            "bias": float(np.mean([abs(row.bias) for row in rows])),
            "rms": float(np.mean([row.rms for row in rows])),
            "nearer": nearer / len(rows),
        }
        means = found[method]
        print(f"{method:28} {means['bias']:.4f}   {means['rms']:.4f}   {nearer} of {len(rows)}")
    return found


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
