r"""Ten posteriors in the manner of posteriordb, as log densities of unconstrained points.

Data are drawn by a fixed seed. Each function takes points of shape :math:`(N, D)` and returns log
densities with shape :math:`(N)`, up to a constant; Jacobians of positive parameters are counted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import logsigmoid, softplus

__all__ = ["POSTERIORS"]

Density = Callable[[Tensor], Tensor]
_EFFECTS = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12], dtype=torch.float64)
_ERRORS = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18], dtype=torch.float64)


def _normal(x: Tensor, loc: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
    scale = torch.as_tensor(scale, dtype=torch.float64)
    return -((x - loc) / scale).square() / 2 - scale.log()


def _double(values: np.ndarray) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def funnel(x: Tensor) -> Tensor:
    """Neal's funnel in ten dimensions."""
    width = x[..., 0]
    return _normal(width, 0.0, 3.0) + _normal(x[..., 1:], 0.0, (width / 2).exp()[..., None]).sum(
        -1
    )


def banana(x: Tensor) -> Tensor:
    """A normal bent along a parabola."""
    return _normal(x[..., 0], 0.0, 2.0) + _normal(x[..., 1], x[..., 0].square() / 4, 1.0)


def eight_schools(*, centered: bool) -> Density:
    """Rubin's eight schools, with effects or with their standardised deviations as coordinates."""

    def log_density(x: Tensor) -> Tensor:
        mean, log_tau, effects = x[..., 0], x[..., 1], x[..., 2:]
        tau = log_tau.exp()
        prior = _normal(mean, 0.0, 5.0) - (tau / 5).square().log1p() + log_tau
        if centered:
            inner = _normal(effects, mean[..., None], tau[..., None]).sum(-1)
            means = effects
        else:
            inner, means = _normal(effects).sum(-1), mean[..., None] + tau[..., None] * effects
        return prior + inner + _normal(_EFFECTS, means, _ERRORS).sum(-1)

    return log_density


def logistic_regression() -> Density:
    """500 answers, yes or no, by 20 features and an intercept."""
    random = np.random.default_rng(11)
    features = np.column_stack([np.ones(500), random.normal(size=(500, 20))])
    logits = features @ (0.7 * random.normal(size=21))
    answers = random.random(500) < 1 / (1 + np.exp(-logits))
    signed = _double(features * np.where(answers, 1.0, -1.0)[:, None])

    def log_density(x: Tensor) -> Tensor:
        return logsigmoid(x @ signed.mT).sum(-1) + _normal(x, 0.0, 2.5).sum(-1)

    return log_density


def poisson_regression() -> Density:
    """200 counts by five features and an intercept."""
    random = np.random.default_rng(12)
    features = np.column_stack([np.ones(200), random.normal(size=(200, 5))])
    counts = _double(random.poisson(np.exp(features @ np.array([0.8, 0.3, -0.2, 0.1, 0.4, 0.0]))))
    rows = _double(features)

    def log_density(x: Tensor) -> Tensor:
        rates = x @ rows.mT
        return (counts * rates - rates.exp()).sum(-1) + _normal(x, 0.0, 2.5).sum(-1)

    return log_density


def gaussian_process() -> Density:
    """Amplitude, length and noise of a process seen at 40 places, by their logarithms."""
    random = np.random.default_rng(13)
    places = np.sort(random.uniform(0, 10, 40))
    values = _double(np.sin(places) + 0.3 * random.normal(size=40))
    squares = _double((places[:, None] - places) ** 2)
    identity = torch.eye(40, dtype=torch.float64)

    def log_density(x: Tensor) -> Tensor:
        amplitude, length, noise = (x[..., k, None, None].exp() for k in range(3))
        kernel = amplitude**2 * (-squares / (2 * length**2)).exp()
        root = torch.linalg.cholesky(kernel + (noise**2 + 1e-8 * amplitude**2 + 1e-300) * identity)
        white = torch.linalg.solve_triangular(root, values[:, None], upper=False)
        log_root = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -white.square().sum((-2, -1)) / 2 - log_root + _normal(x).sum(-1)

    return log_density


def stochastic_volatility() -> Density:
    """100 returns; level, persistence and roughness of their log volatility, and its 100 steps."""
    random = np.random.default_rng(14)
    steps, state = random.normal(size=100), np.zeros(100)
    for k in range(100):
        state[k] = (0.95 * state[k - 1] if k else 0.0) + 0.25 * steps[k]
    returns = _double(np.exp((state - 1.0) / 2) * random.normal(size=100))

    def log_density(x: Tensor) -> Tensor:
        level, persistence, roughness = x[..., 0], torch.tanh(x[..., 1]), x[..., 2].exp()
        current, total = torch.zeros_like(level), torch.zeros_like(level)
        for k in range(100):
            current = persistence * current + roughness * x[..., 3 + k]
            log_variance = level + current
            total = total - log_variance / 2 - returns[k] ** 2 * (-log_variance).exp() / 2
        prior = _normal(level, -1.0, 1.0) + _normal(x[..., 1], 1.5, 0.5)
        return total + prior + _normal(x[..., 2], -1.5, 0.5) + _normal(x[..., 3:]).sum(-1)

    return log_density


def ordinal_regression() -> Density:
    """150 grades from 0 to 4 by three features; four cut points in order."""
    random = np.random.default_rng(15)
    features = random.normal(size=(150, 3))
    hidden = features @ np.array([1.0, -0.5, 0.3]) + random.logistic(size=150)
    grades = torch.as_tensor(np.digitize(hidden, [-1.5, -0.5, 0.5, 1.5]))
    rows = _double(features)

    def log_density(x: Tensor) -> Tensor:
        first, widths = x[..., 3, None], x[..., 4:].exp()
        cuts = torch.cat([first, first + widths.cumsum(-1)], -1)
        ends = cuts.new_full((*cuts.shape[:-1], 1), torch.inf)
        below = torch.cat([-ends, cuts], -1)[..., grades] - x[..., :3] @ rows.mT
        above = torch.cat([cuts, ends], -1)[..., grades] - x[..., :3] @ rows.mT
        # log(F(b) - F(a)) of the logistic law, where an end may be infinite
        gap = torch.log(-torch.expm1(torch.where(below.isinf(), -torch.inf, below - above)))
        inner = torch.where(above.isinf(), 0.0, gap)
        likelihood = logsigmoid(above) + logsigmoid(-below) + inner
        return likelihood.sum(-1) + _normal(x, 0.0, 2.0).sum(-1)

    return log_density


def mixture() -> Density:
    """120 numbers from two normals: the lower mean, the gap, both scales and the share."""
    random = np.random.default_rng(16)
    points = np.concatenate([random.normal(-1, 0.7, 50), random.normal(2, 1.2, 70)])
    numbers = _double(points)

    def log_density(x: Tensor) -> Tensor:
        lower, upper = x[..., 0, None], x[..., 0, None] + x[..., 1, None].exp()
        scales = x[..., 2, None].exp(), x[..., 3, None].exp()
        share = x[..., 4, None]
        sides = (
            Normal(lower, scales[0]).log_prob(numbers) - softplus(-share),
            Normal(upper, scales[1]).log_prob(numbers) - softplus(share),
        )
        prior = _normal(x[..., 0], 0.0, 3.0) + _normal(x[..., 1:], 0.0, 1.0).sum(-1)
        return torch.logaddexp(*sides).sum(-1) + prior

    return log_density


POSTERIORS: dict[str, tuple[Density, int]] = {
    "funnel": (funnel, 10),
    "banana": (banana, 2),
    "eight schools": (eight_schools(centered=False), 10),
    "eight schools, centred": (eight_schools(centered=True), 10),
    "logistic regression": (logistic_regression(), 21),
    "Poisson regression": (poisson_regression(), 6),
    "Gaussian process": (gaussian_process(), 3),
    "stochastic volatility": (stochastic_volatility(), 103),
    "ordinal regression": (ordinal_regression(), 7),
    "mixture": (mixture(), 5),
}
"""Each density with its dimension."""
