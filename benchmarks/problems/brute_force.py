"""Optima by brute force: sums over grids, descents from everywhere, nothing of kldiv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scipy.optimize import minimize

from benchmarks.problems.shared import Array

__all__ = ["Optimum", "lowest", "minima", "normal_on_a_line"]

STARTS = 100
Objective = Callable[[Array], float]
LogDensity = Callable[[Array], Array]


@dataclass(frozen=True)
class Optimum:
    """A local minimum: its value, the parameters, and the share of the starts that led there."""

    value: float
    parameters: dict[str, Array]
    share: float = 1.0


def lowest(objective: Objective, start: Array) -> tuple[float, Array]:
    """Where a descent ends, to the last digits."""
    found = minimize(objective, start, method="BFGS", options={"gtol": 1e-9})
    exact = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000, "maxfev": 4000}
    end = minimize(objective, found.x, method="Nelder-Mead", options=exact)
    return (float(end.fun), end.x) if end.fun < found.fun else (float(found.fun), found.x)


def minima(
    rough: Objective,
    exact: Objective,
    starts: Sequence[Array],
    name: Callable[[Array], dict[str, Array]],
) -> list[Optimum]:
    """The distinct minima where descents of a rough objective end, polished on an exact one."""
    groups: list[list[Array]] = []
    for start in starts:
        end = minimize(rough, start, method="BFGS", options={"gtol": 1e-6}).x
        near = (group for group in groups if np.allclose(group[0], end, atol=1e-2))
        home = next(near, None)
        groups.append([end]) if home is None else home.append(end)
    found: list[Optimum] = []
    for group in groups:
        value, theta = lowest(exact, group[0])
        if np.isfinite(value) and np.allclose(theta, group[0], atol=0.05):
            found.append(Optimum(value, name(theta), len(group) / len(starts)))
    return sorted(found, key=lambda each: each.value)


def _log_normal(x: Array, theta: Array) -> Array:
    away = (x - theta[0]) * np.exp(-theta[1])
    value: Array = -0.5 * away**2 - theta[1] - 0.5 * np.log(2 * np.pi)
    return value


def _divergence(name: str, order: float, p: Array, q: Array, step: float) -> float:  # noqa: C901
    """A divergence of two log densities on a grid."""
    with np.errstate(all="ignore"):
        match name:
            case "kl":
                terms = np.exp(p) * (p - q)
                return float(terms.sum() * step)
            case "alpha":
                total = np.exp(order * p + (1 - order) * q).sum() * step
                return float((total - 1) / (order * (order - 1)))
            case "jensen_shannon":
                m = np.logaddexp(p, q) - np.log(2)
                terms = np.exp(p) * (p - m) + np.exp(q) * (q - m)
                return float(0.5 * terms.sum() * step)
            case "squared_hellinger":
                return float(1 - np.exp((p + q) / 2).sum() * step)
            case "chi2":
                return float(np.exp(2 * p - q).sum() * step - 1)
            case "total_variation":
                return float(0.5 * np.abs(np.exp(p) - np.exp(q)).sum() * step)
            case "squared_l2":
                return float(np.square(np.exp(p) - np.exp(q)).sum() * step)
            case "cosine":
                first, second, both = (np.exp(each).sum() for each in (2 * p, 2 * q, p + q))
                return float(1 - both / np.sqrt(first * second))
    raise ValueError(name)


def normal_on_a_line(
    log_density: LogDensity,
    mean: float,
    scale: float,
    divergence: str,
    order: float = 0.0,
    *,
    least: float = 0.3,
    start: Array | None = None,
) -> list[Optimum]:
    """The normal distributions nearest to a density of a mean and a scale.

    Descents begin everywhere, or one begins at a location and the logarithm of a scale.
    """

    def on(count: int) -> Objective:
        if divergence == "reverse kl":
            z = np.linspace(-9, 9, count)
            w = np.exp(-0.5 * z**2)
            w /= w.sum()

            def value(theta: Array) -> float:
                x = theta[0] + np.exp(theta[1]) * z
                entropy = theta[1] + 0.5 * np.log(2 * np.pi * np.e)
                return float(-w @ log_density(x) - entropy)

            return value
        x = np.linspace(mean - 14 * scale, mean + 14 * scale, count)
        p, step = log_density(x), x[1] - x[0]

        def value(theta: Array) -> float:
            found = _divergence(divergence, order, p, _log_normal(x, theta), step)
            return found if np.isfinite(found) and theta[1] < np.log(3 * scale) else 1e6

        return value

    name = lambda theta: {"loc": np.array(theta[0]), "scale": np.array(np.exp(theta[1]))}
    exact = on(40_001)
    if start is not None:
        value, theta = lowest(exact, start)
        return [Optimum(value, name(theta), 0.0)]
    random = np.random.default_rng(0)
    low, high = np.log(least / 2), np.log(1.5 * scale)
    starts = [
        np.array([random.normal(mean, 1.5 * scale), random.uniform(low, high)])
        for _ in range(STARTS)
    ]
    return minima(on(801), exact, starts, name)
