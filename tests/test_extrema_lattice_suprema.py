"""The supremum over integers and over listed supports, however far out it is."""

import math

import pytest
import torch

from torch.distributions import (
    Binomial,
    Categorical,
    Geometric,
    MixtureSameFamily,
    NegativeBinomial,
    OneHotCategorical,
    Poisson,
)

import kldiv

LARGEST = "renyi(alpha=inf)"


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def largest(p, q):
    return kldiv.divergence(p, q, LARGEST, estimator="sum")


def by_hand(p, q, last):
    x = torch.arange(last + 1, dtype=torch.float64)
    return float((p.log_prob(x) - q.log_prob(x)).max())


MIXTURE = MixtureSameFamily(one(Categorical, [0.5, 0.5]), one(Poisson, [10.0, 1e4]))


@pytest.mark.parametrize(
    ("p", "q", "last"),
    [
        (one(Poisson, 2.3), one(Poisson, 3.1), 100),
        (one(Poisson, 2.0), one(Geometric, 0.3), 100),
        (one(Poisson, 1e3), one(Geometric, 0.3), 10_000),
        (one(Poisson, 1e3), one(Geometric, 0.999), 2_000_000),  # at 999 000
        (one(Binomial, 10.0, 0.3), one(Poisson, 3.0), 10),
        (one(NegativeBinomial, 2.0, 0.3), one(NegativeBinomial, 4.0, 0.4), 1_000),
        (MIXTURE, one(Geometric, 1e-4), 40_000),
    ],
    ids=["poissons", "geometric", "apart", "far", "bounded", "negative", "mixture"],
)
def test_it_is_the_largest_of_all_terms(p, q, last):
    found = largest(p, q)
    assert float(found) == pytest.approx(by_hand(p, q, last), rel=1e-14)
    assert float(found.error) <= 1e-13 * max(1, float(found))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (one(Poisson, 3.1), one(Poisson, 2.3)),
        (one(Geometric, 0.3), one(Poisson, 2.0)),
        (one(NegativeBinomial, 2.0, 0.3), one(NegativeBinomial, 1.0, 0.3)),
        (one(Poisson, 3.0), one(Binomial, 10.0, 0.3)),
    ],
    ids=["linear", "factorial", "logarithm", "beyond"],
)
def test_it_is_infinite_with_a_reason_where_a_ratio_grows_for_ever(p, q):
    found = largest(p, q)
    assert float(found) == math.inf
    assert found.reason


def test_of_many_trials_it_is_that_of_one_times_their_number():
    p, q = (one(Binomial, 1e5, each) for each in (0.3, 0.5))
    assert float(largest(p, q)) == pytest.approx(1e5 * math.log(1.4), rel=1e-12)


@pytest.mark.parametrize("kind", [Categorical, OneHotCategorical])
def test_a_listed_support_is_looked_at_point_by_point(kind):
    p = one(kind, [0.2, 0.3, 0.5])
    found = [largest(p, one(kind, probs)) for probs in ([0.4, 0.4, 0.2], [0.5, 0.5, 0.0])]
    assert [float(each) for each in found] == [pytest.approx(math.log(2.5)), math.inf]


def test_the_gradient_is_that_at_the_largest_term():
    rate = torch.tensor([2.3, 40.0], dtype=torch.float64, requires_grad=True)
    probs = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda rate, probs: largest(Poisson(rate), Geometric(probs)).value, (rate, probs)
    )
