"""150 fit problems drawn by a seed, each with its objective in numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch

from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from benchmarks.brute_force import (
    Minimum,
    crossings_of,
    divergence_on,
    minima_of,
    nodes_around,
)

__all__ = ["Problem", "problems"]

Array = NDArray[np.float64]
Random = np.random.Generator
STARTS = 60


@dataclass(frozen=True)
class Problem:
    """A fit, and the objective of the same fit in numpy.

    Arguments:
        label: What it is.
        target: What kldiv is given.
        family: The family's name.
        divergence: The divergence's name with its arguments.
        direction: ``"forward"`` or ``"reverse"``.
        objective: The value at a vector of unconstrained parameters.
        read: That vector, read off the parameters of a fit.
        starts: Where the brute force begins, with shape (S, D).
        bounds: Where it stays.
        known: The minimum, where it is known in closed form; then there are no starts.
    """

    label: str
    target: object
    family: str
    divergence: str
    direction: str
    objective: Callable[[Array], float]
    read: Callable[[dict[str, torch.Tensor]], Array]
    starts: Array = field(default_factory=lambda: np.zeros((0, 0)))
    bounds: list[tuple[float, float]] = field(default_factory=list)
    known: Array | None = None

    def minima(self) -> list[Minimum]:
        """The answer of the brute force."""
        if self.known is not None:
            return [Minimum(self.known, self.objective(self.known), 1.0, proper=True)]
        found = minima_of(self.objective, self.starts, self.bounds)
        return [each for each in found if each.proper] or found[:1]  # a plateau has none


def _double(values: object) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def _loc_log_scale(parameters: dict[str, torch.Tensor]) -> Array:
    return np.array([float(parameters["loc"]), float(parameters["scale"].log())])


def bimodal(random: Random, name: str, direction: str) -> Problem:
    """A normal to a mixture of two: near or far, equal or unequal."""
    gap = random.choice([random.uniform(1, 4), random.uniform(4, 12), random.uniform(12, 40)])
    scales = np.exp(random.uniform(-1, 1, 2)) if random.random() < 0.6 else np.full(2, 1.0)
    share = random.uniform(0.15, 0.85) if random.random() < 0.7 else 0.5
    centres = np.array([0.0, gap]) + random.normal()
    order = float(np.exp(random.uniform(np.log(0.1), np.log(10)))) if name == "alpha" else 0.0
    if name in ("alpha", "chi2") and (order > 2 or name == "chi2"):
        centres[1] = centres[0] + min(gap, 6.0)  # farther apart no float holds the values around
    x, weights = nodes_around(centres, scales)
    parts = stats.norm.logpdf(x[:, None], centres, scales) + np.log([share, 1 - share])
    log_p = np.logaddexp(parts[:, 0], parts[:, 1])

    def gap_of_masses(points: Array, at: Array) -> Array:
        below_p = stats.norm.cdf(points[:, None], centres, scales) @ [share, 1 - share]
        return below_p - stats.norm.cdf(points, at[0], np.exp(at[1]))

    def objective(at: Array) -> float:
        log_q = stats.norm.logpdf(x, at[0], np.exp(at[1]))
        if name == "total_variation":
            crossings = crossings_of(x, log_p - log_q)
            return float(
                np.abs(np.diff(gap_of_masses(crossings, at), prepend=0, append=0)).sum() / 2
            )
        pair = (log_p, log_q) if direction == "forward" else (log_q, log_p)
        return divergence_on(name, order, *pair, weights)

    low, high = centres.min() - 2 * scales.max(), centres.max() + 2 * scales.max()
    log_scales = np.log(0.3 * scales.min()), np.log(2 * (high - low))
    starts = np.column_stack(
        [random.uniform(low, high, STARTS), random.uniform(*log_scales, STARTS)]
    )
    mixture = MixtureSameFamily(
        Categorical(_double([share, 1 - share])), Normal(_double(centres), _double(scales))
    )
    text = f"alpha(alpha={order!r})" if name == "alpha" else name
    label = f"bimodal gap {gap:.3g}, scales {scales.round(2)}, weight {share:.2f}"
    bounds = [(low - (high - low), high + (high - low)), (log_scales[0] - 1, log_scales[1] + 1)]
    return Problem(
        label, mixture, "normal", text, direction, objective, _loc_log_scale, starts, bounds
    )


# Families of one dimension: how scipy has them, by the logarithms of torch's parameters.
_SCIPY: dict[str, tuple[tuple[str, ...], Callable[[Array, Array], Array]]] = {
    "gamma": (
        ("concentration", "rate"),
        lambda x, t: stats.gamma.logpdf(x, np.exp(t[0]), scale=np.exp(-t[1])),
    ),
    "weibull": (
        ("scale", "concentration"),
        lambda x, t: stats.weibull_min.logpdf(x, np.exp(t[1]), scale=np.exp(t[0])),
    ),
    "exponential": (("rate",), lambda x, t: stats.expon.logpdf(x, scale=np.exp(-t[0]))),
    "beta": (
        ("concentration1", "concentration0"),
        lambda x, t: stats.beta.logpdf(x, np.exp(t[0]), np.exp(t[1])),
    ),
    "laplace": (("loc", "scale"), lambda x, t: stats.laplace.logpdf(x, t[0], np.exp(t[1]))),
    "gumbel": (("loc", "scale"), lambda x, t: stats.gumbel_r.logpdf(x, t[0], np.exp(t[1]))),
    "student_t(df=4)": (("loc", "scale"), lambda x, t: stats.t.logpdf(x, 4, t[0], np.exp(t[1]))),
    "lognormal": (
        ("loc", "scale"),
        lambda x, t: stats.lognorm.logpdf(x, np.exp(t[1]), scale=np.exp(t[0])),
    ),
    "normal": (("loc", "scale"), lambda x, t: stats.norm.logpdf(x, t[0], np.exp(t[1]))),
    "poisson": (("rate",), lambda x, t: stats.poisson.logpmf(x, np.exp(t[0]))),
    "geometric": (("probs",), lambda x, t: stats.geom.logpmf(x + 1, np.exp(t[0]))),
}


def _reader(family: str) -> Callable[[dict[str, torch.Tensor]], Array]:
    names = _SCIPY[family][0]

    def read(parameters: dict[str, torch.Tensor]) -> Array:
        values = [float(parameters[name]) for name in names]
        return np.array(
            [
                value if name == "loc" else np.log(value)
                for name, value in zip(names, values, strict=True)
            ]
        )

    return read


def _starts(random: Random, family: str, centre: float, spread: float) -> tuple[Array, list]:
    names = _SCIPY[family][0]
    located = [name == "loc" and family != "lognormal" for name in names]
    low = [centre - 2 * spread if place else -2.0 for place in located]
    high = [centre + 2 * spread if place else 2.0 for place in located]
    bounds = [
        (centre - 20 * spread, centre + 20 * spread) if place else (-9.0, 9.0) for place in located
    ]
    if names == ("probs",):
        bounds, low, high = [(-9.0, -1e-6)], [-4.0], [-0.1]
    return random.uniform(low, high, (12, len(names))), bounds


def positive(random: Random, family: str, direction: str) -> Problem:
    """A family on a half-line or an interval, to a mixture of two of its members."""
    first, second = random.uniform(0.3, 1.2, (2, len(_SCIPY[family][0])))
    second = first + 0.5 * (second - first)
    share = random.uniform(0.2, 0.8)
    log_prob = _SCIPY[family][1]
    edge = np.geomspace(1e-14, 0.5, 20001)
    x = np.unique(np.concatenate([edge, 1 - edge])) if family == "beta" else None
    if x is None:
        x = np.geomspace(1e-14, 3e3, 40001)
    gaps = np.diff(x)
    weights = np.concatenate([[0], gaps / 2]) + np.concatenate([gaps / 2, [0]])

    def mixed(points: Array) -> Array:
        both = log_prob(points, first) + np.log(share), log_prob(points, second)
        return np.logaddexp(both[0], both[1] + np.log(1 - share))

    log_p = mixed(x)

    def objective(at: Array) -> float:
        log_q = log_prob(x, at)
        pair = (log_p, log_q) if direction == "forward" else (log_q, log_p)
        return divergence_on("kl", 0.0, *pair, weights)

    target = _mixture(family, np.stack([first, second]), share)
    starts, bounds = _starts(random, family, 0.0, 1.0)
    return Problem(
        f"{family} to a mixture of two",
        target,
        family,
        "kl",
        direction,
        objective,
        _reader(family),
        starts,
        bounds,
    )


def _mixture(family: str, members: Array, share: float) -> MixtureSameFamily:
    kinds = {
        "gamma": torch.distributions.Gamma,
        "beta": torch.distributions.Beta,
        "weibull": torch.distributions.Weibull,
        "exponential": torch.distributions.Exponential,
    }
    columns = _double(np.exp(members)).unbind(-1)
    return MixtureSameFamily(
        Categorical(_double([share, 1 - share])), kinds[family](*columns, validate_args=False)
    )


def data(random: Random, family: str) -> Problem:
    """Maximum likelihood on samples of a member, a little contaminated."""
    draws = {
        "gamma": lambda n: random.gamma(2.5, 0.7, n),
        "weibull": lambda n: random.weibull(1.7, n) * 2,
        "exponential": lambda n: random.exponential(1.5, n),
        "beta": lambda n: random.beta(2, 3, n),
        "laplace": lambda n: random.laplace(1, 2, n),
        "gumbel": lambda n: random.gumbel(-1, 0.5, n),
        "student_t(df=4)": lambda n: random.standard_t(4, n) * 3 + 2,
        "lognormal": lambda n: random.lognormal(0.3, 0.8, n),
        "normal": lambda n: random.normal(5, 0.2, n),
        "poisson": lambda n: random.poisson(3.3, n).astype(float),
        "geometric": lambda n: random.geometric(0.3, n).astype(float) - 1,
    }
    points = draws[family](int(random.integers(50, 2000)))
    log_prob = _SCIPY[family][1]

    def objective(at: Array) -> float:
        return -float(log_prob(points, at).mean())

    starts, bounds = _starts(random, family, float(np.median(points)), float(points.std()))
    label = f"{len(points)} points"
    return Problem(
        label,
        _double(points),
        family,
        "kl",
        "forward",
        objective,
        _reader(family),
        starts,
        bounds,
    )


def mean_field(random: Random, size: int, direction: str) -> Problem:
    """Normals with independent parts, to a correlated one."""
    root = random.normal(size=(size, size + 3)) / np.sqrt(size)
    covariance = root @ root.T + 0.1 * np.eye(size)
    mean = random.normal(size=size)
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    forward = direction == "forward"
    variances = np.diag(covariance) if forward else 1 / np.diag(precision)

    def objective(at: Array) -> float:
        loc, var = at[:size] - mean, np.exp(2 * at[size:])
        if forward:
            terms = (np.diag(covariance) + loc**2) / var
            return float(terms.sum() - size + np.log(var).sum() - log_det) / 2
        inside = np.diag(precision) @ var + loc @ precision @ loc
        return float(inside - size + log_det - np.log(var).sum()) / 2

    def read(parameters: dict[str, torch.Tensor]) -> Array:
        return torch.cat([parameters["loc"], parameters["scale"].log()]).numpy()

    target = MultivariateNormal(_double(mean), _double(covariance))
    known = np.concatenate([mean, np.log(variances) / 2])
    label = f"normal in {size} dimensions"
    names = ("diagonal_normal", "kl", direction)
    return Problem(label, target, *names, objective, read, known=known)


def low_rank(random: Random, size: int, direction: str) -> Problem:
    """A normal of rank 2 and a diagonal, to one that is almost so."""
    factor, noise = random.normal(size=(size, 2)), 0.1 * random.normal(size=(size, size))
    covariance = factor @ factor.T + np.diag(random.uniform(0.5, 2, size)) + noise @ noise.T
    mean = random.normal(size=size)
    target = MultivariateNormal(_double(mean), _double(covariance))
    sigma, scatter = _double(covariance), _double(np.linalg.inv(covariance))
    forward = direction == "forward"

    def divergence(at: torch.Tensor) -> torch.Tensor:
        free = at[size : 3 * size].reshape(size, 2)
        fitted = free @ free.mT + torch.diag(at[3 * size :].exp())
        loc = at[:size] - _double(mean)
        sides = (torch.linalg.inv(fitted), sigma) if forward else (scatter, fitted)
        shift = loc @ sides[0] @ loc
        return ((sides[0] @ sides[1]).trace() - size + shift + _log_det_gap(sides)) / 2

    known = _descended(divergence, random.normal(size=(6, 4 * size)))

    def read(parameters: dict[str, torch.Tensor]) -> Array:
        names = ("loc", "cov_factor", "cov_diag")
        loc, free, diagonal = (parameters[name] for name in names)
        return torch.cat([loc, free.flatten(), diagonal.log()]).detach().numpy()

    def objective(at: Array) -> float:
        return float(divergence(_double(at)))

    label = f"normal in {size} dimensions"
    family = "low_rank_normal(rank=2)"
    return Problem(label, target, family, "kl", direction, objective, read, known=known)


def _log_det_gap(sides: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Minus the log determinant of the product of a precision and a covariance."""
    return -torch.logdet(sides[0]) - torch.logdet(sides[1])


def _descended(objective: Callable[[torch.Tensor], torch.Tensor], starts: Array) -> Array:
    """The lowest end of quasi-Newton descents by automatic derivatives."""

    def with_gradient(at: Array) -> tuple[float, Array]:
        free = _double(at).requires_grad_()
        value = objective(free)
        (gradient,) = torch.autograd.grad(value, free)
        return float(value.detach()), gradient.numpy()

    options = {"maxiter": 5000, "gtol": 1e-9}
    ends = [minimize(with_gradient, at, jac=True, method="BFGS", options=options) for at in starts]
    return min(ends, key=lambda end: end.fun).x


_TO_BIMODAL = (
    ("kl", "forward"),
    ("kl", "reverse"),
    ("kl", "reverse"),
    ("alpha", "forward"),
    ("alpha", "forward"),
    ("jensen_shannon", "forward"),
    ("squared_hellinger", "forward"),
    ("chi2", "forward"),
    ("total_variation", "forward"),
    ("squared_l2", "forward"),
    ("cosine", "forward"),
)
_POSITIVE = ("gamma", "beta", "weibull", "exponential")
_DIRECTIONS = ("forward", "reverse")


def problems(seed: int) -> Iterator[Problem]:
    """All 150."""
    random = np.random.default_rng(seed)
    for _, (name, direction) in product(range(8), _TO_BIMODAL):
        yield bimodal(random, name, direction)
    for _, family, direction in product(range(2), _POSITIVE, _DIRECTIONS):
        yield positive(random, family, direction)
    for size, direction in product((2, 10, 50), _DIRECTIONS):
        yield mean_field(random, size, direction)
    for size, direction in product((5, 10, 50), _DIRECTIONS):
        yield low_rank(random, size, direction)
    for _, family in product(range(3), _SCIPY):
        yield data(random, family)
    yield data(random, "gamma")
