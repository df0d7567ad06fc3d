"""Four small posteriors, and the exact evidence bound of every normal distribution for them."""

from __future__ import annotations

import math

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problems.shared import Array, LogDensity, Problem, hermite, matrix_of

__all__ = ["DESIGN", "POSTERIORS"]

EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
_MANY, _SOME = hermite(80), hermite(32)
_BEST = {
    ("banana", False): 0.8268260139952436,
    ("banana", True): 0.8268260139952436,
    ("funnel", False): 8.425150907096508,
    ("funnel", True): 8.425150907096508,
    ("schools", False): 7.66430850470452,
    ("schools", True): 7.727601639472878,
    ("logistic", False): -183.58229796428998,
    ("logistic", True): -181.98022495341507,
}


def _signed_design() -> Array:
    """The rows of a logistic regression, 500 x 21, times their labels."""
    random = np.random.default_rng(11)
    points = random.standard_normal((500, 20))
    mixing = np.eye(20) + 0.3 * random.standard_normal((20, 20)) / math.sqrt(20)
    rows = np.concatenate([np.ones((500, 1)), points @ mixing], 1)
    truth = random.standard_normal(21) * 0.7
    labels = np.where(random.random(500) < 1 / (1 + np.exp(-rows @ truth)), 1.0, -1.0)
    return rows * labels[:, None]


DESIGN = _signed_design()


def _banana(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401 (torch or jax.numpy)
    def value(x: Any) -> Any:  # noqa: ANN401
        return -0.5 * x[..., 0] ** 2 - 2.0 * (x[..., 1] - 0.5 * x[..., 0] ** 2) ** 2

    return value


def _funnel(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    def value(x: Any) -> Any:  # noqa: ANN401
        neck, rest = x[..., 0], (x[..., 1:] ** 2).sum(-1)
        return -(neck**2) / 18 - 4.5 * neck - 0.5 * rest * xp.exp(-neck)

    return value


def _schools(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    y, sigma = (xp.asarray(each, dtype=getattr(xp, kind)) for each in (EFFECTS, ERRORS))

    def value(x: Any) -> Any:  # noqa: ANN401
        mean, log_spread, own = x[..., 0], x[..., 1], x[..., 2:]
        shown = mean[..., None] + xp.exp(log_spread)[..., None] * own
        prior = -(mean**2) / 50 - xp.log1p(xp.exp(2 * log_spread) / 25) + log_spread
        misfit = (((y - shown) / sigma) ** 2).sum(-1)
        return prior - 0.5 * (own**2).sum(-1) - 0.5 * misfit

    return value


def _logistic(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    design = xp.asarray(-DESIGN.T, dtype=getattr(xp, kind))

    def value(x: Any) -> Any:  # noqa: ANN401
        away = x @ design
        loss = xp.nn.functional.softplus(away) if hasattr(xp, "nn") else xp.logaddexp(away, 0.0)
        return -0.5 * (x**2).sum(-1) - loss.sum(-1)

    return value


def _banana_energy(mean: Array, root: Array) -> float:
    covariance, (z, w) = root @ root.T, _MANY
    first = mean[0] + covariance[0, 0] ** 0.5 * z
    slope = covariance[1, 0] / covariance[0, 0]
    second = mean[1] + slope * (first - mean[0])
    left = covariance[1, 1] - slope * covariance[1, 0]
    return float(w @ (-0.5 * first**2 - 2.0 * ((second - 0.5 * first**2) ** 2 + left)))


def _funnel_energy(mean: Array, root: Array) -> float:
    covariance = root @ root.T
    neck, variance = mean[0], covariance[0, 0]
    rest = ((mean[1:] - covariance[1:, 0]) ** 2 + np.diag(covariance)[1:]).sum()
    return float(
        -(neck**2 + variance) / 18 - 4.5 * neck - 0.5 * rest * math.exp(variance / 2 - neck)
    )


def _schools_energy(mean: Array, root: Array) -> float:
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
    prior = -0.5 * (mean[0] ** 2 + covariance[0, 0]) / 25 + mean[1]
    prior -= 0.5 * float((mean[2:] ** 2 + np.diag(covariance)[2:]).sum())
    return float(prior + w @ (-np.log1p(spread**2 / 25) - 0.5 * misfit))


def _logistic_energy(mean: Array, root: Array) -> float:
    z, w = _SOME
    spread = np.sqrt(((DESIGN @ root) ** 2).sum(1))
    away = -((DESIGN @ mean)[:, None] + spread[:, None] * z)
    return float(-0.5 * (mean @ mean + (root**2).sum()) - (np.logaddexp(0, away) @ w).sum())


def _problem(
    name: str,
    size: int,
    density: Callable[[Any, str], LogDensity],
    energy: Callable[[Array, Array], float],
) -> Problem:
    def excess(mean: Array, scale: Array, full: bool) -> float:
        root = matrix_of(scale)
        entropy = np.log(np.abs(np.diag(root))).sum() + 0.5 * size * (1 + math.log(2 * math.pi))
        return float(_BEST[name, full] - energy(mean, root) - entropy)

    return Problem(name, size, density, excess, start=0.5)


POSTERIORS = {
    "banana": _problem("banana", 2, _banana, _banana_energy),
    "funnel": _problem("funnel", 10, _funnel, _funnel_energy),
    "schools": _problem("schools", 10, _schools, _schools_energy),
    "logistic": _problem("logistic", 21, _logistic, _logistic_energy),
}
