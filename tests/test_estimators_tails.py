"""Beyond the limits of the coordinates: a remainder is bounded, a rising tail is infinite."""

import math

import pytest
import torch

from kldiv.estimators.cubature import Cells, Integral
from kldiv.estimators.tails import tails

LIMITS = (-10.0, 10.0)


def integral_of(values, dimensions=1):
    """An integral with these values, over one cell and a batch of none."""
    totals = torch.tensor(values, dtype=torch.float64)
    lower = torch.full((1, dimensions), LIMITS[0], dtype=torch.float64)
    return Integral(totals, torch.zeros_like(totals), Cells(lower, -lower), 15)


def integrand_of(*functions):
    def integrand(u):
        values = torch.stack([function(u[..., 0]) for function in functions])
        return values, torch.zeros_like(values)

    return integrand


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0])
def test_an_exponential_leaves_out_half_of_its_bound(rate):
    function = integrand_of(lambda u: (-rate * u.abs()).exp())
    rising, beyond = tails(function, integral_of([2 / rate]), LIMITS)
    left_out = 2 * math.exp(-10 * rate) / rate
    assert not rising.any()
    assert float(beyond) == pytest.approx(2 * left_out, rel=1e-12)


def test_a_tail_that_does_not_fall_diverges():
    function = integrand_of(torch.exp, torch.ones_like, lambda u: (-u.abs()).exp())
    rising, beyond = tails(function, integral_of([2.0, 20.0, 2.0]), LIMITS)
    assert rising.tolist() == [True, True, False]
    assert beyond[1] == 0


def test_a_rise_too_small_to_count_is_noise():
    function = integrand_of(lambda u: 1e-12 * u.exp())
    small, _ = tails(function, integral_of([1.0]), LIMITS)
    large, _ = tails(function, integral_of([1e-3]), LIMITS)
    assert not small.any()
    assert large.all()


def test_nothing_lies_beyond_where_the_integrand_is_zero():
    rising, beyond = tails(integrand_of(torch.zeros_like), integral_of([1.0]), LIMITS)
    assert not rising.any()
    assert beyond.tolist() == [0.0]


def test_in_two_dimensions_no_tail_is_looked_at():
    def integrand(u):
        raise AssertionError("the integrand was evaluated")

    rising, beyond = tails(integrand, integral_of([1.0], dimensions=2), LIMITS)
    assert not rising.any()
    assert beyond.tolist() == [0.0]
