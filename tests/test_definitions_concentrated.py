"""Log densities of gamma, inverse gamma and beta distributions, against many digits."""

import mpmath
import pytest
import torch

from torch.distributions import Beta, Gamma, InverseGamma

from kldiv.definitions.log_density import log_density_of

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


def gamma(k, rate, x):
    k, rate, x = map(mpmath.mpf, (k, rate, x))
    return k * mpmath.log(rate) + (k - 1) * mpmath.log(x) - rate * x - mpmath.loggamma(k)


def inverse_gamma(k, rate, x):
    return gamma(k, rate, 1 / mpmath.mpf(x)) - 2 * mpmath.log(x)


def beta(a, b, x):
    a, b, x = map(mpmath.mpf, (a, b, x))
    rest = mpmath.loggamma(a + b) - mpmath.loggamma(a) - mpmath.loggamma(b)
    return rest + (a - 1) * mpmath.log(x) + (b - 1) * mpmath.log(1 - x)


CASES = [
    (kind, exact, first, second, middle * (1 + away * wide))
    for kind, exact, first, second, middle, wide in (
        (Gamma, gamma, 5.0, 2.0, 2.5, 0.1),
        (Gamma, gamma, 999.0, 3.0, 333.0, 0.03),
        (Gamma, gamma, 2e3, 7.0, 2e3 / 7, 0.02),
        (Gamma, gamma, 1e6, 1e-3, 1e9, 1e-3),
        (Gamma, gamma, 1e12, 1e6, 1e6, 1e-6),
        (InverseGamma, inverse_gamma, 4.0, 2.0, 0.5, 0.1),
        (InverseGamma, inverse_gamma, 1e6, 1e3, 1e-3, 1e-3),
        (InverseGamma, inverse_gamma, 1e12, 1e6, 1e-6, 1e-6),
        (Beta, beta, 2.0, 3.0, 0.4, 0.3),
        (Beta, beta, 2e3, 0.5, 0.9995, 1e-4),
        (Beta, beta, 0.5, 1e5, 1e-5, 0.9),
        (Beta, beta, 1e6, 2e6, 1 / 3, 1e-3),
        (Beta, beta, 1e12, 1e10, 1 / 1.01, 1e-7),
    )
    for away in (-3.0, 0.0, 1.0, 4.0)
    if middle * (1 + away * wide) > 0
]


@pytest.mark.parametrize(("kind", "exact", "first", "second", "x"), CASES)
def test_no_digits_are_lost(kind, exact, first, second, x):
    """But those that a rounding of x costs, by which the log density moves."""
    with mpmath.workdps(50):
        expected = exact(first, second, x)
        moved = abs(exact(first, second, x * (1 + mpmath.mpf(2) ** -52)) - expected)
        found = float(log_density_of(kind(number(first), number(second)))(number(x)))
        assert abs(found - expected) <= 4 * moved + 1e-12 * (1 + abs(expected))


@pytest.mark.parametrize(("kind", "exact", "first", "second", "x"), CASES)
def test_gradients_are_those_of_the_parameters(kind, exact, first, second, x):
    one, two = (number(each).requires_grad_() for each in (first, second))
    log_density_of(kind(one, two))(number(x)).backward()
    with mpmath.workdps(50):
        near, beside = (
            (
                mpmath.diff(lambda value, at=at: exact(value, second, at), first),
                mpmath.diff(lambda value, at=at: exact(first, value, at), second),
            )
            for at in (x, x * (1 + mpmath.mpf(2) ** -52))
        )
        for found, expected, moved in zip((one, two), near, beside, strict=True):
            room = 4 * abs(moved - expected) + 1e-11 * abs(expected)
            assert abs(float(found.grad) - expected) <= room


def test_a_batch_may_hold_both_kinds():
    k = torch.tensor([2.0, 1e9], dtype=F64)
    x = torch.tensor([[0.5, 1.0], [3.0, 1.00001]], dtype=F64)
    found = log_density_of(Gamma(k, k))(x)
    alone = [log_density_of(Gamma(each, each))(x[:, i]) for i, each in enumerate(k)]
    assert torch.allclose(found, torch.stack(alone, -1), rtol=1e-13, atol=1e-13)


def test_at_0_a_large_concentration_has_no_density():
    found = log_density_of(Gamma(number(1e6), number(1.0), validate_args=False))(number(0.0))
    assert found == -torch.inf
