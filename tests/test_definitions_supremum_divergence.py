"""A divergence that is a supremum is a function of two log densities; estimators do the rest."""

import math

import pytest
import torch

from torch.distributions import Independent, Normal, Poisson, StudentT

import kldiv

from kldiv.definitions.supremum_divergence import SupremumDivergence


class LargestGap(SupremumDivergence):
    """The largest amount by which p is above q."""

    without_q = 0.0

    def height(self, log_p, log_q):
        return log_p.exp() - log_q.exp()


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def test_its_height_is_all_that_an_author_writes():
    p, q = one(Normal, 0.0, 1.0), one(Normal, 0.0, 2.0)
    found = kldiv.divergence(p, q, LargestGap)
    assert found.method == "quadrature"
    assert float(found) == pytest.approx(0.5 / math.sqrt(2 * math.pi), rel=1e-12)
    p, q = one(Poisson, 1.0), one(Poisson, 2.0)
    found = kldiv.divergence(p, q, LargestGap)
    assert found.method == "sum"
    assert float(found) == pytest.approx(math.exp(-1) - math.exp(-2), rel=1e-12)


def test_a_sample_is_not_enough_and_the_reason_says_so():
    p = Independent(StudentT(torch.full((3,), 2.0)), 1)
    explained = kldiv.explain(p, p, LargestGap)
    assert explained.method is None
    assert "a sample shows no more than a lower bound" in explained.rejected["monte_carlo"]
    with pytest.raises(kldiv.NotAvailable, match="lower bound"):
        kldiv.divergence(p, p, LargestGap, estimator="monte_carlo")
