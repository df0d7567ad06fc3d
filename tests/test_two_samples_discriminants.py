"""Guesses of a log ratio, against densities that are known."""

import numpy as np
import pytest

from scipy import stats

from kldiv.estimators.two_samples.discriminants import (
    NORMAL,
    frequency_log_ratio,
    normal_log_ratio,
)
from kldiv.estimators.two_samples.pooled import Pool

EVERY = np.ones(8, bool)


def moments_of(points):
    return points.mean(0), np.cov(points.T, bias=True)


def every_guess(pool, train):
    return [normal_log_ratio(pool, train, number) for number in range(NORMAL)]


def test_the_second_guess_is_the_ratio_of_two_normal_densities():
    random = np.random.default_rng(0)
    p, q = random.normal(size=(70, 2)), random.normal(1, 2, size=(50, 2))
    pool = Pool(
        np.concatenate([p, q]), np.arange(120) < 70, np.repeat([60 / 70, 60 / 50], [70, 50]), 0
    )
    truth = stats.multivariate_normal(*moments_of(p)).logpdf(
        pool.points
    ) - stats.multivariate_normal(*moments_of(q)).logpdf(pool.points)
    guesses = every_guess(pool, np.ones(120, bool))
    np.testing.assert_array_equal(guesses[0], 0)
    np.testing.assert_allclose(guesses[1], truth, rtol=1e-6, atol=1e-6)


def test_only_the_points_to_train_with_are_used():
    random = np.random.default_rng(0)
    points = random.normal(size=(80, 1))
    train = np.arange(80) % 2 == 0
    first = np.arange(80) < 40
    one = every_guess(Pool(points, first, np.ones(80), 0), train)
    swapped = np.where(train, first, ~first)
    other = every_guess(Pool(points, swapped, np.ones(80), 0), train)
    np.testing.assert_array_equal(one, other)


def test_frequencies_have_half_a_point_added():
    points = np.array([0.0, 0, 0, 1, 0, 1, 1, 2])[:, None]
    pool = Pool(points, np.arange(8) < 4, np.ones(8), 0)
    shares = {0.0: (3.5, 1.5), 1.0: (1.5, 2.5), 2.0: (0.5, 1.5)}
    truth = [np.log(shares[x][0] / shares[x][1]) for x in points[:, 0]]
    assert frequency_log_ratio(pool, EVERY) == pytest.approx(truth, rel=1e-14)
