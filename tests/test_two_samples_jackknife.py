"""The jackknife of groups, against formulas that are known."""

import math

import pytest
import torch

from kldiv.definitions.sample_target import SampleTarget
from kldiv.estimators.two_samples.jackknife import jackknife

RANDOM = torch.Generator().manual_seed(0)
P = SampleTarget(torch.randn(20, generator=RANDOM, dtype=torch.float64))
Q = SampleTarget(torch.randn(20, generator=RANDOM, dtype=torch.float64))


def gap(points_p, weights_p, points_q, weights_q):
    return weights_p @ points_p - weights_q @ points_q


def test_of_a_difference_of_means_it_is_unbiased_and_has_the_textbook_variance():
    value, error, stderr = jackknife(gap, P, Q, seed=0)
    assert float(value) == pytest.approx(float(P.points.mean() - Q.points.mean()), rel=1e-14)
    # groups of one point of each side: the variance of the differences of the pairs left out
    bare = [
        jackknife(lambda *four, i=i: (four[1] @ four[0], four[3] @ four[2])[i], P, Q, 0)[2]
        for i in range(2)
    ]
    assert float(bare[0]) == pytest.approx(float(P.points.std() / math.sqrt(20)), rel=1e-12)
    assert float(bare[1]) == pytest.approx(float(Q.points.std() / math.sqrt(20)), rel=1e-12)
    assert float(error) == pytest.approx(3.3 * float(stderr), rel=1e-9)


def test_the_bias_of_a_square_is_seen():
    # the square of a mean is above that of the truth by the variance of the mean
    square = lambda points_p, weights_p, points_q, weights_q: (weights_p @ points_p).square()
    _, error, stderr = jackknife(square, P, Q, seed=0)
    assert float(error - 3.3 * stderr) == pytest.approx(float(P.points.var() / 20), rel=1e-9)


def test_the_seed_decides_the_groups():
    many = SampleTarget(torch.randn(90, generator=RANDOM, dtype=torch.float64))
    first, same, other = (jackknife(gap, many, Q, seed)[2] for seed in (1, 1, 2))
    assert first == same
    assert first != other
