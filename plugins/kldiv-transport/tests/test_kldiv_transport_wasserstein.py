"""Wasserstein's distance: samples, integrals of quantiles, gradients and fits."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Exponential,
    Gumbel,
    Laplace,
    MixtureSameFamily,
    Normal,
    Pareto,
    Poisson,
    Uniform,
)

import kldiv

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


def normal(loc, scale):
    return Normal(number(loc), number(scale))


RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=300), RANDOM.normal(size=200) + 1
V, W = RANDOM.random(300), RANDOM.random(200)
MIXTURE = MixtureSameFamily(Categorical(number([0.3, 0.7])), normal([-3.0, 3.0], [1.0, 0.5]))


def test_the_laws_hold_on_the_line():
    kldiv.testing.check_divergence("wasserstein").raise_for_failures()


@pytest.mark.slow
def test_the_laws_hold_of_order_2():
    kldiv.testing.check_divergence("wasserstein(order=2)").raise_for_failures()


def test_between_samples_it_is_that_of_scipy():
    found = kldiv.divergence(X, Y, "wasserstein")
    assert float(found) == pytest.approx(scipy.stats.wasserstein_distance(X, Y), rel=1e-12)


def test_weights_count():
    compare = kldiv.divergences.create("wasserstein").compare
    found = compare(*(torch.from_numpy(each) for each in (X, V / V.sum(), Y, W / W.sum())))
    assert float(found) == pytest.approx(scipy.stats.wasserstein_distance(X, Y, V, W), rel=1e-12)


def test_two_samples_in_the_plane_are_assigned():
    x, y = RANDOM.normal(size=(40, 2)), RANDOM.normal(size=(40, 2)) + 1
    cost = np.square(x[:, None] - y).sum(-1)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    found = kldiv.divergence(x, y, "wasserstein(order=2)")
    assert float(found) == pytest.approx(math.sqrt(cost[rows, columns].mean()), rel=1e-10)


def test_more_dimensions_are_refused_with_a_remedy():
    with pytest.raises(kldiv.InvalidArgument, match="sliced_wasserstein"):
        kldiv.divergence(torch.zeros(30, 3), torch.ones(30, 3), "wasserstein")


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
@pytest.mark.parametrize(
    "pair",
    [
        (normal(0.4, 1.1), normal(-0.7, 1.6)),
        (Laplace(number(0.0), number(1.0)), Laplace(number(1.0), number(3.0))),
        (Uniform(number(0.0), number(1.0)), Uniform(number(0.5), number(2.0))),
        (Exponential(number(1.0)), Exponential(number(2.5))),
    ],
    ids=lambda pair: type(pair[0]).__name__,
)
def test_closed_forms_are_the_integrals(pair, order):
    name = f"wasserstein(order={order})"
    whole, integral = (
        kldiv.divergence(*pair, name, estimator=each) for each in ("auto", "quantiles")
    )
    gap = abs(float(whole) - float(integral))
    assert gap <= float(whole.error) + float(integral.error)
    assert float(integral.error) < 1e-6


def test_a_mixture_is_inverted():
    x = np.linspace(-40, 40, 400_001)
    above = 0.3 * scipy.stats.norm.cdf(x, -3, 1) + 0.7 * scipy.stats.norm.cdf(x, 3, 0.5)
    truth = np.trapezoid(np.abs(above - scipy.stats.norm.cdf(x, 0, 2)), x)
    found = kldiv.divergence(MIXTURE, normal(0.0, 2.0), "wasserstein")
    assert found.method == "quantiles"
    assert abs(float(found) - truth) <= float(found.error) + 1e-8
    assert float(found.error) < 1e-8


def test_tails_that_are_too_heavy_make_it_infinite():
    found = kldiv.divergence(Cauchy(number(0.0), number(1.0)), normal(0.0, 1.0), "wasserstein")
    assert math.isinf(float(found))
    assert "moment" in found.reason
    tail = kldiv.divergence(
        Pareto(number(1.0), number(2.5)), Pareto(number(1.5), number(2.5)), "wasserstein(order=2)"
    )
    assert abs(float(tail) - 0.5 * math.sqrt(5)) <= float(tail.error)  # E x² is 5


def test_a_shift_moves_heavy_tails_by_no_more():
    p, q = Cauchy(number(0.0), number(1.0)), Cauchy(number(1.0), number(1.0))
    assert float(kldiv.divergence(p, q, "wasserstein(order=2)")) == pytest.approx(1, abs=1e-9)


def test_counts_are_listed():
    found = kldiv.divergence(Poisson(number([2.3, 90.0])), Poisson(number(3.1)), "wasserstein")
    torch.testing.assert_close(found.value, number([0.8, 86.9]))  # one is above the other
    coin = kldiv.divergence(Bernoulli(number(0.5)), Bernoulli(number(0.7)), "wasserstein(order=2)")
    assert float(coin) == pytest.approx(math.sqrt(0.2))


@pytest.mark.parametrize(
    "other", [Gumbel(number(0.5), number(1.2)), MIXTURE], ids=["gumbel", "mix"]
)
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_integrals_are_theirs(other, order):
    parameters = [number(0.1).requires_grad_(), number(1.3).requires_grad_()]

    def value(loc, scale):
        return kldiv.divergence(other, Normal(loc, scale), f"wasserstein(order={order})").value

    assert torch.autograd.gradcheck(value, parameters, eps=1e-4, atol=1e-4)


def test_a_normal_is_fitted_to_samples():
    fit = kldiv.fit(2 * X + 1, "normal", "wasserstein(order=2)")
    assert fit.converged
    assert float(fit.parameters["loc"]) == pytest.approx(float((2 * X + 1).mean()), abs=1e-2)
    assert float(fit.parameters["scale"]) == pytest.approx(float(2 * X.std()), rel=2e-2)


def test_quantiles_that_were_found_before_do_not_mislead():
    loc = number([0.0, 100.0])
    mixture = MixtureSameFamily(Categorical(number([0.5, 0.5])), Normal(loc, number(1.0)))
    other = Normal(number(0.0), number(1.0))
    first = kldiv.divergence(mixture, other, "wasserstein").value
    again = kldiv.divergence(mixture, other, "wasserstein").value
    assert float(again) == pytest.approx(float(first), rel=1e-12)
    loc[1] = -1e6  # what was found is now far from every quantile
    moved = MixtureSameFamily(Categorical(number([0.5, 0.5])), Normal(loc.clone(), number(1.0)))
    of_old, of_new = (kldiv.divergence(p, other, "wasserstein").value for p in (mixture, moved))
    assert float(of_old) == pytest.approx(float(of_new), rel=1e-10)
