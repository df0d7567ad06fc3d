"""Optima of families with names, by sums and descents on densities of scipy."""

from __future__ import annotations

import math

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch

from scipy import stats
from torch.distributions import (
    Beta,
    Distribution,
    Exponential,
    Gamma,
    LogNormal,
    Poisson,
    Weibull,
)

from benchmarks.problems.brute_force import Optimum, lowest
from benchmarks.problems.shared import Array

__all__ = ["by_sums", "double", "likeliest", "nearest_vector"]

Truth = Callable[[], list[Optimum]]


def double(value: object) -> torch.Tensor:
    """A tensor in float64."""
    return torch.as_tensor(np.asarray(value, float))


_LAPLACE = SimpleNamespace(  # that of scipy is the logarithm of a density that underflows
    logpdf=lambda x, loc, scale: -np.abs(x - loc) / scale - np.log(2 * scale)
)
_SCIPY = {
    "gamma": (stats.gamma, lambda t: {"a": t[0], "scale": 1 / t[1]}, ("concentration", "rate")),
    "lognormal": (stats.lognorm, lambda t: {"s": t[1], "scale": np.exp(t[0])}, ("loc", "scale")),
    "weibull": (
        stats.weibull_min,
        lambda t: {"c": t[1], "scale": t[0]},
        ("scale", "concentration"),
    ),
    "beta": (stats.beta, lambda t: {"a": t[0], "b": t[1]}, ("concentration1", "concentration0")),
    "laplace": (_LAPLACE, lambda t: {"loc": t[0], "scale": t[1]}, ("loc", "scale")),
    "student_t": (
        stats.t,
        lambda t: {"df": t[2], "loc": t[0], "scale": t[1]},
        ("loc", "scale", "df"),
    ),
    "normal": (stats.norm, lambda t: {"loc": t[0], "scale": t[1]}, ("loc", "scale")),
    "poisson": (stats.poisson, lambda t: {"mu": t[0]}, ("rate",)),
    "geometric": (stats.geom, lambda t: {"p": t[0] / (1 + t[0]), "loc": -1}, ("probs",)),
}
_REAL = {"loc"}


def _member_of(family: str):  # noqa: ANN202 (names and a function to log densities)
    law, arguments, names = _SCIPY[family]

    def parameters(theta: Array) -> Array:
        return np.array(
            [
                each if name in _REAL else math.exp(each)
                for name, each in zip(names, theta, strict=True)
            ]
        )

    def log_density(x: Array, theta: Array) -> Array:
        own = arguments(parameters(theta))
        log = law.logpmf if hasattr(law, "logpmf") else law.logpdf
        found: Array = log(x, **own)
        return found

    def named(theta: Array) -> dict[str, Array]:
        values = dict(zip(names, parameters(theta), strict=True))
        if family == "geometric":
            values = {"probs": values["probs"] / (1 + values["probs"])}
        return {name: np.array(value) for name, value in values.items()}

    return len(names), log_density, named


def by_sums(target: Distribution, family: str) -> Truth:
    """The forward optimum by sums over the support."""

    def found() -> list[Optimum]:
        size, log_density, named = _member_of(family)
        if isinstance(target, Poisson):
            x = np.arange(200.0)
            p = np.exp(target.log_prob(double(x)).numpy())
        else:
            x, p = _nodes(target)
        entropy = float((p * target.log_prob(double(x)).numpy()).sum())

        def value(theta: Array) -> float:
            with np.errstate(all="ignore"):
                cost = entropy - float((p * log_density(x, theta)).sum())
            return cost if math.isfinite(cost) else 1e6

        start = np.full(size, 0.3)
        best = min((lowest(value, start + 0.3 * k) for k in (0, 1, -1)), key=lambda each: each[0])
        return [Optimum(best[0], named(best[1]))]

    return found


def _nodes(target: Distribution) -> tuple[Array, Array]:
    """Nodes of the rule of double exponentials on the support, and their weights under p."""
    t = np.linspace(-6.0, 6.0, 100_001)
    bend = np.pi / 2 * np.sinh(t)
    slope = np.pi / 2 * np.cosh(t) * (t[1] - t[0])
    if isinstance(target, Beta):
        x = 1 / (1 + np.exp(-2 * bend))
        weights = slope * 2 * x * (1 - x)
    elif isinstance(target, Gamma | LogNormal | Weibull | Exponential):
        x, weights = np.exp(bend), slope * np.exp(bend)
    else:
        x, weights = np.sinh(bend), slope * np.cosh(bend)
    usable = (x > 1e-280) & (x < 1e200) if x.min() > 0 else np.abs(x) < 1e200
    if isinstance(target, Beta):
        usable &= x < 1 - 1e-16
    x, weights = x[usable], weights[usable]
    p = weights * np.exp(target.log_prob(double(x)).numpy())
    kept = p > 1e-30
    return x[kept], p[kept]


def nearest_vector(mean: Array, matrix: Array, family: str, direction: str) -> Truth:
    """Known for independent coordinates; a descent from many places for one factor."""

    def divergence(other: Array) -> float:
        first, second = (matrix, other) if direction == "forward" else (other, matrix)
        solved = np.linalg.solve(second, first)
        log_det = np.linalg.slogdet(second)[1] - np.linalg.slogdet(first)[1]
        return float(0.5 * (np.trace(solved) - len(mean) + log_det))

    def independent() -> list[Optimum]:
        variance = 1 / np.diag(np.linalg.inv(matrix))
        if direction == "forward":
            variance = np.diag(matrix)
        parameters = {"loc": mean, "scale": np.sqrt(variance)}
        return [Optimum(divergence(np.diag(variance)), parameters)]

    def one_factor() -> list[Optimum]:
        precision, size = torch.from_numpy(np.linalg.inv(matrix)), len(mean)
        log_det = float(np.linalg.slogdet(matrix)[1])
        best = math.inf
        for seed in range(6):
            start = 0.5 * np.random.default_rng(seed).standard_normal(2 * size)
            theta = torch.from_numpy(start).requires_grad_()
            optimizer = torch.optim.LBFGS(
                [theta], max_iter=3000, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
            )

            def loss(theta: torch.Tensor = theta) -> torch.Tensor:
                factor, noise = theta[:size], theta[size:].exp()
                other = factor.outer(factor) + noise.diag()
                cost = (precision * other).sum() - size + log_det - other.logdet()
                return cost / 2

            def closure(optimizer=optimizer, loss=loss) -> torch.Tensor:  # noqa: ANN001
                optimizer.zero_grad()
                cost = loss()
                cost.backward()
                return cost

            optimizer.step(closure)
            best = min(best, float(loss()))
        return [Optimum(best, {"loc": mean})]

    return one_factor if family.startswith("low_rank") else independent


def likeliest(points: Array, family: str) -> Truth:
    """The parameters of the largest likelihood."""

    def found() -> list[Optimum]:
        size, log_density, named = _member_of(family)

        def value(theta: Array) -> float:
            with np.errstate(all="ignore"):
                cost = -float(log_density(points, theta).mean())
            return cost if math.isfinite(cost) else 1e6

        ends = [lowest(value, np.full(size, each)) for each in (0.0, 0.5, 1.0)]
        best = min(ends, key=lambda each: each[0])
        return [Optimum(best[0], named(best[1]))]

    return found
