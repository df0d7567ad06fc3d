"""Log probabilities of counts keep their digits, whatever the parameters."""

import math

import pytest
import torch

from torch.distributions import Binomial, NegativeBinomial, Poisson

from kldiv.definitions.counts import log_binomial, log_negative_binomial, log_poisson

F64 = torch.float64
EPS = torch.finfo(F64).eps


def one(value):
    return torch.tensor(value, dtype=F64)


# by mpmath, to 30 digits, of the numbers as they are in float64
LARGE = [
    (log_poisson, (1e6, 1e6), -7.82669389552014312716),
    (log_poisson, (1.005e6, 1e6), -20.3084062601300491285),
    (log_poisson, (0.0, 1e6), -1e6),
    (log_poisson, (1.0, 1e-310), -713.801378828154165),
    (log_poisson, (1e150, 1e-200), -8.04904782547915974e152),
    (log_poisson, (1e300, 1e-20), -7.35827229758094658e302),
]


@pytest.mark.parametrize(("function", "arguments", "truth"), LARGE)
def test_large_counts_have_all_their_digits(function, arguments, truth):
    assert float(function(*map(one, arguments))) == pytest.approx(truth, rel=4 * EPS, abs=0)


def test_small_counts_have_the_values_of_torch():
    k = torch.arange(21, dtype=F64)
    p, total = one(0.3), one(20.0)
    pairs = [
        (log_poisson(k, one(3.7)), Poisson(one(3.7)).log_prob(k)),
        (log_binomial(k, total, p, 1 - p), Binomial(20, p).log_prob(k)),
        (
            log_negative_binomial(k, one(0.4), p, 1 - p),
            NegativeBinomial(one(0.4), p).log_prob(k),
        ),
    ]
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", [1e3, 1e5])
def test_probabilities_sum_to_1(size):
    k = torch.arange(2 * size, dtype=F64)
    half = one(0.5)
    for log in (
        log_poisson(k, one(size)),
        log_binomial(k, one(1.5 * size), half, half),
        log_negative_binomial(k, one(size / 2), half, half),
    ):
        assert float(log.exp().sum()) == pytest.approx(1, abs=2e-13)


def test_certain_and_impossible_counts_are_exact_and_have_finite_gradients():
    k = torch.arange(4, dtype=F64)
    never = [0, -math.inf, -math.inf, -math.inf]
    zero, sure = one(0.0).requires_grad_(), one(1.0).requires_grad_()
    total = one(3.0)
    found = {
        log_poisson(k, zero): never,
        log_binomial(k, total, zero, sure): never,
        log_binomial(k, total, sure, zero): never[::-1],
        log_negative_binomial(k, total, zero, sure): never,
    }
    for value, expected in found.items():
        assert value.tolist() == expected
        slopes = torch.autograd.grad(
            value[value.isfinite()].sum(), (zero, sure), allow_unused=True
        )
        assert all(slope is None or slope.isfinite() for slope in slopes)
    assert log_binomial(one(5.0), total, one(0.5), one(0.5)) == -math.inf
    assert log_binomial(one(0.0), one(0.0), one(0.5), one(0.5)) == 0


def test_gradients_are_those_of_finite_differences():
    k = torch.tensor([[0.0, 1.0], [3.0, 15.0], [60.0, 30.0]], dtype=F64)
    count = torch.tensor([2.5, 40.0], dtype=F64, requires_grad=True)
    p = torch.tensor([0.3, 0.6], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: log_poisson(k, r), (count,))
    assert torch.autograd.gradcheck(lambda r, p: log_negative_binomial(k, r, p, 1 - p), (count, p))
    assert torch.autograd.gradcheck(lambda p: log_binomial(k, one(60.0), p, 1 - p), (p,))


def test_counts_beyond_all_measure_are_no_nan():
    far = one(2.0**1000)
    assert float(log_poisson(far, one(3.0))) < -1e303
    assert -1e302 < float(log_negative_binomial(far, one(3.5), one(0.3), one(0.7))) < -1e301
