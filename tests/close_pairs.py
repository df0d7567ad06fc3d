"""Close pairs of every kind, and textbook divergences of them in extended precision.

A pair is a distribution and one of which each parameter is a little larger. The reference puts
both on one fine grid, normalises them there and sums: in a coordinate in which densities are
smooth and vanish at both ends the sum converges faster than any power of its step. Only the
difference d of the logarithms must have many digits, and whatever p and q share cancels in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from scipy.special import gammaln
from torch import distributions as td

__all__ = ["FORMULAS", "KINDS", "Kind", "members", "parameters", "reference"]

CHANGES = (1e-3, 1e-4, 1e-5, 1e-6)
REAL = np.longdouble
LOW, HIGH = 0.1, 1000.0
INFINITE = {("chi2", "weibull"), ("renyi(alpha=2)", "weibull")}
"""Where p² / q grows in the end, q having the larger shape: no grid reaches that far."""

DEPTH = 80.0  # e^-80 of the largest density is nothing


@dataclass(frozen=True)
class Kind:
    """Distributions of one kind.

    Arguments:
        make: Makes them of their parameters.
        names: Their parameters.
        kernel: The logarithm of the density of x but for a factor, of x and the parameters.
        x_of: The point of a coordinate, seen from p; ``None`` where points are integers.
        log_slope: The logarithm of the derivative of x.
        shared: What p and q share of the kernel, of x.
        span: Where the coordinate, or the integer, is.
        high: The largest value of a parameter.
    """

    make: Callable
    names: tuple[str, ...]
    kernel: Callable
    x_of: Callable | None = None
    log_slope: Callable | None = None
    shared: Callable = np.zeros_like
    span: tuple[float, float] = (-800.0, 800.0)
    high: float = HIGH


def _exp(kernel, make, *names):
    """On the half line, by the logarithm of x."""
    return Kind(make, names, kernel, lambda t, *_: np.exp(t), lambda t, *_: t)


def _sinh(kernel, make, *names):
    """On the line, by the sinh of what is centred at p and scaled by it."""
    return Kind(
        make,
        names,
        kernel,
        lambda t, *p: p[-2] + p[-1] * np.sinh(t),
        lambda t, *p: np.log(p[-1] / 2) + np.logaddexp(t, -t),
    )


def _integers(kernel, make, *names, shared=np.zeros_like, last=1e4, high=HIGH):
    return Kind(make, names, kernel, shared=shared, span=(0, last), high=high)


def _logistic(t):
    return -np.logaddexp(REAL(0), -t)


KINDS = {
    "normal": _sinh(
        lambda x, m, s: -(((x - m) / s) ** 2) / 2, td.Normal, "loc", "scale"
    ),
    "student_t": _sinh(
        lambda x, v, m, s: -(v + 1) / 2 * np.log1p(((x - m) / s) ** 2 / v),
        td.StudentT, "df", "loc", "scale",
    ),
    "gumbel": _sinh(
        lambda x, m, s: -(x - m) / s - np.exp(np.minimum(-(x - m) / s, 1e4)),
        td.Gumbel, "loc", "scale",
    ),
    "lognormal": Kind(
        td.LogNormal, ("loc", "scale"), lambda t, m, s: -t - ((t - m) / s) ** 2 / 2,
        lambda t, *p: t, lambda t, *p: t, span=(-2e4, 2e4),
    ),
    "exponential": _exp(lambda x, r: -r * x, td.Exponential, "rate"),
    "gamma": _exp(
        lambda x, a, r: (a - 1) * np.log(x) - r * x, td.Gamma, "concentration", "rate"
    ),
    "weibull": _exp(
        lambda x, s, k: (k - 1) * np.log(x) - np.exp(np.minimum(k * (np.log(x) - np.log(s)), 1e4)),
        td.Weibull, "scale", "concentration",
    ),
    "beta": Kind(
        td.Beta,
        ("concentration1", "concentration0"),
        lambda t, a, b: (a - 1) * _logistic(t) + (b - 1) * _logistic(-t),
        lambda t, *p: t,
        lambda t, *p: _logistic(t) + _logistic(-t),
    ),
    "poisson": _integers(
        lambda x, r: x * np.log(r), td.Poisson, "rate",
        shared=lambda x: -gammaln((x + 1).astype(float)),
    ),
    "geometric": _integers(
        lambda x, p: x * np.log1p(-p), td.Geometric, "probs", last=1000, high=0.9
    ),
    "bernoulli": _integers(
        lambda x, p: x * (np.log(p) - np.log1p(-p)), td.Bernoulli, "probs", last=1, high=0.9
    ),
}  # fmt: skip


def parameters(kind, pairs, dtype, low=LOW):
    """Parameters of p of every size, and those of q, each a little larger: shape (C, N)."""
    generator = np.random.default_rng(0)
    shape = (len(CHANGES), pairs)
    p, q = [], []
    for _ in kind.names:
        value = np.exp(generator.uniform(np.log(low), np.log(kind.high), shape))
        p.append(_rounded(value, dtype))
        q.append(_rounded(value * (1 + np.array(CHANGES)[:, None]), dtype))
    return p, q


def members(kind, values, dtype):
    """Torch distributions of parameters."""
    tensors = (torch.as_tensor(value).to(dtype) for value in values)
    return kind.make(**dict(zip(kind.names, tensors, strict=True)))


def reference(divergence, name, p, q):
    """The divergence of every pair of a kind."""
    if (divergence, name) in INFINITE:
        return np.full(p[0].shape, np.inf)
    formula = FORMULAS[divergence]
    if divergence == "total_variation" and KINDS[name].x_of is not None:
        formula = _with_kinks
    pairs = zip(*(each.ravel().tolist() for each in p + q), strict=True)
    values = [float(formula(*_seen(name, pair))) for pair in pairs]
    return np.array(values).reshape(p[0].shape)


def _with_kinks(w, d, r):
    """The total variation, by the trapezium rule with what a kink inside of a step adds to it."""
    v = w * np.expm1(d)
    crossed = v[:-1] * v[1:] < 0
    a, b = np.abs(v[:-1])[crossed], np.abs(v[1:])[crossed]
    return (np.sum(np.abs(v)) + np.sum((a + b) / 6 - a * b / (a + b))) / 2


@lru_cache(maxsize=100)
def _seen(name, pair):
    """Weights of q, differences of logarithms, and densities of q per unit of x."""
    kind, numbers = KINDS[name], [REAL(number) for number in pair]
    p, q = numbers[: len(kind.names)], numbers[len(kind.names) :]
    x, log_slope, step = _grid(kind, p)
    log_q = log_slope + kind.shared(x) + kind.kernel(x, *q)
    log_q = log_q - log_q.max()
    log_q = log_q - np.log(np.sum(np.exp(log_q)) * step)
    d = kind.kernel(x, *p) - kind.kernel(x, *q)
    d = d - np.log(np.sum(np.exp(log_q + d)) * step)
    return np.exp(log_q) * step, d, np.exp(log_q - log_slope)


def _rounded(value, dtype):
    return np.asarray(torch.as_tensor(value).to(dtype).double())


def _grid(kind, p):
    """Points, slopes of the coordinate and its step, where the density is."""
    low, high = kind.span
    if kind.x_of is None:
        x = np.arange(low, high + 1).astype(REAL)
        return x, 0 * x, REAL(1)
    for points in (40_001, 20_001, 60_001):
        t = np.linspace(REAL(low), REAL(high), points)
        x, log_slope = kind.x_of(t, *p), kind.log_slope(t, *p)
        log = log_slope + kind.kernel(x, *p)
        there = np.flatnonzero(log > log.max() - DEPTH)
        low, high = t[max(there[0] - 1, 0)], t[min(there[-1] + 1, points - 1)]
    return x, log_slope, t[1] - t[0]


def _power(w, d, alpha):
    """∫ p^a q^(1-a) less 1, from ∫ (p - q) = 0."""
    return np.sum(w * (np.expm1(alpha * d) - alpha * np.expm1(d)))


def _jensen_shannon(w, d, r, weight=0.5):
    e = np.expm1(d)
    log_m, own = np.log1p((1 - weight) * e), 1 - weight
    of_p = (1 + e) * (d - log_m) - e + own * e
    return np.sum(w * (own * of_p + weight * (own * e - log_m)))


def _cosine(w, d, r):
    e = np.expm1(d)
    square, change = np.sum(w * r * e * e), np.sum(w * r * e * (2 + e))
    b = np.sqrt(np.sum(w * r))
    a = np.sqrt(np.sum(w * r * (1 + e) ** 2))
    return (square - (change / (a + b)) ** 2) / (2 * a * b)


def _gamma(w, d, r, g=0.5):
    v = w * r**g
    total = np.sum(v)
    a, c = np.sum(v * np.expm1((1 + g) * d)) / total, np.sum(v * np.expm1(d)) / total
    return np.log1p(a) / (g * (1 + g)) - np.log1p(c) / g


FORMULAS = {
    "kl": lambda w, d, r: np.sum(w * ((1 + np.expm1(d)) * d - np.expm1(d))),
    "jeffreys": lambda w, d, r: np.sum(w * np.expm1(d) * d),
    "jensen_shannon": _jensen_shannon,
    "total_variation": lambda w, d, r: np.sum(w * np.abs(np.expm1(d))) / 2,
    "squared_hellinger": lambda w, d, r: np.sum(w * np.expm1(d / 2) ** 2) / 2,
    "hellinger": lambda w, d, r: np.sqrt(np.sum(w * np.expm1(d / 2) ** 2) / 2),
    "bhattacharyya": lambda w, d, r: -np.log1p(_power(w, d, 0.5)),
    "chi2": lambda w, d, r: np.sum(w * np.expm1(d) ** 2),
    "neyman_chi2": lambda w, d, r: np.sum(w * np.expm1(d) ** 2 / np.exp(d)),
    "triangular": lambda w, d, r: np.sum(w * np.expm1(d) ** 2 / (2 + np.expm1(d))),
    "renyi(alpha=0.3)": lambda w, d, r: np.log1p(_power(w, d, REAL(0.3))) / -0.7,
    "renyi(alpha=2)": lambda w, d, r: np.log1p(_power(w, d, 2)),
    "tsallis(alpha=0.6)": lambda w, d, r: _power(w, d, REAL(0.6)) / REAL(-0.4),
    "alpha(alpha=0.3)": lambda w, d, r: _power(w, d, REAL(0.3)) / REAL(-0.21),
    "density_power(beta=0.5)": lambda w, d, r: np.sum(
        w * np.sqrt(r) * (np.expm1(REAL(1.5) * d) - REAL(1.5) * np.expm1(d))
    ) / REAL(0.5),
    "gamma(gamma=0.5)": _gamma,
    "squared_l2": lambda w, d, r: np.sum(w * r * np.expm1(d) ** 2),
    "cosine": _cosine,
    "cauchy_schwarz": lambda w, d, r: -np.log1p(-_cosine(w, d, r)),
}  # fmt: skip
