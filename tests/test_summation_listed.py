"""Sums over vectors of counts: additive where the theory says so, infinite where a part is."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Geometric,
    Independent,
    MixtureSameFamily,
    Multinomial,
    OneHotCategorical,
    Poisson,
)

import kldiv

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def vector(kind, *values):
    return Independent(kind(double(*values)), 1)


def summed(p, q, divergence="kl"):
    return kldiv.divergence(p, q, divergence, estimator="sum")


PRODUCTS = [
    (Poisson, (3.0, 0.5), (4.0, 0.2)),
    (Bernoulli, (0.2, 0.5, 1.0), (0.3, 0.9, 0.5)),
    (Geometric, (0.3, 0.6), (0.5, 0.2)),
    (Categorical, ((0.2, 0.8, 0.0), (0.5, 0.3, 0.2)), ((1, 1, 1), (3, 2, 1))),
]


@pytest.mark.parametrize(("kind", "p", "q"), PRODUCTS)
def test_independent_parts_add_up(kind, p, q):
    found = summed(vector(kind, *p), vector(kind, *q))
    parts = float(summed(kind(double(*p)), kind(double(*q))).value.sum())
    assert float(found) == pytest.approx(parts, rel=1e-12)
    assert abs(float(found) - parts) <= float(found.error) + 1e-14 * parts
    affinity = summed(vector(kind, *p), vector(kind, *q), "squared_hellinger")
    of_parts = summed(kind(double(*p)), kind(double(*q)), "squared_hellinger").value
    assert float(1 - affinity.value) == pytest.approx(float((1 - of_parts).prod()), rel=1e-12)


def test_multinomial_counts():
    p, q = Multinomial(6, double(0.2, 0.3, 0.5)), Multinomial(6, double(0.5, 0.3, 0.2))
    truth = 6 * (0.2 * math.log(0.4) + 0.5 * math.log(2.5))
    assert float(summed(p, q)) == pytest.approx(truth, rel=1e-13)
    other = Multinomial(5, double(0.5, 0.3, 0.2))
    assert float(summed(p, other)) == math.inf
    assert float(summed(p, other, "total_variation")) == pytest.approx(1, rel=1e-13)


def test_batches_of_vectors_broadcast():
    p = OneHotCategorical(double(0.2, 0.3, 0.5).expand(3, 3))
    q = OneHotCategorical(torch.rand(5, 3, 3, dtype=F64, generator=torch.manual_seed(0)))
    found = summed(p, q).value
    expected = (p.probs * (p.probs.log() - q.probs.log())).sum(-1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_a_part_that_diverges_makes_the_whole_infinite():
    p = vector(Geometric, 0.1, 0.5)
    found = summed(p, vector(Geometric, 0.2, 0.5), "chi2")
    assert float(found) == math.inf
    assert found.reason == "the sum diverges: its terms do not fall fast enough"
    assert math.isfinite(float(summed(p, vector(Poisson, 2.0, 1.0))))


def test_a_mixture_of_products_is_summed_over_its_box():
    parts = Independent(Poisson(double((1.0, 5.0), (6.0, 2.0))), 1)
    p = MixtureSameFamily(Categorical(double(0.3, 0.7)), parts)
    q = vector(Poisson, 4.5, 2.9)
    found = summed(p, q)
    grid = torch.cartesian_prod(*[torch.arange(60, dtype=F64)] * 2)
    log_p, log_q = p.log_prob(grid), q.log_prob(grid)
    truth = float((log_p.exp() * (log_p - log_q)).sum())
    assert float(found) == pytest.approx(truth, rel=1e-12)
    assert float(found.error) < 1e-9


def test_gradients_are_those_of_the_parts():
    rates = double(3.0, 0.5).requires_grad_()
    value = summed(Independent(Poisson(rates), 1), vector(Poisson, 4.0, 0.2)).value
    (slope,) = torch.autograd.grad(value, rates)
    torch.testing.assert_close(slope, (rates / double(4.0, 0.2)).log(), rtol=1e-12, atol=0)
