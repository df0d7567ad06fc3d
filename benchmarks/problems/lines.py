"""Mixtures of two normal distributions on a line, and a normal one in the plane."""

from __future__ import annotations

import math

from typing import Any

import numpy as np

from benchmarks.problems.shared import Array, LogDensity, Problem

__all__ = ["COVARIANCE", "LINES", "MIXTURES", "plane_excess"]

MIXTURES = {
    "A1": ((0.5, 0.5), (-5.0, 10.0), (1.0, 1.0)),
    "A2": ((0.35, 0.65), (-2.0, 2.0), (0.8, 1.0)),
}
_LEAST = {"A1": 0.6931471805598015, "A2": 0.2967323292009687}
_HALF_LOG = 0.5 * math.log(2 * math.pi)
_Z = np.linspace(-10, 10, 2001)
_W = np.exp(-0.5 * _Z**2) / math.sqrt(2 * math.pi) * (_Z[1] - _Z[0])
COVARIANCE = np.array([[0.9, -0.7], [-0.7, 0.9]])
_PRECISION = np.linalg.inv(COVARIANCE)


def _mixture(name: str) -> Problem:
    weights, means, scales = (np.array(each) for each in MIXTURES[name])

    def log_density(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401 (torch or jax.numpy)
        logs = [float(each) for each in np.log(weights) - np.log(scales) - _HALF_LOG]

        def parts(x: Any) -> list[Any]:  # noqa: ANN401
            return [
                log - 0.5 * ((x - mean) / scale) ** 2
                for log, mean, scale in zip(logs, means.tolist(), scales.tolist(), strict=True)
            ]

        return lambda x: xp.logaddexp(*parts(x))

    def excess(mean: Array, scale: Array, full: bool) -> float:
        location, spread = float(np.ravel(mean)[0]), abs(float(np.ravel(scale)[0]))
        averaged = log_density(np, "float64")(location + spread * _Z) @ _W
        return float(-_HALF_LOG - 0.5 - math.log(spread) - averaged) - _LEAST[name]

    return Problem(name, 1, log_density, excess)


def plane_excess(mean: Array, variance: float, *, forward: bool) -> float:
    """Nats above the isotropic optimum, onto the correlated normal distribution in the plane."""
    if forward:
        shift = float(mean @ mean)
        return 0.5 * ((1.8 + shift) / variance - 2 + 2 * math.log(variance / 0.9))
    trace = float(np.trace(_PRECISION))
    shift = float(mean @ _PRECISION @ mean)
    return 0.5 * (variance * trace + shift - 2 * math.log(variance) - 2 + 2 * math.log(2 / trace))


def _plane() -> Problem:
    def log_density(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
        (a, b), (_, c) = _PRECISION.tolist()
        return lambda x: (
            -0.5 * (a * x[..., 0] ** 2 + c * x[..., 1] ** 2) - b * x[..., 0] * x[..., 1]
        )

    def excess(mean: Array, scale: Array, full: bool) -> float:
        return plane_excess(mean, float(np.ravel(scale)[0]) ** 2, forward=False)

    return Problem("B", 2, log_density, excess)


LINES = {"A1": _mixture("A1"), "A2": _mixture("A2"), "B": _plane()}
