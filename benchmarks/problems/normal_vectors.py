"""Correlated normal targets in many dimensions, of condition numbers between 500 and 1700."""

from __future__ import annotations

import math

from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.problems.shared import Array, LogDensity, Problem, matrix_of

__all__ = ["moments", "normal_vector"]


@lru_cache
def moments(size: int) -> tuple[Array, Array, Array]:
    """Mean, covariance and precision."""
    random = np.random.default_rng(7)
    mean, index = random.standard_normal(size), np.arange(size)
    scales = random.permutation(np.exp(np.linspace(math.log(0.5), math.log(2), size)))
    covariance = scales[:, None] * 0.9 ** np.abs(index[:, None] - index) * scales
    precision = np.linalg.inv(covariance)
    return mean, covariance, (precision + precision.T) / 2


def normal_vector(size: int) -> Problem:
    """The target of a dimension."""
    mean, covariance, precision = moments(size)
    log_volume = float(np.linalg.slogdet(covariance)[1])
    diagonal = np.diag(precision)
    least = 0.5 * (float(np.log(diagonal).sum()) + log_volume)

    def log_density(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401 (torch or jax.numpy)
        dtype = getattr(xp, kind)
        center, matrix = (xp.asarray(each, dtype=dtype) for each in (mean, precision))

        def value(x: Any) -> Any:  # noqa: ANN401
            shift = x - center
            return -0.5 * ((shift @ matrix) * shift).sum(-1)

        return value

    def excess(center: Array, scale: Array, full: bool) -> float:
        root = matrix_of(scale)
        shift = center - mean
        spread = float(((precision @ root) * root).sum())
        log_det = 2 * float(np.log(np.abs(np.diag(root))).sum())
        value = 0.5 * (spread + shift @ precision @ shift - size - log_det + log_volume)
        return float(value - (0.0 if full else least))

    return Problem(f"normal vector, d = {size}", size, log_density, excess)
