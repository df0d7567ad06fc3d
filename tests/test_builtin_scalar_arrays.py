"""Many pairs of scalars in blocks have the values of the ordinary closed form."""

import math

from unittest import mock

import mpmath
import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Cauchy,
    Exponential,
    Geometric,
    Gumbel,
    HalfNormal,
    Laplace,
    Pareto,
    Poisson,
    Uniform,
    Weibull,
)

import kldiv

from kldiv.builtin.closed_forms import scalar_arrays


def pareto(a, b):
    return Pareto(1 / (1 + a.square()), b.exp())


def uniform(a, b):
    return Uniform(a - 1, a + b.exp())


KINDS = {
    "bernoulli": lambda a, b: Bernoulli(a.sigmoid()),
    "bernoulli_of_logits": lambda a, b: Bernoulli(logits=a),
    "binomial": lambda a, b: Binomial(7, a.sigmoid()),
    "cauchy": lambda a, b: Cauchy(a, b.exp()),
    "exponential": lambda a, b: Exponential(b.exp()),
    "geometric": lambda a, b: Geometric(a.sigmoid()),
    "gumbel": lambda a, b: Gumbel(a, b.exp()),
    "half_normal": lambda a, b: HalfNormal(b.exp()),
    "laplace": lambda a, b: Laplace(a, b.exp()),
    "pareto": pareto,
    "poisson": lambda a, b: Poisson(b.exp()),
    "uniform": uniform,
    "weibull": lambda a, b: Weibull((a / 9).exp(), b.exp()),
}
GAPS = {"far": 1.0, "near": 1e-3, "nearer": 5e-6, "nearest": 1e-9, "equal": 0.0}


def remainder(a, b):
    return (a - b) / b - mpmath.log(a / b)


def extremes(shift, r):
    whole = shift + mpmath.loggamma(1 + r)
    return mpmath.exp(whole) - 1 - whole + mpmath.loggamma(r) + mpmath.euler * (r - 1)


def trial(a, b):
    return a * remainder(b, a) + (1 - a) * remainder(1 - b, 1 - a)


def success(logit):
    return 1 / (1 + mpmath.exp(-logit))


TRUTHS = {
    "bernoulli": trial,
    "bernoulli_of_logits": lambda a, b: trial(success(a), success(b)),
    "binomial": lambda a, b: 7 * trial(a, b),
    "cauchy": lambda m, s, n, t: mpmath.log(1 + ((m - n) ** 2 + (s - t) ** 2) / (4 * s * t)),
    "exponential": lambda a, b: remainder(b, a),
    "geometric": lambda a, b: trial(a, b) / a,
    "gumbel": lambda m, s, n, t: extremes((n - m) / t, s / t),
    "half_normal": lambda a, b: remainder(a**2, b**2) / 2,
    "laplace": lambda m, s, n, t: (
        remainder(s, t) + s / t * (mpmath.exp(-abs(m - n) / s) - 1 + abs(m - n) / s)
    ),
    "pareto": lambda m, a, n, b: remainder(b, a) + b * mpmath.log(m / n) if m >= n else mpmath.inf,
    "poisson": lambda a, b: a * remainder(b, a),
    "uniform": lambda a, b, c, d: (
        mpmath.log((d - c) / (b - a)) if a >= c and b <= d else mpmath.inf
    ),
    "weibull": lambda s, k, t, l: extremes(l * mpmath.log(s / t), l / k),
}


def pair(kind, gap, dtype=torch.float64, *, spread=1.0, count=60):
    generator = torch.Generator().manual_seed(0)
    one, other = spread * torch.randn(2, 2, count, generator=generator, dtype=torch.float64)
    return [KINDS[kind](*each.to(dtype)) for each in (one, one + gap * other)]


NAMES = {
    "bernoulli": ["probs"],
    "bernoulli_of_logits": ["logits"],
    "binomial": ["probs"],
    "geometric": ["probs"],
    "pareto": ["scale", "alpha"],
}


def arguments(side, name):
    return [getattr(side, each).tolist() for each in NAMES.get(name, side.arg_constraints)]


def in_many_digits(kind, p, q):
    columns = (*arguments(p, kind), *arguments(q, kind))
    with mpmath.workdps(60):
        return [TRUTHS[kind](*map(mpmath.mpf, row)) for row in zip(*columns, strict=True)]


def ordinary(p, q):
    """The divergence as it is computed where gradients are asked for."""
    with mock.patch.object(scalar_arrays, "arrays_of", return_value=None):
        return kldiv.divergence(p, q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [0.3, 4.0])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_error_covers_what_the_value_is_off_the_truth(kind, gap, spread, dtype):
    p, q = pair(kind, gap, dtype, spread=spread)
    found = kldiv.divergence(p, q)
    assert found.value.dtype == found.error.dtype == dtype
    values, errors = found.value.tolist(), found.error.tolist()
    for value, error, truth in zip(values, errors, in_many_digits(kind, p, q), strict=True):
        assert math.isinf(value) == (truth > torch.finfo(dtype).max)
        assert math.isinf(value) or abs(value - truth) <= error + 1e-30
        assert error <= 1.3e-7 * value


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_put_together_and_as_in_the_ordinary_way(kind):
    p, q = pair(kind, 0.5, spread=0.3, count=2 * scalar_arrays._STEP + 7)
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    torch.testing.assert_close(found.value, expected.value, rtol=1e-9, atol=0)
    assert (found.error <= expected.error * (1 + 1e-9)).all()
    assert found.reason == expected.reason


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_without_gradients_take_this_way(kind):
    with mock.patch.object(scalar_arrays, "_holds", wraps=scalar_arrays._holds) as holds:
        kldiv.divergence(*pair(kind, 0.5))
    assert holds.called


@pytest.mark.parametrize("kind", [Bernoulli, Geometric])
def test_logits_are_not_taken_for_probabilities(kind):
    logits = torch.tensor([40.0, 2.0])
    p, q = kind(logits=logits), kind(logits=logits - 1)
    assert p.probs is not None  # torch keeps what it has computed
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    torch.testing.assert_close(found.value, expected.value, rtol=1e-6, atol=0)


def test_certain_outcomes_take_the_ordinary_way():
    p, q = Bernoulli(torch.tensor([0.0, 1.0, 0.5])), Bernoulli(torch.tensor([0.5, 1.0, 0.0]))
    found = kldiv.divergence(p, q)
    assert found.value.tolist() == [pytest.approx(math.log(2)), 0.0, math.inf]
    assert found.reason


def test_what_single_precision_cannot_hold_is_not_called_infinite():
    found = kldiv.divergence(Exponential(torch.tensor([1e-30, 1.0])), Exponential(1e30))
    assert found.value[0] == found.error[0] == math.inf
    assert not found.reason


def test_sides_broadcast():
    p, q = Laplace(torch.zeros(4, 1), torch.ones(4, 1)), Laplace(torch.arange(3.0), 2.0)
    found = kldiv.divergence(p, q)
    assert found.value.shape == found.error.shape == (4, 3)
    torch.testing.assert_close(found.value, ordinary(p, q).value)


def test_gradients_take_the_ordinary_way():
    rate = torch.ones(3, requires_grad=True)
    found = kldiv.divergence(Exponential(rate), Exponential(2.0))
    (slope,) = torch.autograd.grad(found.value.sum(), rate)
    torch.testing.assert_close(slope, torch.full((3,), -1.0))
