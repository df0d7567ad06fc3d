"""Divergences that grow as an exponential are made small by their logarithms."""

import math

import numpy as np
import pytest
import torch

from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from torch.autograd.functional import hessian, jacobian
from torch.distributions import Categorical, MixtureSameFamily, Normal, Poisson

import kldiv

from kldiv.solvers.steep import Steepness, grows

F64 = torch.float64


def double(value):
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize("name", ["alpha(alpha=3)", "tsallis(alpha=1.5)", "chi2", "neyman_chi2"])
def test_powers_above_one_grow(name):
    assert grows(kldiv.divergences.create(name))


@pytest.mark.parametrize(
    "name",
    ["kl", "renyi(alpha=3)", "alpha(alpha=0.5)", "alpha(alpha=1)", "squared_l2", "jeffreys"],
)
def test_what_is_bounded_or_additive_or_no_power_does_not(name):
    assert not grows(kldiv.divergences.create(name))


def test_gradients_and_hessians_are_those_of_the_logarithm_where_it_is_steep():
    def function(theta):
        return (theta.square() @ double([1.0, 2.0]) + theta.prod()).exp()

    theta = double([[1.5, 0.7], [0.1, 0.2]])
    loss = torch.stack([function(each) for each in theta])
    steep = Steepness.of(kldiv.divergences.create("chi2"), loss)
    assert steep.rows.tolist() == [True, False]
    known = [lambda each: function(each).log1p(), function]
    for row, expected in enumerate(known):
        at = theta[row]
        slope, bend = jacobian(function, at).unsqueeze(0), hessian(function, at).unsqueeze(0)
        picked, one = steep.of_starts(torch.tensor([row])), loss[row : row + 1]
        torch.testing.assert_close(picked.loss(one)[0], expected(at))
        torch.testing.assert_close(picked.gradient(one, slope)[0], jacobian(expected, at))
        torch.testing.assert_close(picked.hessian(one, slope, bend)[0], hessian(expected, at))


def test_a_start_where_the_divergence_is_astronomic_takes_few_steps():
    shares = double([0.042, 0.958])
    p = MixtureSameFamily(Categorical(shares), Normal(double([-6.0, 0.4]), double([0.5, 1.2])))
    start = {"loc": 5.0, "scale": 1.0}
    there = Normal(double(5.0), double(1.0))
    assert float(kldiv.divergence(p, there, "alpha(alpha=2.021)")) > 1e20
    found = kldiv.fit(p, "normal", "alpha(alpha=2.021)", starts=start)
    everywhere = kldiv.fit(p, "normal", "alpha(alpha=2.021)")
    assert found.converged
    assert len(found.history) < 40
    assert float(found.divergence) == pytest.approx(float(everywhere.divergence), rel=1e-9)


def test_a_least_value_that_is_astronomic_is_a_minimum():
    rates, shares = [100.0, 0.05], [0.001, 0.999]
    p = MixtureSameFamily(Categorical(double(shares)), Poisson(double(rates)))
    found = kldiv.fit(p, "poisson", "alpha(alpha=2)")

    k = np.arange(400.0)

    def log_poisson(rate):
        return k * math.log(rate) - rate - gammaln(k + 1)

    log_p = np.logaddexp(
        *(math.log(w) + log_poisson(r) for w, r in zip(shares, rates, strict=True))
    )

    def log_integral(log_rate):
        terms = 2 * log_p - log_poisson(math.exp(log_rate))
        return float(np.logaddexp.reduce(terms))

    known = minimize_scalar(
        log_integral, bounds=(1, 6), method="bounded", options={"xatol": 1e-10}
    )
    assert found.converged, found.verdict
    assert math.log(2 * float(found.divergence)) == pytest.approx(known.fun, abs=1e-9)
    assert float(found.parameters["rate"]) == pytest.approx(math.exp(known.x), rel=1e-5)
