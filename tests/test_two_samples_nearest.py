"""The nearest points, by trees and by products, against all distances."""

import numpy as np
import pytest

from scipy.spatial.distance import cdist

from kldiv.estimators.two_samples.nearest import Search


@pytest.mark.parametrize("size", [1, 6, 7, 12])
@pytest.mark.parametrize("count", [1, 4, 13])
@pytest.mark.parametrize("many", [13, 500])
def test_they_are_the_nearest_in_order_with_their_distances(size, count, many):
    random = np.random.default_rng(size)
    points, at = random.normal(size=(many, size)), random.normal(size=(40, size))
    distances, numbers = Search(points).nearest(at, count)
    every = cdist(at, points)
    order = every.argsort(1)[:, :count]
    np.testing.assert_array_equal(numbers, order)
    np.testing.assert_allclose(distances, np.take_along_axis(every, order, 1), rtol=1e-12)


@pytest.mark.parametrize("size", [3, 9])
def test_far_from_the_origin_distances_keep_their_digits(size):
    random = np.random.default_rng(0)
    points = random.integers(-4, 5, size=(60, size)) * 2.0**-20
    there = points + 1.0  # exactly
    np.testing.assert_allclose(Search(there).nearest(there, 1)[0], 0.0, atol=0.0)
    truth = np.sort(cdist(points, points), 1)[:, :5]
    np.testing.assert_allclose(Search(points).nearest(points, 5)[0], truth, rtol=1e-12, atol=1e-20)


def test_many_rows_are_more_than_one_block():
    random = np.random.default_rng(0)
    points, at = random.normal(size=(3000, 8)), random.normal(size=(900, 8))
    np.testing.assert_array_equal(
        Search(points).nearest(at, 2)[1], cdist(at, points).argsort(1)[:, :2]
    )


@pytest.mark.parametrize("size", [2, 7])
def test_the_order_is_one_of_all_points_and_near_ones_follow_each_other_in_a_tree(size):
    points = np.random.default_rng(0).random(size=(2000, size))
    order = Search(points).order
    assert sorted(order) == list(range(2000))
    if size == 2:
        steps = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
        assert steps.mean() < 0.25 * np.linalg.norm(np.diff(points, axis=0), axis=1).mean()
