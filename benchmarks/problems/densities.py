r"""Ten posteriors in the manner of posteriordb, as log densities of unconstrained points.

Data are drawn by a fixed seed. Each function takes a module of arrays (torch, jax.numpy or numpy)
and the name of a floating type, and returns a function of points of shape :math:`(*, D)` whose
values have shape :math:`(*)`; constants are left out, Jacobians of positive parameters are not.
"""

from __future__ import annotations

import math

from functools import cache
from typing import Any

import numpy as np

from benchmarks.problems.shared import Array, LogDensity

__all__ = [
    "EFFECTS",
    "ERRORS",
    "banana",
    "centred_schools",
    "counts",
    "funnel",
    "gaussian_process",
    "logistic_regression",
    "mixture",
    "ordinal_regression",
    "poisson_regression",
    "schools",
    "signed_design",
    "stochastic_volatility",
]

EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
_FAR = np.inf  # logits: beyond the first cut and the last there is no probability


def banana(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401 (a module of arrays)
    """A normal bent along a parabola."""

    def value(x: Any) -> Any:  # noqa: ANN401
        return -0.5 * x[..., 0] ** 2 - 2.0 * (x[..., 1] - 0.5 * x[..., 0] ** 2) ** 2

    return value


def funnel(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """Neal's funnel in ten dimensions."""

    def value(x: Any) -> Any:  # noqa: ANN401
        neck, rest = x[..., 0], (x[..., 1:] ** 2).sum(-1)
        return -(neck**2) / 18 - 4.5 * neck - 0.5 * rest * xp.exp(-neck)

    return value


def schools(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """Rubin's eight schools, their coordinates standardised deviations of the effects."""
    y, sigma = _arrays(xp, kind, EFFECTS, ERRORS)

    def value(x: Any) -> Any:  # noqa: ANN401
        mean, log_spread, own = x[..., 0], x[..., 1], x[..., 2:]
        shown = mean[..., None] + xp.exp(log_spread)[..., None] * own
        misfit = (((y - shown) / sigma) ** 2).sum(-1)
        return _hyperprior(xp, mean, log_spread) - 0.5 * (own**2).sum(-1) - 0.5 * misfit

    return value


def centred_schools(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """The same, their coordinates the effects themselves."""
    y, sigma = _arrays(xp, kind, EFFECTS, ERRORS)

    def value(x: Any) -> Any:  # noqa: ANN401
        mean, log_spread, own = x[..., 0], x[..., 1], x[..., 2:]
        away = ((own - mean[..., None]) ** 2).sum(-1) * xp.exp(-2 * log_spread)
        misfit = (((y - own) / sigma) ** 2).sum(-1)
        return _hyperprior(xp, mean, log_spread) - 8 * log_spread - 0.5 * away - 0.5 * misfit

    return value


def logistic_regression(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """500 answers, yes or no, by 20 features and an intercept."""
    (design,) = _arrays(xp, kind, -signed_design().T)

    def value(x: Any) -> Any:  # noqa: ANN401
        return -0.5 * (x**2).sum(-1) - _softplus(xp, x @ design).sum(-1)

    return value


def poisson_regression(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """200 counts by five features and an intercept."""
    rows, seen = counts()
    rows, seen = _arrays(xp, kind, rows.T, seen)

    def value(x: Any) -> Any:  # noqa: ANN401
        rates = x @ rows
        return (seen * rates - xp.exp(rates)).sum(-1) - (x**2).sum(-1) / 12.5

    return value


def gaussian_process(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """Amplitude, length and noise of a process seen at 40 places, by their logarithms."""
    random = np.random.default_rng(13)
    places = np.sort(random.uniform(0, 10, 40))
    seen = np.sin(places) + 0.3 * random.normal(size=40)
    squares = (places[:, None] - places) ** 2
    values, squares, identity = _arrays(xp, kind, seen[:, None], squares, np.eye(40))

    def value(x: Any) -> Any:  # noqa: ANN401
        amplitude, length, noise = (xp.exp(2 * x[..., k, None, None]) for k in range(3))
        kernel = amplitude * xp.exp(-squares / (2 * length))
        root = xp.linalg.cholesky(kernel + (noise + 1e-8 * amplitude) * identity)
        white = _solved(xp, root, values)
        log_root = xp.log(xp.diagonal(root, 0, -2, -1)).sum(-1)
        return -0.5 * (white**2).sum((-2, -1)) - log_root - 0.5 * (x**2).sum(-1)

    return value


def ordinal_regression(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """150 grades from 0 to 4 by three features; four cut points in order."""
    random = np.random.default_rng(15)
    features = random.normal(size=(150, 3))
    hidden = features @ np.array([1.0, -0.5, 0.3]) + random.logistic(size=150)
    grades = xp.asarray(np.digitize(hidden, [-1.5, -0.5, 0.5, 1.5]))
    (rows,) = _arrays(xp, kind, features.T)

    def value(x: Any) -> Any:  # noqa: ANN401
        first, far = x[..., 3:4], xp.zeros_like(x[..., :1]) + _FAR
        cuts = [-far, first, first + xp.exp(x[..., 4:]).cumsum(-1), far]
        ends = xp.concatenate(cuts, -1)
        shift = x[..., :3] @ rows
        below, above = ends[..., grades] - shift, ends[..., grades + 1] - shift
        # log(F(b) - F(a)) of the logistic law
        inner = xp.log1p(-xp.exp(below - above))
        likelihood = inner - _softplus(xp, -above) - _softplus(xp, below)
        return likelihood.sum(-1) - (x**2).sum(-1) / 8

    return value


def mixture(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    """120 numbers from two normals: the lower mean, the gap, both scales and the share."""
    random = np.random.default_rng(16)
    points = np.concatenate([random.normal(-1, 0.7, 50), random.normal(2, 1.2, 70)])
    (numbers,) = _arrays(xp, kind, points)

    def value(x: Any) -> Any:  # noqa: ANN401
        lower, gap, logs, share = x[..., :1], xp.exp(x[..., 1:2]), x[..., 2:4], x[..., 4:]
        away = [numbers - lower, numbers - lower - gap]
        sides = [
            -0.5 * (each * xp.exp(-logs[..., k : k + 1])) ** 2 - logs[..., k : k + 1]
            for k, each in enumerate(away)
        ]
        both = xp.logaddexp(sides[0] - _softplus(xp, -share), sides[1] - _softplus(xp, share))
        return both.sum(-1) - x[..., 0] ** 2 / 18 - 0.5 * (x[..., 1:] ** 2).sum(-1)

    return value


def stochastic_volatility(xp: Any, kind: str) -> LogDensity:  # noqa: ANN401
    r"""100 returns; level, persistence and roughness of their log volatility, and its 100 steps.

    The states :math:`h_k = \phi h_{k-1} + \sigma z_k` are summed over 1, 2, 4, ... steps at once.
    """
    random = np.random.default_rng(14)
    steps, state = random.normal(size=100), np.zeros(100)
    for k in range(100):
        state[k] = (0.95 * state[k - 1] if k else 0.0) + 0.25 * steps[k]
    seen = np.exp((state - 1.0) / 2) * random.normal(size=100)
    (squares,) = _arrays(xp, kind, seen**2)

    def value(x: Any) -> Any:  # noqa: ANN401
        level, logit, log_roughness, noise = x[..., :1], x[..., 1:2], x[..., 2:3], x[..., 3:]
        states, power = xp.exp(log_roughness) * noise, xp.tanh(logit)
        for shift in (1, 2, 4, 8, 16, 32, 64):
            late = xp.concatenate([0 * states[..., :shift], states[..., :-shift]], -1)
            states, power = states + power * late, power**2
        log_variance = level + states
        total = -0.5 * (log_variance + squares * xp.exp(-log_variance)).sum(-1)
        hyper = (level + 1) ** 2 + 4 * (logit - 1.5) ** 2 + 4 * (log_roughness + 1.5) ** 2
        return total - 0.5 * (hyper[..., 0] + (noise**2).sum(-1))

    return value


@cache
def signed_design() -> Array:
    """The rows of the logistic regression, 500 x 21, times their labels."""
    random = np.random.default_rng(11)
    points = random.standard_normal((500, 20))
    mixing = np.eye(20) + 0.3 * random.standard_normal((20, 20)) / math.sqrt(20)
    rows = np.concatenate([np.ones((500, 1)), points @ mixing], 1)
    truth = random.standard_normal(21) * 0.7
    labels = np.where(random.random(500) < 1 / (1 + np.exp(-rows @ truth)), 1.0, -1.0)
    return rows * labels[:, None]


@cache
def counts() -> tuple[Array, Array]:
    """The rows of the Poisson regression, 200 x 6, and its counts."""
    random = np.random.default_rng(12)
    rows = np.column_stack([np.ones(200), random.normal(size=(200, 5))])
    seen = random.poisson(np.exp(rows @ np.array([0.8, 0.3, -0.2, 0.1, 0.4, 0.0])))
    return rows, seen.astype(float)


def _arrays(xp: Any, kind: str, *arrays: Array) -> list[Any]:  # noqa: ANN401
    return [xp.asarray(each, dtype=getattr(xp, kind)) for each in arrays]


def _hyperprior(xp: Any, mean: Any, log_spread: Any) -> Any:  # noqa: ANN401
    """A normal of scale 5 for the mean, half a Cauchy distribution of scale 5 for the spread."""
    return -(mean**2) / 50 - xp.log1p(xp.exp(2 * log_spread) / 25) + log_spread


def _softplus(xp: Any, x: Any) -> Any:  # noqa: ANN401
    return xp.nn.functional.softplus(x) if hasattr(xp, "nn") else xp.logaddexp(x, 0.0)


def _solved(xp: Any, root: Any, values: Any) -> Any:  # noqa: ANN401
    """A lower triangular matrix's inverse times a column, by each library's own means."""
    if hasattr(xp, "nn"):
        return xp.linalg.solve_triangular(root, values, upper=False)
    if xp is np:
        return np.linalg.solve(root, values)
    from jax.scipy.linalg import solve_triangular

    column = xp.broadcast_to(values, (*root.shape[:-1], 1))
    return solve_triangular(root, column, lower=True)
