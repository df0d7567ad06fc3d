"""The log ratio by nearest neighbours, by hand, and where points coincide."""

import numpy as np
import pytest

from kldiv.estimators.two_samples.neighbours import neighbour_log_ratio


def column(*values):
    return np.array(values, dtype=float)[:, None]


def ratio(p, q, at, counts=(1,), weights=None):
    points = np.concatenate([p, q])
    first = np.arange(len(points)) < len(p)
    weights = np.ones(len(points)) if weights is None else np.array(weights, dtype=float)
    return neighbour_log_ratio(points, first, weights, at, counts)


def test_it_compares_the_distances_to_the_nearest_of_each_side():
    found = ratio(column(1, 9, 20), column(-3, 30, 40), column(0))
    assert found == pytest.approx(np.log([[3 / 1]]), rel=1e-14)


def test_in_more_dimensions_a_distance_counts_as_a_volume():
    p, q = (np.array([[x, 0.0], [50, 50], [60, 60]]) for x in (1.0, -3.0))
    assert ratio(p, q, np.zeros((1, 2))) == pytest.approx(2 * np.log([[3.0]]), rel=1e-14)


def test_a_point_is_not_its_own_neighbour():
    assert ratio(column(0, 2, 9), column(0, 4, 9), column(0)) == pytest.approx(np.log([[2.0]]))


def test_copies_are_one_place_with_the_sum_of_their_weights():
    copies = ratio(column(1, 1, 1, 9, 20), column(-1, 30, 40), column(0))
    weighted = ratio(column(1, 9, 20), column(-1, 30, 40), column(0), weights=[3, 1, 1, 1, 1, 1])
    assert copies == pytest.approx(np.log([[3.0]]), rel=1e-14)
    assert weighted == pytest.approx(copies, rel=1e-14)


def test_the_weight_up_to_the_farthest_neighbour_is_counted():
    found = ratio(column(1, 2, 9), column(-2, -4, 9), column(0), (2,), [1, 4, 1, 1, 2, 1])
    assert found == pytest.approx(np.log([[(5 / 2) / (3 / 4)]]), rel=1e-14)


def test_no_ratio_is_infinite_among_ties():
    grid = np.random.default_rng(0).integers(0, 6, (80, 2)).astype(float)
    found = ratio(grid[:40], grid[40:], grid, (1, 4))
    assert found.shape == (80, 2)
    assert np.isfinite(found).all()


def test_too_few_places_give_no_column():
    assert ratio(column(1, 1, 1), column(2, 3, 4), column(0), (2,)).shape == (1, 0)
