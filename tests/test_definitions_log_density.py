"""A probability of zero has the logarithm minus infinity; all others have that of torch."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Normal,
    OneHotCategorical,
    Poisson,
)

import kldiv

from kldiv.definitions.log_density import log_density_of

EPS = torch.finfo(torch.float64).eps


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


INSIDE = [
    (Bernoulli(double(0.2, 0.9)), double([0, 1], [1, 0])),
    (Bernoulli(logits=double(0.2, -30.0)), double([0, 1], [1, 0])),
    (Binomial(3, double(0.2, 0.9)), double([0, 3], [2, 1])),
    (Categorical(double([0.2, 0.8], [0.5, 0.5])), double([0, 1], [1, 0])),
    (Categorical(logits=double(0.2, 0.8, 7.0)), double(0, 1, 2)),
    (Geometric(double(0.2, 0.9)), double([0, 5], [3, 0])),
    (OneHotCategorical(double(0.2, 0.3, 0.5)), torch.eye(3, dtype=torch.float64)),
    (Poisson(double(2.0)), double(0, 5)),
    (Normal(double(0.0), double(1.0)), double(0.5)),
]


@pytest.mark.parametrize(("distribution", "x"), INSIDE)
def test_positive_probabilities_have_the_logarithm_of_torch(distribution, x):
    found, expected = log_density_of(distribution)(x), distribution.log_prob(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize(
    ("distribution", "x", "expected"),
    [
        (Bernoulli(double(0.0)), double(0, 1), [0, -math.inf]),
        (Bernoulli(double(1.0)), double(0, 1), [-math.inf, 0]),
        (Binomial(2, double(0.0)), double(0, 1, 2), [0, -math.inf, -math.inf]),
        (Binomial(2, double(1.0)), double(0, 1, 2), [-math.inf, -math.inf, 0]),
        (Categorical(double(0.0, 1.0)), double(0, 1), [-math.inf, 0]),
        (Categorical(double(1e-30, 1.0)), double(0, 1), [math.log(1e-30), 0]),
        (Geometric(double(1.0)), double(0, 1), [0, -math.inf]),
        (OneHotCategorical(double(0.0, 1.0)), double([1, 0], [0, 1]), [-math.inf, 0]),
    ],
)
def test_a_probability_of_zero_has_the_logarithm_minus_infinity(distribution, x, expected):
    assert log_density_of(distribution)(
        x.unsqueeze(-1) if x.ndim == 1 else x
    ).flatten().tolist() == (pytest.approx(expected, rel=1e-12, abs=1e-9))


@pytest.mark.parametrize(
    ("divergence", "p", "q"),
    [
        ("kl", double(0.5, 0.5), double(1.0, 0.0)),
        ("chi2", double(0.5, 0.5), double(1.0, 0.0)),
        ("renyi(alpha=2)", double(0.5, 0.5), double(1.0, 0.0)),
        ("renyi(alpha=0.5)", double(0.0, 1.0), double(1.0, 0.0)),
        ("neyman_chi2", double(1.0, 0.0), double(0.5, 0.5)),
    ],
)
def test_mass_where_the_other_has_none_is_infinity_in_sums_too(divergence, p, q):
    found = kldiv.divergence(Categorical(p), Categorical(q), divergence, estimator="sum")
    assert float(found) == math.inf
    assert found.reason == "one side has mass where the other has none"


def test_gradients_stay_finite_at_a_probability_of_zero():
    probs = double(0.0, 0.5, 1.0).requires_grad_()
    x = double([0, 0, 0], [1, 1, 1])
    found = log_density_of(Bernoulli(probs))(x)
    (slope,) = torch.autograd.grad(found[found.isfinite()].sum(), probs)
    assert slope.tolist() == [-1, 0, 1]
