"""Chernoff's divergence: between its bounds, near and far, and where p is within q."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Cauchy,
    Exponential,
    Gamma,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)

import kldiv

from kldiv.builtin.divergences.chernoff import ChernoffOfOrder


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def chernoff(p, q, estimator="auto"):
    return kldiv.divergence(p, q, "chernoff", estimator=estimator)


def exponentials(p, q):
    """The largest of log(α p + (1 - α) q) - α log p - (1 - α) log q."""
    return math.log((p - q) / math.log(p / q)) - 1 + (p * math.log(q) - q * math.log(p)) / (q - p)


SCALES = [1 + 1e-6, 1 + 1e-3, 1.5, 10.0, 1e3]


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_normals_of_equal_scale_are_best_told_apart_at_one_half(estimator):
    shift = torch.tensor([1e-4, 1e-3, 1.0, 8.0], dtype=torch.float64)
    found = chernoff(Normal(0.0, torch.ones(4).double()), Normal(shift, 1.0), estimator)
    torch.testing.assert_close(found.value, shift.square() / 8, rtol=1e-10, atol=0)


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_laws_of_a_scale_have_the_value_that_can_be_had_by_hand(estimator):
    rates = torch.tensor(SCALES, dtype=torch.float64)
    found = chernoff(Exponential(rates), one(Exponential, 1.0), estimator)
    for value, error, rate in zip(found.value, found.error, SCALES, strict=True):
        if rate < 1.1:  # the next term is smaller by (rate - 1)²
            truth = (rate - 1) ** 2 / 8 * (1 - (rate - 1))
            assert float(value) == pytest.approx(truth, rel=2 * (rate - 1) ** 2 + 1e-9)
        else:
            truth = exponentials(rate, 1.0)
            assert abs(float(value) - truth) <= float(error) + 1e-9 * truth


def test_the_rungs_agree_on_a_pair_of_heavy_and_light_tails():
    p, q = one(Cauchy, 0.0, 1.0), one(Normal, 0.0, 1.0)
    t = torch.linspace(-9, 9, 40_001, dtype=torch.float64)
    x, weight = t.sinh(), t.cosh() * (t[1] - t[0])
    orders = torch.linspace(0.2, 0.8, 121, dtype=torch.float64).unsqueeze(-1)
    power = (orders * p.log_prob(x) + (1 - orders) * q.log_prob(x)).exp()
    on_grid = -(power * weight).sum(-1).log()
    assert 0 <= float(chernoff(p, q)) - float(on_grid.max()) <= 1e-5
    assert float(chernoff(q, p)) == pytest.approx(float(chernoff(p, q)), rel=1e-10)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (one(Normal, 0.4, 1.1), one(Normal, -0.7, 1.6)),
        (one(Gamma, 2.0, 1.0), one(Gamma, 3.0, 0.5)),
        (one(Beta, 2.0, 3.0), one(Beta, 0.5, 1.0)),
        (one(Laplace, 0.0, 0.8), one(Laplace, 1.1, 1.5)),
        (one(Poisson, 2.3), one(Poisson, 3.1)),
    ],
    ids=["normal", "gamma", "beta", "laplace", "poisson"],
)
def test_it_is_between_bhattacharyya_and_both_divergences_of_kullback_and_leibler(p, q):
    found, lower = chernoff(p, q), kldiv.divergence(p, q, "bhattacharyya")
    upper = min(float(kldiv.divergence(*sides)) for sides in ((p, q), (q, p)))
    assert float(lower) < float(found) < upper


def test_where_p_is_within_q_it_is_taken_at_the_end_of_the_orders():
    inner, outer = one(Uniform, 0.0, 1.0), one(Uniform, -1.0, 4.0)
    for p, q in ((inner, outer), (outer, inner)):
        found = chernoff(p, q)
        assert float(found) == pytest.approx(math.log(5), rel=1e-10)
        assert abs(float(found) - math.log(5)) <= float(found.error)


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_its_gradient_is_that_of_finite_differences(estimator):
    def value(a, b, c, d):
        return chernoff(Gamma(a, b), Gamma(c, d), estimator).value

    leaves = [
        torch.tensor(each, dtype=torch.float64, requires_grad=True)
        for each in (2.0, 1.0, 3.0, 0.5)
    ]
    assert torch.autograd.gradcheck(value, leaves, eps=1e-5, atol=1e-6)


def test_of_close_normal_vectors_it_keeps_its_digits():
    root = torch.tensor([[0.9, 0.1], [-0.5, 0.7]], dtype=torch.float64)
    p = MultivariateNormal(torch.zeros(2).double(), root @ root.mT)
    values = []
    for step in (1e-6, 2e-6):
        q = MultivariateNormal(torch.full((2,), step).double(), (1 + step) * root @ root.mT)
        values.append(float(chernoff(p, q)))
    assert values[1] / values[0] == pytest.approx(4, rel=1e-5)
    assert values[0] > 0


def test_a_measure_counts_with_its_mass():
    p, q = one(Normal, 0.0, 1.0), one(Normal, 1.0, 1.0)

    def double(x):
        return p.log_prob(x) + math.log(2)

    found = chernoff(kldiv.Target(double, normalize=False), q)
    # -α log 2 + α (1 - α) / 2 is largest at α = 1/2 - log 2 < 0, hence at 0
    assert float(found) == pytest.approx(0.0, abs=1e-12)
    found = chernoff(q, kldiv.Target(lambda x: p.log_prob(x) - 0.2, normalize=False))
    order = 0.5 - 0.2  # of 0.2 (1 - α) + α (1 - α) / 2
    truth = 0.2 * (1 - order) + order * (1 - order) / 2
    assert float(found) == pytest.approx(truth, rel=1e-9)


def test_its_integrands_are_finite_where_the_densities_vanish():
    levels = torch.tensor([0.0, -1.0, -30.0, -700.0, -800.0, -1e4, -1e200, -math.inf]).double()
    log_p, log_q = torch.cartesian_prod(levels, levels)[:-1].T
    for order in (0.0, 1e-12, 0.3, 0.5, 0.9, 1.0):
        place = torch.tensor(order, dtype=torch.float64, requires_grad=True)
        for integrand in ChernoffOfOrder(place).integrands(log_p, log_q):
            assert integrand.isfinite().all()
            assert (integrand >= 0).all()
            (slope,) = torch.autograd.grad(integrand.sum(), place, create_graph=True)
            assert slope.isfinite()
            if slope.requires_grad:
                (curvature,) = torch.autograd.grad(slope, place)
                assert curvature.isfinite()
