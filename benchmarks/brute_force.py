"""Fits by brute force: an objective on many nodes, minimised from many starts, in numpy and scipy.

Nothing here uses kldiv: it is what `benchmarks.unseen_fits` compares kldiv with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["Minimum", "crossings_of", "divergence_on", "minima_of", "nodes_around"]

Array = NDArray[np.float64]
Objective = Callable[[Array], float]


@dataclass(frozen=True)
class Minimum:
    """A local minimum.

    Arguments:
        at: Where.
        value: How low.
        share: That of the starts that end in it.
        proper: Whether the objective rises in every direction, inside the bounds.
    """

    at: Array
    value: float
    share: float
    proper: bool


def nodes_around(centres: Array, scales: Array) -> tuple[Array, Array]:
    """Nodes that resolve bumps and all in between and far around, with trapezium weights."""
    low, high = (centres - 12 * scales).min(), (centres + 12 * scales).max()
    width = high - low
    tail = width * np.geomspace(1e-3, 30, 1500)
    fine = [np.linspace(c - 9 * s, c + 9 * s, 3001) for c, s in zip(centres, scales, strict=True)]
    x = np.unique(np.concatenate([*fine, np.linspace(low, high, 6001), low - tail, high + tail]))
    gaps = np.diff(x)
    weights = np.zeros_like(x)
    weights[1:] += gaps / 2
    weights[:-1] += gaps / 2
    return x, weights


def divergence_on(name: str, order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    """A divergence of densities known on nodes; ``order`` is that of ``"alpha"``."""
    return _FORMULAS[name](order, log_p, log_q, weights)


def _power_integral(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return float(weights @ np.exp(np.minimum(order * log_p + (1 - order) * log_q, 600)))


def _kl(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return float(weights @ (np.exp(log_p) * (log_p - log_q)))


def _alpha(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return (_power_integral(order, log_p, log_q, weights) - 1) / (order * (order - 1))


def _chi2(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return _power_integral(2.0, log_p, log_q, weights) - 1


def _jensen_shannon(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    middle = np.logaddexp(log_p, log_q) - np.log(2)
    return (_kl(order, log_p, middle, weights) + _kl(order, log_q, middle, weights)) / 2


def _squared_hellinger(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return float(weights @ (np.exp(log_p / 2) - np.exp(log_q / 2)) ** 2) / 2


def _squared_l2(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    return float(weights @ (np.exp(log_p) - np.exp(log_q)) ** 2)


def _cosine(order: float, log_p: Array, log_q: Array, weights: Array) -> float:
    p, q = np.exp(log_p), np.exp(log_q)
    return 1 - float(weights @ (p * q) / np.sqrt((weights @ p**2) * (weights @ q**2) + 1e-300))


_FORMULAS = {
    "alpha": _alpha,
    "chi2": _chi2,
    "cosine": _cosine,
    "jensen_shannon": _jensen_shannon,
    "kl": _kl,
    "squared_hellinger": _squared_hellinger,
    "squared_l2": _squared_l2,
}


def crossings_of(x: Array, difference: Array) -> Array:
    """Where a function known on nodes changes its sign, by straight lines between them."""
    (left,) = np.nonzero(np.diff(np.sign(difference)))
    low, high = difference[left], difference[left + 1]
    return np.asarray(x[left] + (x[left + 1] - x[left]) * low / (low - high))


def minima_of(
    objective: Objective, starts: Array, bounds: list[tuple[float, float]]
) -> list[Minimum]:
    """The distinct ends of the starts, lowest first."""
    found: list[tuple[Array, float, int]] = []
    for start in starts:
        end = minimize(objective, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15})
        at, value = end.x, float(end.fun)
        for k, (other, lowest, count) in enumerate(found):
            if np.abs(at - other).max() < 1e-2:
                better = (at, value) if value < lowest else (other, lowest)
                found[k] = (*better, count + 1)
                break
        else:
            found.append((at, value, 1))
    polished = [(*_polished(objective, at), count) for at, _, count in found]
    minima = [
        Minimum(
            at,
            value,
            count / len(starts),
            proper=_inside(at, bounds) and _is_minimum(objective, at, value),
        )
        for at, value, count in polished
    ]
    return sorted(minima, key=lambda minimum: minimum.value)


def _polished(objective: Objective, at: Array) -> tuple[Array, float]:
    end = minimize(
        objective,
        at,
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-14, "maxiter": 400},
    )
    return end.x, float(end.fun)


def _inside(at: Array, bounds: list[tuple[float, float]]) -> bool:
    return all(
        low + 1e-3 * (high - low) < x < high - 1e-3 * (high - low)
        for x, (low, high) in zip(at, bounds, strict=True)
    )


def _is_minimum(objective: Objective, at: Array, value: float, step: float = 0.02) -> bool:
    """Whether the objective rises in every direction from here, by more than rounding."""
    axes = list(np.eye(len(at)))
    between = [(a + sign * b) / 2**0.5 for a, b in combinations(axes, 2) for sign in (-1, 1)]
    return all(
        objective(at + sign * step * way) > value + 1e-7 * max(1.0, abs(value))
        for way in axes + between
        for sign in (-1, 1)
    )
