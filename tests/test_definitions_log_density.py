"""Log densities that torch lacks: of no probability, at extremes, with all their digits."""

import math

import mpmath
import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Geometric,
    Gumbel,
    Independent,
    MixtureSameFamily,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
    Uniform,
    VonMises,
    Weibull,
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
    (Gumbel(double(0.3), double(2.0)), double(-9.0, 0.0, 40.0)),
    (Weibull(double(2.0, 0.1), double(0.7, 3.0)), double([0.1, 0.2], [7.0, 0.01])),
    (Uniform(double(-1.0), double(3.0)), double(-1.0, 0.0, 2.9)),
    (Independent(Weibull(double(2.0, 0.1), double(0.7, 3.0)), 1), double([0.1, 0.2])),
    (Independent(Normal(double(2.0, 0.1), double(0.7, 3.0)), 1), double([0.1, 0.2])),
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


# continuous densities -------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1e-6, 0.3, 3.0, 100.0, 1e4])
@pytest.mark.parametrize("x", [-3.0, 0.4, 0.5, 3.1])
def test_a_von_mises_density_has_all_its_digits(k, x):
    mpmath.mp.dps = 30
    bessel = mpmath.log(2 * mpmath.pi * mpmath.besseli(0, mpmath.mpf(k)))
    expected = mpmath.mpf(k) * mpmath.cos(mpmath.mpf(x) - mpmath.mpf(0.4)) - bessel
    mpmath.mp.dps = 15
    found = log_density_of(VonMises(double(0.4), double(k)))(double(x))
    assert float(found) == pytest.approx(float(expected), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("df", [0.3, 3.0, 49.0, 51.0, 1e4, 1e10])
@pytest.mark.parametrize("x", [-3.0, 0.4, 40.0])
def test_a_density_of_students_has_all_its_digits(df, x):
    with mpmath.workdps(40):
        y, v = (mpmath.mpf(x) - mpmath.mpf(0.4)) / 2, mpmath.mpf(df)
        peak = mpmath.loggamma((v + 1) / 2) - mpmath.loggamma(v / 2)
        peak = peak - mpmath.log(mpmath.pi * v) / 2 - mpmath.log(2)
        expected = float(peak - (v + 1) / 2 * mpmath.log1p(y**2 / v))
    found = log_density_of(StudentT(double(df), double(0.4), double(2.0)))(double(x))
    assert float(found) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_a_von_mises_density_of_any_concentration_keeps_its_shape():
    """About its mode it is a normal density; the concentration cancels from no difference."""
    k, x = 1e12, 1e-6
    density = log_density_of(VonMises(double(0.0), double(k)))
    assert float(density(double(0.0)) - density(double(x))) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("distribution", "x", "expected"),
    [
        (Weibull(double(1.0), double(3.0)), 1e-300, math.log(3) - 600 * math.log(10)),
        (Weibull(double(1.0), double(0.5)), 1e-300, math.log(0.5) + 150 * math.log(10)),
        (Weibull(double(1e-8), double(0.5)), 1e300, -1e154),
        (Gumbel(double(0.0), double(1.0)), -300.0, 300 - math.exp(300)),
        (Gumbel(double(0.0), double(1.0)), 1e200, -1e200),
        (Uniform(double(0.0), double(1e-300)), 0.0, 300 * math.log(10)),
    ],
)
def test_a_density_at_an_extreme_is_that_of_its_formula(distribution, x, expected):
    found = log_density_of(distribution)(double(x))
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda a, b: Weibull(a, b), double(1e-300, 1e-10, 1.0, 1e10, 1e100, 1e300)),
        (lambda a, b: Weibull(a, 20 * b), double(1e-300, 1.0, 30.0, 1e20, 1e300)),
        (lambda a, b: Gumbel(a, b), double(-1e300, -2e3, -700.0, -400.0, 0.0, 1e300)),
        (lambda a, b: VonMises(a, b), double(-math.pi, 0.0, math.pi)),
        (lambda a, b: VonMises(a, 1e10 * b), double(-math.pi, 0.0, math.pi)),
        (lambda a, b: Uniform(-a, b), double(-0.7, 0.0, 1.3)),
    ],
)
def test_a_density_never_has_a_slope_that_is_no_number(make, x):
    parameters = double(0.7, 1.3).requires_grad_()
    value = log_density_of(make(*parameters))(x)
    assert not value.isnan().any()
    (slope,) = torch.autograd.grad(torch.where(value.isfinite(), value, 0.0).sum(), parameters)
    assert slope.isfinite().all()


def test_a_density_that_is_beyond_all_numbers_is_zero_only_where_nothing_is_left_of_others():
    """Against a Laplace density the smallest number is reached where the exponent is 745."""
    gumbel = log_density_of(Gumbel(double(0.0), double(1.0)))
    assert gumbel(double(-750.0)).isfinite()
    assert gumbel(double(-800.0)).isneginf()


def test_the_parts_of_a_mixture_have_their_own_formula():
    shares = Categorical(double(0.3, 0.7))
    p = MixtureSameFamily(shares, VonMises(double(0.0, 1.0), double(2.0, 50.0)))
    x = double(-2.0, 0.0, 0.9)
    parts = [
        log_density_of(VonMises(double(loc), double(k)))(x).exp()
        for loc, k in ((0.0, 2.0), (1.0, 50.0))
    ]
    expected = (0.3 * parts[0] + 0.7 * parts[1]).log()
    torch.testing.assert_close(log_density_of(p)(x), expected, rtol=1e-12, atol=1e-12)
    even = MixtureSameFamily(shares, Beta(double(2.0, 1.0), double(2.0, 1.0)))
    torch.testing.assert_close(log_density_of(even)(double(0.3)), even.log_prob(double(0.3)))


def test_between_the_parts_of_a_mixture_there_is_nothing_and_no_slope_of_nan():
    ends = double(1.0, 3.0).requires_grad_()
    parts = Uniform(double(0.0, 2.0), ends)
    p = MixtureSameFamily(Categorical(double(0.5, 0.5)), parts)
    value = log_density_of(p)(double(0.5, 1.5, 2.5))
    assert value.tolist() == pytest.approx([math.log(0.5), -math.inf, math.log(0.5)])
    (slope,) = torch.autograd.grad(torch.where(value.isfinite(), value, 0.0).sum(), ends)
    assert slope.tolist() == [-1, -1]
