"""Two data sets: bias, error and seconds beside the packages that estimate divergences from data.

Prints a table and returns it. The truth of a pair is the mean of exact log ratios over two million
draws. The bias is the mean of what a value is above 1 + the mean of log r at the points of p - the
mean of r at those of q, with the exact ratio r = p/q. The mean of that is the truth, and for many
points no regular estimator varies less: the noise that is left is the estimator's own.

The peers are installed by ``pip install universal-divergence infomeasure divergence``; each takes
part with some settings, and is judged by the one with the smallest bias over all pairs. Those
that are absent are left out, and said to be.

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

__all__ = ["Row", "main", "pairs", "truth"]

Array = NDArray[np.float64]
Method = Callable[..., object]
Table = dict[str, dict[str, "Row"]]

_DRAWS = 2_000_000
_LOT = 200_000
_SLOW = 300  # points, beyond which the adaptive choice of universal-divergence takes seconds


@dataclass(frozen=True)
class Row:
    """One method on one pair.

    Arguments:
        bias: The mean of the value, less what the exact ratios at the same points give.
        doubt: The standard error of it.
        rms: The root of the mean square of value - truth.
        seconds: The time of one call.
        covered: The share of values within their error; ``None`` where there is no error.
        width: The median error, in units of the median of ``|value - truth|``.
    """

    bias: float
    doubt: float
    rms: float
    seconds: float
    covered: float | None = None
    width: float | None = None


@dataclass(frozen=True)
class _Data:
    """Samples of one pair, and what is known of them."""

    truth: float
    samples: list[tuple[Array, Array]]
    exact: Array  # what the exact ratios at the points give

    @classmethod
    def drawn(cls, p: Distribution, q: Distribution, points: int, repetitions: int) -> _Data:
        samples, exact = [], []
        for seed in range(repetitions):
            torch.manual_seed(seed)
            x, y = p.sample((points,)), q.sample((points,))
            samples.append((x.reshape(points, -1).numpy(), y.reshape(points, -1).numpy()))
            at_p, at_q = (p.log_prob(each) - q.log_prob(each) for each in (x, y))
            exact.append(float(1 + at_p.mean() - at_q.exp().mean()))
        return cls(truth(p, q), samples, np.array(exact))

    def row(self, method: Method) -> Row:
        begin = time.perf_counter()
        found = [method(x, y) for x, y in self.samples]
        seconds = (time.perf_counter() - begin) / len(found)
        values = np.array([float(each) for each in found])
        above, off = values - self.exact, np.abs(values - self.truth)
        numbers = (
            float(above.mean()),
            float(above.std(ddof=1) / math.sqrt(len(above))),
            float(np.sqrt((off**2).mean())),
            seconds,
        )
        if not isinstance(found[0], kldiv.Estimate):
            return Row(*numbers)
        errors = np.array([float(each.error) for each in found])
        width = float(np.median(errors) / np.median(off)) if off.any() else math.inf
        return Row(*numbers, float(np.mean(off <= errors)), width)


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


def _judged(table: Table) -> list[str]:
    """The setting of each package with the smallest bias over all pairs."""
    methods = [method for method in next(iter(table.values())) if method != "kldiv"]
    bias = {
        method: _mean([abs(rows[method].bias) for rows in table.values()]) for method in methods
    }
    packages = dict.fromkeys(method.split(",")[0] for method in methods)
    return [
        min((each for each in methods if each.startswith(package + ",")), key=bias.__getitem__)
        for package in packages
    ]


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _line(name: str, rows: dict[str, Row], peers: list[str]) -> str:
    own = rows["kldiv"]
    best = min((abs(rows[peer].bias) for peer in peers), default=math.nan)
    cells = "".join(f" {rows[peer].bias:+9.4f} {rows[peer].seconds:6.3f}" for peer in peers)
    return (
        f"{name:17} {own.bias:+8.4f} ±{own.doubt:.4f} {own.seconds:6.2f} {own.covered:6.0%}"
        f" {own.width:6.1f}{cells} {abs(own.bias) / best:8.2f}"
    )


def _show(table: Table) -> None:
    """The table: bias and seconds of each, the share within the error, and the ratio of biases."""
    peers = _judged(table)
    names = "".join(f" {peer.replace('universal_divergence', 'universal'):>16}" for peer in peers)
    print(f"\n{'bias, seconds':17} {'kldiv':>17} {'s':>5} within  width{names}    ratio")
    for name, rows in table.items():
        print(_line(name, rows, peers))
    for method in ("kldiv", *peers):
        rows = [each[method] for each in table.values()]
        nearer = sum(abs(each["kldiv"].bias) < abs(each[method].bias) for each in table.values())
        print(
            f"{method:28} mean |bias| {_mean([abs(row.bias) for row in rows]):.4f}, "
            f"mean rms {_mean([row.rms for row in rows]):.4f}; kldiv nearer on {nearer} pairs"
        )


def main(points: int = 1000, repetitions: int = 20) -> Table:
    """The rows by pair and method.

    Arguments:
        points: The points of each data set.
        repetitions: How many pairs of data sets.
    """
    methods = {"kldiv": kldiv.divergence, **_peers(points)}
    table: Table = {}
    for name, (p, q) in pairs().items():
        data = _Data.drawn(p, q, points, repetitions)
        table[name] = {method: data.row(program) for method, program in methods.items()}
        print(f"{name}: {data.truth:.4f}", flush=True)
    _show(table)
    return table


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
