"""Means over data: how far they are from the truth, few points and skewed ones included."""

import math

import pytest
import torch

from torch.distributions import Bernoulli, Categorical, Exponential, Normal, Poisson, Uniform

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.data_means import mean_over

F64 = torch.float64
LOG_2_PI = math.log(2 * math.pi)


def one(value):
    return torch.tensor(value, dtype=F64)


CASES = {
    "normal": (Normal(one(0.0), one(1.0)), Normal(one(0.0), one(1.0)), (1 + LOG_2_PI) / 2),
    "wide": (Normal(one(0.0), one(3.0)), Normal(one(1.0), one(1.0)), (10 + LOG_2_PI) / 2),
    "exponential": (Exponential(one(1.0)), Exponential(one(1.0)), 1.0),
    "rare": (Bernoulli(one(0.02)), Bernoulli(one(0.1)), -0.02 * math.log(1 / 9) - math.log(0.9)),
    "even": (Bernoulli(one(0.4)), Bernoulli(one(0.1)), -0.4 * math.log(1 / 9) - math.log(0.9)),
    "level": (Uniform(one(0.0), one(2.0)), Uniform(one(0.0), one(2.0)), math.log(2)),
}


@pytest.mark.parametrize("count", [1, 2, 5, 10, 20, 100])
@pytest.mark.parametrize("name", CASES)
def test_the_error_holds_for_few_points_too(name, count):
    p, q, truth = CASES[name]
    torch.manual_seed(count)
    held = 0
    for _ in range(300):
        found = kldiv.divergence(p.sample((count,)), q)
        held += abs(float(found) - truth) <= float(found.error) + 1e-12
    assert held >= 294  # of 300: 99 of 100, and two standard deviations of chance


def test_points_that_are_all_the_same_do_not_show_how_they_vary():
    normal = kldiv.divergence([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], Normal(one(0.0), one(1.0)))
    assert float(normal.error) == math.inf
    assert repr(normal).endswith("so few points, or all equal, do not show how they vary)")
    counts = kldiv.divergence(torch.zeros(100), Poisson(one(1.0)))
    assert float(counts.error) == math.inf
    coins = kldiv.divergence(torch.zeros(100), Bernoulli(one(0.1)))
    assert float(coins.error) == pytest.approx(5.3 / 100 * math.log(9), rel=1e-12)


def test_with_a_finite_number_of_outcomes_one_point_has_an_error():
    found = kldiv.divergence([2.0], Categorical(one([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])))
    expected = one([math.log(5 / 2), math.log(8)])
    torch.testing.assert_close(found.error, expected, rtol=1e-12, atol=0.0)


def test_chunks_have_the_error_of_the_whole():
    torch.manual_seed(0)
    points = torch.randn(90, dtype=F64).exp()
    q = Normal(one([0.0, 50.0]), one(2.0))
    whole = kldiv.divergence(points, q)
    chunks = kldiv.divergence(list(points.sort().values.numpy().reshape(9, 10)).__iter__(), q)
    torch.testing.assert_close(chunks.value, whole.value, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(chunks.stderr, whole.stderr, rtol=1e-9, atol=0.0)
    assert (chunks.error >= whole.error * (1 - 1e-9)).all()
    assert (chunks.error <= whole.error * 1.5).all()


def test_weights_count_as_fewer_points():
    torch.manual_seed(1)
    points = torch.randn(20, dtype=F64).repeat(2)
    q = DistributionTarget(Normal(one(0.0), one(1.0)))
    even = mean_over(SampleTarget(points), q, torch.neg)
    weights = torch.ones(40, dtype=F64)
    weights[:20] = 20.0
    uneven = mean_over(SampleTarget(points, weights), q, torch.neg)
    few = mean_over(SampleTarget(points[:20]), q, torch.neg)
    assert even.error < uneven.error
    assert float(uneven.error) == pytest.approx(float(few.error), rel=0.2)
