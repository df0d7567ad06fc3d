"""THE table that the laws run over: every divergence, pairs of distributions, textbook formulas.

The formulas are written down anew, as in a textbook, and are integrated by the trapezoidal rule
on a fixed fine grid: nothing here is shared with the library.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Distribution,
    Gamma,
    Geometric,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
)

from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target, ladder
from kldiv.specs import parse

PLANE_STEPS = 561

Number = float | list[float] | list[list[float]]


@dataclass(frozen=True)
class Pair:
    """Two distributions by their parameters.

    Arguments:
        id: Its name.
        make_p: The first distribution of its parameters.
        params_p: These parameters.
        make_q: The second.
        params_q: Its parameters.
        grid: On what its textbook integrals are taken.
        orders: For which orders the power integral of p and q is finite, both ends included.
    """

    id: str
    make_p: Callable[..., Distribution]
    params_p: tuple[Number, ...]
    make_q: Callable[..., Distribution]
    params_q: tuple[Number, ...]
    grid: str
    orders: tuple[float, float] = (-math.inf, math.inf)

    def leaves(self) -> list[Tensor]:
        """All parameters of both as float64 tensors of which gradients can be taken."""
        return [
            torch.tensor(value, dtype=torch.float64, requires_grad=True)
            for value in (*self.params_p, *self.params_q)
        ]

    def members(self, *leaves: Tensor) -> tuple[Distribution, Distribution]:
        """Both distributions at some parameters, at the table's where omitted."""
        values = leaves or [leaf.detach() for leaf in self.leaves()]
        split = len(self.params_p)
        return self.make_p(*values[:split]), self.make_q(*values[split:])

    @property
    def discrete(self) -> bool:
        return self.grid in ("coin", "die", "integers")

    def is_finite(self, divergence: str) -> bool:
        """Whether a divergence of this pair is finite, by its order."""
        if divergence == "fisher":
            return self.id not in ("gamma-lognormal", "betas")  # at 0 it goes like p / x²
        low, high = self.orders
        return all(low <= order <= high for order in orders_of(divergence))

    def has_variance(self, divergence: str) -> bool:
        """Whether importance sampling from both applies and has a finite variance."""
        if divergence == "renyi(alpha=inf)":
            return False
        low, high = self.orders
        return all(
            (order <= 1 or 2 * order - 1 <= high) and (order >= 0 or 2 * order >= low)
            for order in orders_of(divergence)
        )


def _mixture(first, second, scale_1, scale_2):
    loc, scale = torch.stack([first, second], -1), torch.stack([scale_1, scale_2], -1)
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64)
    return MixtureSameFamily(Categorical(weights.expand(loc.shape)), Normal(loc, scale))


def _diagonal(loc, scale):
    return Independent(Normal(loc, scale), 1)


def _correlated(loc, root):
    return MultivariateNormal(loc, root @ root.mT)


_ROOT = [[0.9, 0.1], [-0.5, 0.7]]

PAIRS = (
    Pair("coins", Bernoulli, (0.5,), Bernoulli, (0.7,), "coin"),
    Pair(
        "dice",
        lambda logits: Categorical(logits=logits),
        ([0.0, 0.3, -0.5],),
        lambda logits: Categorical(logits=logits),
        ([0.4, 0.0, 0.1],),
        "die",
    ),
    Pair("poissons", Poisson, (2.3,), Poisson, (3.1,), "integers"),
    Pair("geometric-poisson", Geometric, (0.3,), Poisson, (2.0,), "integers", (-math.inf, 1)),
    Pair("normals", Normal, (0.4, 1.1), Normal, (-0.7, 1.6), "line", (-0.89, math.inf)),
    Pair("t-normal", StudentT, (5.0, 0.4, 1.2), Normal, (-0.7, 1.6), "line", (-math.inf, 1)),
    Pair("laplace-normal", Laplace, (0.3, 0.8), Normal, (-0.2, 1.3), "line", (-math.inf, 1)),
    Pair(
        "mixture-normal",
        _mixture,
        (-1.0, 1.5, 0.6, 0.8),
        Normal,
        (0.3, 1.7),
        "line",
        (0, math.inf),
    ),
    Pair("gamma-lognormal", Gamma, (2.0, 1.5), LogNormal, (0.1, 0.7), "positive", (0, 1)),
    Pair("betas", Beta, (1.5, 2.0), Beta, (2.0, 1.5), "unit", (-2.0, 3.0)),
    Pair("uniform-normal", Uniform, (-1.0, 0.5), Normal, (0.2, 1.3), "jumps", (1e-9, math.inf)),
    Pair(
        "planes",
        _correlated,
        ([0.3, -0.2], _ROOT),
        _diagonal,
        ([-0.1, 0.4], [1.2, 1.3]),
        "plane",
        (-0.2, math.inf),
    ),
)
PAIR = {pair.id: pair for pair in PAIRS}

DIVERGENCES = (
    "kl",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon(weight=0.2)",
    "skew_kl(weight=0.3)",
    "skew_kl(weight=1)",
    "total_variation",
    "hockey_stick",
    "hockey_stick(gamma=1.7)",
    "squared_hellinger",
    "hellinger",
    "bhattacharyya",
    "chernoff",
    "chi2",
    "neyman_chi2",
    "triangular",
    "renyi(alpha=0)",
    "renyi(alpha=0.3)",
    "renyi(alpha=0.5)",
    "renyi(alpha=1)",
    "renyi(alpha=1.4)",
    "renyi(alpha=inf)",
    "tsallis(alpha=0.3)",
    "tsallis(alpha=1)",
    "tsallis(alpha=2)",
    "alpha(alpha=-1)",
    "alpha(alpha=0)",
    "alpha(alpha=0.3)",
    "alpha(alpha=0.5)",
    "alpha(alpha=1)",
    "alpha(alpha=1.4)",
    "density_power(beta=0)",
    "density_power(beta=0.5)",
    "density_power(beta=1)",
    "gamma(gamma=0)",
    "gamma(gamma=0.5)",
    "gamma(gamma=1)",
    "squared_l2",
    "cosine",
    "cauchy_schwarz",
    "fisher",
)
"""Each built-in divergence, those of a parameter at its limits and between them."""

KINKED = ("total_variation", "hockey_stick")


def rows(divergences=DIVERGENCES, pairs=PAIRS):
    """A parameter set for each divergence and pair."""
    return [
        pytest.param(divergence, pair, id=f"{divergence}-{pair.id}")
        for divergence in divergences
        for pair in pairs
        if not (divergence == "fisher" and pair.discrete)
    ]


def orders_of(divergence: str) -> tuple[float, ...]:
    """The orders of the power integrals that decide whether it is finite."""
    spec = parse(divergence)
    parameter = next(iter(spec.arguments.values()), None)
    if spec.name in ("renyi", "tsallis", "alpha"):
        return (parameter,) if spec.name == "alpha" or parameter else ()
    if spec.name == "skew_kl":
        return (1.0,) if parameter == 1 else ()
    if spec.name in ("density_power", "gamma"):
        return (1.0,) if parameter == 0 else ()
    return {"kl": (1.0,), "jeffreys": (0.0, 1.0), "chi2": (2.0,), "neyman_chi2": (-1.0,)}.get(
        spec.name, ()
    )


def estimators_of(p, q, divergence: str) -> list[str]:
    """The estimators that apply to two distributions."""
    problem = Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"))
    return [rung.name for rung in ladder().rungs if rung.why_not(problem) is None]


# the textbook ---------------------------------------------------------------------------------


def textbook(divergence: str, pair: Pair) -> float:
    """The value of a divergence of a pair by its textbook formula."""
    spec = parse(divergence)
    x, weights = _GRIDS[pair.grid]()
    p, q = pair.members()

    def integral(values: Tensor) -> Tensor:
        return (weights * torch.nan_to_num(values, nan=0.0)).sum()

    if divergence == "fisher":
        return _fisher(integral, p, q, x)
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    formula = _FORMULAS[spec.name]
    return float(formula(integral, log_p, log_q, *spec.arguments.values()))


def _line() -> tuple[Tensor, Tensor]:
    t = torch.linspace(-14, 14, 28_001, dtype=torch.float64)
    return t.sinh(), t.cosh() * (t[1] - t[0])


def _positive() -> tuple[Tensor, Tensor]:
    t = torch.linspace(-45, 8, 53_001, dtype=torch.float64)
    return t.exp(), t.exp() * (t[1] - t[0])


def _unit() -> tuple[Tensor, Tensor]:
    t = torch.linspace(-34, 34, 68_001, dtype=torch.float64)
    return t.sigmoid(), t.sigmoid() * (-t).sigmoid() * (t[1] - t[0])


def _integers() -> tuple[Tensor, Tensor]:
    return torch.arange(0, 150, dtype=torch.float64), torch.ones(150, dtype=torch.float64)


def _plane() -> tuple[Tensor, Tensor]:
    t = torch.linspace(-14, 14, PLANE_STEPS, dtype=torch.float64)
    x = torch.cartesian_prod(t, t)
    return x, torch.full((len(x),), float(t[1] - t[0]) ** 2, dtype=torch.float64)


def _few(count: int) -> Callable[[], tuple[Tensor, Tensor]]:
    values = torch.arange(count, dtype=torch.float64)
    return lambda: (values, torch.ones_like(values))


_GRIDS = {
    "coin": _few(2),
    "die": _few(3),
    "integers": _integers,
    "line": _line,
    "positive": _positive,
    "unit": _unit,
    "plane": _plane,
}


def _kl(integral, a, b):
    return integral(a.exp() * (a - b))


def _jensen_shannon(integral, a, b, weight=0.5):
    m = torch.logaddexp(a + math.log(1 - weight), b + math.log(weight))
    return (1 - weight) * _kl(integral, a, m) + weight * _kl(integral, b, m)


def _skew_kl(integral, a, b, weight):
    log_own = math.log(1 - weight) if weight < 1 else -math.inf
    return _kl(integral, a, torch.logaddexp(a + log_own, b + math.log(weight)))


def _power(integral, a, b, alpha):
    return integral((alpha * a + (1 - alpha) * b).exp())


def _renyi(integral, a, b, alpha):
    if alpha == math.inf:
        return _peak((a - b).clamp_min(-1e30))
    return _kl(integral, a, b) if alpha == 1 else _power(integral, a, b, alpha).log() / (alpha - 1)


def _tsallis(integral, a, b, alpha):
    return _kl(integral, a, b) if alpha == 1 else (_power(integral, a, b, alpha) - 1) / (alpha - 1)


def _alpha(integral, a, b, alpha):
    if alpha in (0, 1):
        return _kl(integral, a, b) if alpha == 1 else _kl(integral, b, a)
    return (_power(integral, a, b, alpha) - 1) / (alpha * (alpha - 1))


def _cosine(integral, a, b):
    product, p, q = (integral(each.exp()) for each in (a + b, 2 * a, 2 * b))
    return product / (p * q).sqrt()


def _density_power(integral, a, b, beta):
    if beta == 0:
        return _kl(integral, a, b)
    p, cross, q = _powers(integral, a, b, beta)
    return q - (1 + 1 / beta) * cross + p / beta


def _gamma(integral, a, b, gamma):
    if gamma == 0:
        return _kl(integral, a, b)
    p, cross, q = (each.log() for each in _powers(integral, a, b, gamma))
    return p / (gamma * (1 + gamma)) - cross / gamma + q / (1 + gamma)


def _powers(integral, a, b, power):
    exponents = ((1 + power) * a, a + power * b, (1 + power) * b)
    return tuple(integral(each.exp()) for each in exponents)


def _peak(heights):
    """The largest of values on an even grid, on the polynomial through it and its neighbours."""
    if len(heights) == PLANE_STEPS**2:
        rows = heights.reshape(PLANE_STEPS, PLANE_STEPS)
        middle = int(rows.amax(1).argmax())
        return _peak(torch.stack([_peak(row) for row in rows[middle - 50 : middle + 51]]))
    top = int(heights.argmax())
    if len(heights) <= 100 or not 4 <= top < len(heights) - 4:
        return heights[top]
    x = torch.linspace(-1, 1, 9, dtype=heights.dtype)
    coefficients = torch.linalg.solve(torch.linalg.vander(x), heights[top - 4 : top + 5])
    fine = torch.linspace(-0.25, 0.25, 20_001, dtype=heights.dtype)
    return (torch.linalg.vander(fine, N=9) @ coefficients).max()


def _chernoff(integral, a, b):
    order = torch.linspace(0.01, 0.99, 109, dtype=a.dtype)
    return _peak(torch.stack([-_power(integral, a, b, each).log() for each in order]))


def _fisher(integral, p, q, x):
    def ratio(x):
        return (p.log_prob(x) - q.log_prob(x)).sum()

    slope = torch.func.grad(ratio)(x).reshape(len(x), -1)
    return float(integral(p.log_prob(x).exp() * slope.square().sum(-1)))


def _affinity(integral, a, b):
    return _power(integral, a, b, 0.5)


_FORMULAS = {
    "kl": _kl,
    "jeffreys": lambda i, a, b: _kl(i, a, b) + _kl(i, b, a),
    "jensen_shannon": _jensen_shannon,
    "skew_kl": _skew_kl,
    "total_variation": lambda i, a, b: i((a.exp() - b.exp()).abs()) / 2,
    "hockey_stick": lambda i, a, b, gamma=1: i((a.exp() - gamma * b.exp()).clamp_min(0)),
    "squared_hellinger": lambda i, a, b: 1 - _affinity(i, a, b),
    "hellinger": lambda i, a, b: (1 - _affinity(i, a, b)).sqrt(),
    "bhattacharyya": lambda i, a, b: -_affinity(i, a, b).log(),
    "chi2": lambda i, a, b: _power(i, a, b, 2) - 1,
    "neyman_chi2": lambda i, a, b: _power(i, b, a, 2) - 1,
    "chernoff": _chernoff,
    "triangular": lambda i, a, b: i((a.exp() - b.exp()) ** 2 / (a.exp() + b.exp())),
    "renyi": _renyi,
    "tsallis": _tsallis,
    "alpha": _alpha,
    "density_power": _density_power,
    "gamma": _gamma,
    "squared_l2": lambda i, a, b: i((a.exp() - b.exp()) ** 2),
    "cosine": lambda i, a, b: 1 - _cosine(i, a, b),
    "cauchy_schwarz": lambda i, a, b: -_cosine(i, a, b).log(),
}
