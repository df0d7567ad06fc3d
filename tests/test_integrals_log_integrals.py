"""Logarithms of integrals that are beyond all numbers, or too small for any."""

import math

import pytest
import torch

from torch.distributions import Exponential, Gamma, MultivariateNormal, Normal

import kldiv

from kldiv.estimators.integrals.log_integrals import PowerIntegral
from tests.axis import F64, double


def one(value):
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize("apart", [1.0, 40.0, 1e3, 1e5])
@pytest.mark.parametrize("alpha", [0.5, 2.0, 5.0])
def test_renyi_between_normals_however_far_apart(apart, alpha):
    p, q = Normal(one(0.0), 1.0), Normal(one(apart), 1.0)
    found = kldiv.divergence(p, q, f"renyi(alpha={alpha})", estimator="quadrature")
    truth = alpha * apart**2 / 2
    assert abs(float(found) - truth) <= float(found.error) + 1e-13 * truth
    assert float(found) == pytest.approx(truth, rel=1e-9)


def test_a_coefficient_of_overlap_may_be_smaller_than_any_number():
    p, q = Normal(one(0.0), 1.0), Normal(one(200.0), 2.0)
    found = kldiv.divergence(p, q, "bhattacharyya", estimator="quadrature")
    assert float(found) == pytest.approx(200**2 / 20 + math.log(5 / 4) / 2, rel=1e-9)


def test_in_the_plane_too():
    eye = torch.eye(2, dtype=F64)
    p, q = MultivariateNormal(double(0, 0), eye), MultivariateNormal(double(60, 30), eye)
    found = kldiv.divergence(p, q, "renyi(alpha=2)", estimator="quadrature")
    assert float(found) == pytest.approx(60**2 + 30**2, rel=1e-7)


@pytest.mark.parametrize(
    ("p", "q"),
    [(Exponential(one(1.0)), Exponential(one(2.5))), (Gamma(one(2.0), 1.0), Gamma(one(5.0), 1.0))],
)
def test_what_diverges_stays_infinite(p, q):
    assert math.isinf(float(kldiv.divergence(p, q, "renyi(alpha=2)", estimator="quadrature"))) == (
        isinstance(p, Exponential) or float(2 * p.concentration - q.concentration) <= 0
    )


POWER = PowerIntegral(2.0, -1.0, one(0.0))


def test_the_integrand_is_divided_by_its_scale():
    log_p, log_q = double(-1.0, -2.0), double(-3.0, -0.5)
    (plain,) = POWER.integrands(log_p, log_q)
    (scaled,) = PowerIntegral(2.0, -1.0, one(700.0)).integrands(log_p, log_q)
    assert torch.allclose(plain, (2 * log_p - log_q).exp())
    assert torch.allclose(scaled.log(), plain.log() - 700)
    assert float(POWER.combine(one(math.e))) == 1


def test_where_a_density_vanishes_that_counts_there_is_nothing():
    nothing, some = double(-math.inf), double(-1.0)
    assert POWER.exponent(nothing, some).isneginf().all()
    assert PowerIntegral(0.0, 1.0, one(0.0)).exponent(nothing, some).tolist() == [-1]
