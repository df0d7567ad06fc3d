"""Integrals that diverge only where nothing is a number any more."""

import math

import pytest
import torch

from torch.distributions import Gamma, Laplace, LogNormal, Normal, StudentT, Weibull

import kldiv

from kldiv.estimators.integrals.stretched import outgrown
from tests.axis import F64, double, line

OUTWARD = double([100.0], [150.0], [300.0])


class Powers:
    """The integrand p^a q^b."""

    chart = line()

    def __init__(self, a, b):
        self.a, self.b = a, b

    def densities(self, x, logs, log_slope, line):
        return (self.a * logs[0] + self.b * logs[1] + log_slope).exp().unsqueeze(0)


def stretched(power, scale=1.0):
    return -((power * OUTWARD).exp() / scale)


@pytest.mark.parametrize(
    ("log_p", "log_q", "found"),
    [
        (stretched(0.2), stretched(0.2 + 1e-9), True),
        (stretched(0.2 + 1e-9), stretched(0.2), False),
        (stretched(0.2), stretched(0.2, 1.3), False),
        (stretched(1.0), stretched(2.0), True),
        (-5 * OUTWARD - 1, -6 * OUTWARD - 2, False),
        (-OUTWARD.square(), -(OUTWARD + 1).square(), False),
        (torch.full_like(OUTWARD, -math.inf), stretched(1.0), False),
    ],
)
def test_p_squared_over_q_diverges_where_q_falls_faster_by_however_little(log_p, log_q, found):
    assert outgrown(Powers(2.0, -1.0), (log_p, log_q), OUTWARD).tolist() == [[found]] or not found
    assert bool(outgrown(Powers(2.0, -1.0), (log_p, log_q), OUTWARD).any()) == found


@pytest.mark.parametrize("powers", [(1.0, 0.0), (0.5, 0.5), (2.0, 0.0), (0.0, 1.0)])
def test_integrands_that_fall_with_both_never_do(powers):
    logs = stretched(0.2), stretched(0.3)
    assert not outgrown(Powers(*powers), logs, OUTWARD).any()


def one(value):
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "infinite"),
    [
        (Weibull(one(1.0), 0.5), Weibull(one(1.0), 0.5000001), "chi2", True),
        (Weibull(one(1.0), 0.5000001), Weibull(one(1.0), 0.5), "chi2", False),
        (Weibull(one(1.0), 0.5), Weibull(one(1.0), 0.5000001), "kl", False),
        (Gamma(one(2.0), 1.0), Gamma(one(3.0), 1.0), "chi2", False),
        (Normal(one(0.0), 1.0), Normal(one(5.0), 1.0), "chi2", False),
        (Laplace(one(0.0), 1.0), Normal(one(0.0), 9.0), "chi2", True),
        (StudentT(one(4.0)), StudentT(one(5.0)), "chi2", False),
        (LogNormal(one(0.0), 1.0), LogNormal(one(0.1), 1.0), "chi2", False),
    ],
)
def test_divergences_are_infinite_where_they_must_be(p, q, divergence, infinite):
    assert (
        math.isinf(float(kldiv.divergence(p, q, divergence, estimator="quadrature"))) == infinite
    )
