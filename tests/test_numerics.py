"""Elementary functions keep their digits, in value and gradient, where textbook forms do not."""

import math

import mpmath
import pytest
import torch

from kldiv.numerics import (
    exp_gap,
    is_finite,
    log_gamma_half_step,
    log_mean,
    phi2,
    polynomial,
    product,
    relative_entropy,
    total,
    weighted_density,
)

EPS = torch.finfo(torch.float64).eps
EVERYWHERE = [-700.0, -40.0, -1.0 - 1e-12, -1.0, -0.3, -1e-9, 0.0, 1e-300, 1e-5, 1.0, 1.0 + 1e-12]


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def exactly(function, *arguments):
    """A function evaluated with so many digits that none of it cancels."""
    with mpmath.workdps(700):
        return float(function(*map(mpmath.mpf, arguments)))


@pytest.mark.parametrize("x", [*EVERYWHERE, 20.0, 700.0])
def test_the_remainder_is_right_to_its_last_digits_everywhere(x):
    truth = exactly(lambda t: (mpmath.e**t - 1 - t) / t**2 if t else mpmath.mpf("0.5"), x)
    assert float(phi2(double(x))) == pytest.approx(truth, rel=8 * EPS, abs=0)


@pytest.mark.parametrize("a", [1e-8, 0.5, 3.0, 24.9, 25.1, 1e3, 1e9, 1e200])
def test_half_a_step_of_the_gamma_function_keeps_its_digits(a):
    def step(t):
        return mpmath.loggamma(t + mpmath.mpf("0.5")) - mpmath.loggamma(t) - mpmath.log(t) / 2

    def slope(t):
        return mpmath.psi(0, t + mpmath.mpf("0.5")) - mpmath.psi(0, t) - 1 / (2 * t)

    at = double(a).requires_grad_()
    found = log_gamma_half_step(at)
    rounding = 200 * EPS if a < 25 else 0.0  # of logarithms up to 60
    assert found.item() == pytest.approx(exactly(step, a), rel=8 * EPS, abs=rounding)
    (found_slope,) = torch.autograd.grad(found, at)
    assert float(found_slope) == pytest.approx(exactly(slope, a), rel=1e-12, abs=rounding)


@pytest.mark.parametrize("x", [-30.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 30.0])
def test_the_remainder_has_its_own_derivative_through_zero(x):
    def derivative(t):
        return (t * mpmath.e**t - 2 * mpmath.e**t + t + 2) / t**3 if t else mpmath.mpf(1) / 6

    at = double(x).requires_grad_()
    (slope,) = torch.autograd.grad(phi2(at).sum(), at)
    assert float(slope) == pytest.approx(exactly(derivative, x), rel=1e-13)


def test_the_remainder_is_right_in_float32_too():
    x = torch.linspace(-5, 5, 101)
    exact = phi2(x.double())
    assert torch.allclose(phi2(x).double(), exact, rtol=16 * torch.finfo(torch.float32).eps)


def test_a_polynomial_has_value_slope_and_curvature_also_at_zero():
    x = torch.linspace(-1, 1, 5, dtype=torch.float64).requires_grad_()
    value = polynomial(x, (1.0, -2.0, 3.0, 4.0))
    (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    torch.testing.assert_close(value, 1 - 2 * x + 3 * x**2 + 4 * x**3, rtol=0, atol=8 * EPS)
    torch.testing.assert_close(slope, -2 + 6 * x + 12 * x**2, rtol=0, atol=32 * EPS)
    torch.testing.assert_close(curvature, 6 + 24 * x, rtol=0, atol=64 * EPS)


def test_a_polynomial_first_used_without_gradients_has_them_later():
    coefficients = (3.0, 0.25, 5.0)  # of no other test
    with torch.inference_mode():
        polynomial(torch.ones(2), coefficients)
    x = torch.zeros(2, requires_grad=True)
    polynomial(x, coefficients).sum().backward()
    assert x.grad.tolist() == [0.25, 0.25]


@pytest.mark.parametrize(
    ("values", "finite", "nan"),
    [([1.0], True, False), ([math.nan, 1.0], False, True), ([math.inf], False, False)],
)
def test_a_total_tells_of_infinities_and_of_nan(values, finite, nan):
    found = total(torch.tensor(values, requires_grad=True))
    assert (math.isfinite(found), math.isnan(found)) == (finite, nan)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1e-12), (-3.0, 2.0), (2.0, -3.0), (-700.0, -700.5)])
def test_a_gap_of_exponentials_does_not_cancel(a, b):
    truth = exactly(lambda s, t: abs(mpmath.e**s - mpmath.e**t), a, b)
    assert float(exp_gap(double(a), double(b))) == pytest.approx(truth, rel=4 * EPS * 700, abs=0)


def test_equal_exponentials_have_no_gap_and_a_finite_gradient():
    a, b = double(0.3).requires_grad_(), double(0.3).requires_grad_()
    gap = exp_gap(a, b)
    slopes = torch.autograd.grad(gap.sum(), (a, b))
    assert float(gap.detach()) == 0
    assert all(slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("weight", [1e-9, 0.3, 0.5, 1 - 1e-9])
def test_the_logarithm_of_a_mixture_is_that_of_the_weighted_mean(weight):
    truth = exactly(
        lambda s, t, w: mpmath.log((1 - w) * mpmath.e**s + w * mpmath.e**t), -2.0, 3.0, weight
    )
    found = float(log_mean(double(-2.0), double(3.0), weight))
    assert found == pytest.approx(truth, rel=4 * EPS, abs=4 * EPS)


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-8, 1e-3, 0.999, 1.0, 1.001, 5.0, 500.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_relative_entropy_is_right_near_and_far(gap, sign):
    log_p, log_q = -1.25, -1.25 - sign * gap

    def truth(p, q):
        return mpmath.e**p * (p - q) - mpmath.e**p + mpmath.e**q

    found = float(relative_entropy(double(log_p), double(log_q)))
    exact = exactly(truth, log_p, log_q)
    assert found == pytest.approx(exact, rel=16 * EPS, abs=0)


def test_relative_entropy_is_not_negative_and_keeps_its_digits_in_float32():
    generator = torch.Generator().manual_seed(0)
    log_p = torch.randn(10_000, generator=generator)
    log_q = log_p + 1e-3 * torch.randn(10_000, generator=generator)
    eps = torch.finfo(torch.float32).eps
    found = relative_entropy(log_p, log_q)
    assert (found >= 0).all()
    exact = relative_entropy(log_p.double(), log_q.double())
    assert ((found - exact).abs() <= 64 * eps * exact).all()


def test_a_product_with_zero_is_zero_whatever_the_other_factor():
    values = product(double(0.0, 0.0, 2.0), double(math.inf, -math.inf, 3.0))
    assert values.tolist() == [0, 0, 6]


def test_a_product_with_zero_sends_no_nan_into_gradients():
    p = double(0.0, 2.0).requires_grad_()
    factor = double(math.inf, 3.0).requires_grad_()
    slopes = torch.autograd.grad(product(p, factor).sum(), (p, factor))
    assert [slope.tolist() for slope in slopes] == [[0, 3], [0, 2]]


def test_a_product_that_happens_to_be_zero_keeps_its_gradient():
    p, factor = double(0.0).requires_grad_(), double(3.0).requires_grad_()
    slopes = torch.autograd.grad(product(p, factor).sum(), (p, factor))
    assert [float(slope) for slope in slopes] == [3, 0]


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        ((1.0, -2.0), True),
        ((1e308, 1e308), True),
        ((1.0, math.inf), False),
        ((math.inf, -math.inf), False),
        ((math.nan,), False),
        ((), True),
    ],
)
def test_numbers_are_finite_where_each_is_whatever_their_sum(values, finite):
    assert is_finite(double(*values)) is finite


@pytest.mark.parametrize("constant", [2.0, math.inf])
def test_a_weighted_density_is_0_where_the_density_vanishes(constant):
    log_density = torch.tensor([0.0, -math.inf, 0.0], dtype=torch.float64)
    where = torch.tensor([True, True, False])
    assert weighted_density(log_density, constant, where).tolist() == [constant, 0, 0]
