r"""The mean log density of a posterior under a normal distribution, from mean and root.

It is exact, or an integral on a line, for six of them. For the others it is an average over points
that stay the same: nodes in three dimensions, and else draws in pairs of opposite ones, made to
have the covariance of a standard normal. Two members that are near each other are off by almost
the same, so that the difference of their averages is that of their means.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks.problems.densities import EFFECTS, ERRORS, counts, signed_design
from benchmarks.problems.shared import Array, LogDensity, hermite

__all__ = [
    "Energy",
    "averaged",
    "of_banana",
    "of_centred_schools",
    "of_counts",
    "of_funnel",
    "of_logistic",
    "of_schools",
    "whitened",
]

Energy = Callable[[Array, Array], float]
_MANY, _SOME = hermite(80), hermite(32)
_DRAWS, _EACH, _NODES = 2048, 80, 8  # at least, and for each coordinate; on each axis


def of_banana(mean: Array, root: Array) -> float:
    """The second coordinate given the first in closed form, the first by nodes."""
    covariance, (z, w) = root @ root.T, _MANY
    first = mean[0] + covariance[0, 0] ** 0.5 * z
    slope = covariance[1, 0] / covariance[0, 0]
    second = mean[1] + slope * (first - mean[0])
    left = covariance[1, 1] - slope * covariance[1, 0]
    return float(w @ (-0.5 * first**2 - 2.0 * ((second - 0.5 * first**2) ** 2 + left)))


def of_funnel(mean: Array, root: Array) -> float:
    """In closed form."""
    covariance = root @ root.T
    neck, variance = mean[0], covariance[0, 0]
    rest = ((mean[1:] - covariance[1:, 0]) ** 2 + np.diag(covariance)[1:]).sum()
    return float(
        -(neck**2 + variance) / 18 - 4.5 * neck - 0.5 * rest * math.exp(variance / 2 - neck)
    )


def of_schools(mean: Array, root: Array) -> float:
    """All given the spread in closed form, the spread by nodes."""
    covariance, (z, w) = root @ root.T, _MANY
    variance = covariance[1, 1]
    log_spread = mean[1] + variance**0.5 * z
    spread, moved = np.exp(log_spread), log_spread - mean[1]
    slopes = covariance[:, 1] / variance
    center, own = mean[0] + slopes[0] * moved, mean[2:, None] + slopes[2:, None] * moved
    left = covariance - np.outer(slopes, covariance[1])
    noise = left[0, 0] + 2 * spread * left[2:, :1] + spread**2 * np.diag(left)[2:, None]
    misfit = (
        ((EFFECTS[:, None] - center - spread * own) ** 2 + noise) / ERRORS[:, None] ** 2
    ).sum(0)
    standard = -0.5 * float((mean[2:] ** 2 + np.diag(covariance)[2:]).sum())
    return float(_hyperprior(mean, covariance) + standard - 0.5 * (w @ misfit))


def of_centred_schools(mean: Array, root: Array) -> float:
    """In closed form but for the prior of the spread."""
    covariance = root @ root.T
    spread = covariance[1, 1]
    tilted = mean[2:] - mean[0] - 2 * (covariance[2:, 1] - covariance[0, 1])
    own = np.diag(covariance)[2:] - 2 * covariance[2:, 0] + covariance[0, 0]
    away = math.exp(2 * spread - 2 * mean[1]) * float((tilted**2 + own).sum())
    misfit = ((EFFECTS - mean[2:]) ** 2 + np.diag(covariance)[2:]) / ERRORS**2
    return float(_hyperprior(mean, covariance) - 8 * mean[1] - 0.5 * (away + misfit.sum()))


def of_logistic(mean: Array, root: Array) -> float:
    """An integral on a line for each answer."""
    z, w = _SOME
    design = signed_design()
    spread = np.sqrt(((design @ root) ** 2).sum(1))
    away = -((design @ mean)[:, None] + spread[:, None] * z)
    return float(-0.5 * (mean @ mean + (root**2).sum()) - (np.logaddexp(0, away) @ w).sum())


def of_counts(mean: Array, root: Array) -> float:
    """In closed form."""
    rows, seen = counts()
    rates = rows @ mean
    likely = seen @ rates - np.exp(rates + 0.5 * ((rows @ root) ** 2).sum(1)).sum()
    return float(likely - (mean @ mean + (root**2).sum()) / 12.5)


def averaged(density: Callable[[Any, str], LogDensity], size: int) -> Energy:
    """The average over points that stay the same."""
    value = density(np, "float64")

    def energy(mean: Array, root: Array) -> float:
        points, weights = _points(size)
        return float(weights @ value(mean + points @ root.T))

    return energy


def whitened(count: int, size: int, seed: int) -> Array:
    """Standard normal draws with their opposites, whose covariance is the identity."""
    half = np.random.default_rng(seed).standard_normal((count // 2, size))
    half = np.linalg.solve(np.linalg.cholesky(half.T @ half / len(half)), half.T).T
    return np.concatenate([half, -half])


@cache
def _points(size: int) -> tuple[Array, Array]:
    if size > 3:
        count = max(_DRAWS, _EACH * size)
        return whitened(count, size, 777), np.full(count, 1 / count)
    z, w = hermite(_NODES)
    grids = [np.stack(np.meshgrid(*(each,) * size), -1).reshape(-1, size) for each in (z, w)]
    return grids[0], grids[1].prod(-1)


def _hyperprior(mean: Array, covariance: Array) -> float:
    """The mean of the prior of a common mean and a logarithmic spread."""
    z, w = _MANY
    log_spread = mean[1] + covariance[1, 1] ** 0.5 * z
    heavy = w @ np.log1p(np.exp(2 * log_spread) / 25)
    return float(mean[1] - (mean[0] ** 2 + covariance[0, 0]) / 50 - heavy)
