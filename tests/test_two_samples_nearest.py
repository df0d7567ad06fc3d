"""The nearest points, by trees and by products, against all distances."""

import numpy as np
import pytest

from scipy.spatial.distance import cdist

from kldiv.estimators.two_samples.nearest import nearest


@pytest.mark.parametrize("size", [1, 6, 7, 12])
@pytest.mark.parametrize("count", [1, 4, 13])
@pytest.mark.parametrize("many", [13, 500])
def test_they_are_the_nearest_in_order_with_their_distances(size, count, many):
    random = np.random.default_rng(size)
    points, at = random.normal(size=(many, size)), random.normal(size=(40, size))
    distances, numbers = nearest(points, at, count)
    every = cdist(at, points)
    order = every.argsort(1)[:, :count]
    np.testing.assert_array_equal(numbers, order)
    np.testing.assert_allclose(distances, np.take_along_axis(every, order, 1), rtol=1e-12)


@pytest.mark.parametrize("size", [3, 9])
def test_far_from_the_origin_distances_keep_their_digits(size):
    random = np.random.default_rng(0)
    points = random.integers(-4, 5, size=(60, size)) * 2.0**-20
    there = points + 1.0  # exactly
    np.testing.assert_allclose(nearest(there, there, 1)[0], 0.0, atol=0.0)
    truth = np.sort(cdist(points, points), 1)[:, :5]
    np.testing.assert_allclose(nearest(points, points, 5)[0], truth, rtol=1e-12, atol=1e-20)


def test_many_rows_are_more_than_one_block():
    random = np.random.default_rng(0)
    points, at = random.normal(size=(3000, 8)), random.normal(size=(900, 8))
    np.testing.assert_array_equal(nearest(points, at, 2)[1], cdist(at, points).argsort(1)[:, :2])
