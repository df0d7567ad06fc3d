"""Many mixtures of two normal distributions on a line, for one normal distribution each."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.problems.shared import Array

__all__ = ["descended", "logs_at", "mixtures", "objective"]

_Z = np.linspace(-8, 8, 201)
_W = np.exp(-0.5 * _Z**2)
_W /= _W.sum()


def mixtures(count: int) -> tuple[Array, Array, Array]:
    """Weights, means and scales, each with shape (count, 2)."""
    random = np.random.default_rng(0)
    first = 0.2 + 0.6 * random.random((count, 1))
    weights = np.concatenate([first, 1 - first], 1)
    return weights, 2 * random.standard_normal((count, 2)), 0.5 + random.random((count, 2))


def logs_at(x: Array, parts: tuple[Array, Array, Array]) -> Array:
    """The log densities at points of shape (N, K)."""
    weights, means, scales = (each[:, None, :] for each in parts)
    logs = np.log(weights / scales) - 0.5 * ((x[..., None] - means) / scales) ** 2
    return np.logaddexp(logs[..., 0], logs[..., 1]) - 0.5 * math.log(2 * math.pi)


def objective(mean: Array, scale: Array, parts: tuple[Array, Array, Array]) -> Array:
    """What the fits make small, up to a constant."""
    found: Array = np.empty(len(mean))
    for low in range(0, len(mean), 4096):
        own = slice(low, low + 4096)
        x = mean[own, None] + scale[own, None] * _Z
        found[own] = -logs_at(x, tuple(each[own] for each in parts)) @ _W - np.log(scale[own])
    return found


def descended(
    index: int, parts: tuple[Array, Array, Array], count: int = 32
) -> tuple[float, float]:
    """One problem by scipy's L-BFGS from a standard normal, on some nodes, derived by hand."""
    from scipy.optimize import minimize

    weights, means, scales = (each[index] for each in parts)
    logs = np.log(weights / scales)
    nodes = np.linspace(-6, 6, count)
    shares = np.exp(-0.5 * nodes**2)
    shares /= shares.sum()
    along = shares * nodes

    def value_and_slope(theta: Array) -> tuple[float, Array]:
        scale = math.exp(theta[1])
        away = (theta[0] + scale * nodes[:, None] - means) / scales
        parts = logs - 0.5 * away**2
        top = parts.max(1)
        shape = np.exp(parts - top[:, None])
        total = shape.sum(1)
        slope = -(shape * away / scales).sum(1) / total
        value = -(shares @ (top + np.log(total))) - theta[1]
        return value, np.array([-(shares @ slope), -scale * (along @ slope) - 1])

    options = {"ftol": 1e-12, "gtol": 1e-7}
    end = minimize(value_and_slope, np.zeros(2), jac=True, method="L-BFGS-B", options=options).x
    return float(end[0]), math.exp(end[1])
