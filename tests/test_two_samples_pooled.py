"""Two samples together: scores, functions of points, and parts of the sample."""

import numpy as np
import pytest

from kldiv.estimators.two_samples.pooled import FEW, Pool

RANDOM = np.random.default_rng(0)


def pool_of(p, q, weights=None, seed=0):
    points = np.concatenate([p, q])
    first = np.arange(len(points)) < len(p)
    if weights is None:
        weights = np.where(first, len(points) / 2 / len(p), len(points) / 2 / len(q))
    return Pool(points, first, weights, seed)


PLAIN = pool_of(RANDOM.normal(size=(60, 2)), RANDOM.normal(size=(40, 2)))


def test_scores_are_the_same_in_all_increasing_coordinates():
    mapped = pool_of(np.exp(3 * PLAIN.points[:60]), np.exp(3 * PLAIN.points[60:]))
    np.testing.assert_array_equal(mapped.scores, PLAIN.scores)
    np.testing.assert_array_equal(mapped.single, PLAIN.single)
    np.testing.assert_array_equal(mapped.joint, PLAIN.joint)


def test_scores_of_equal_weights_are_normal_quantiles_of_mid_ranks():
    pool = pool_of(np.array([[1.0], [3.0]]), np.array([[2.0], [3.0]]))
    from_ranks = [-1.1503493803760083, 0.6744897501960817, -0.3186393639643752]
    assert pool.scores[:3, 0] == pytest.approx(from_ranks, abs=1e-14)
    assert pool.scores[3] == pool.scores[1]


def test_scores_know_nothing_of_weights():
    weights = RANDOM.exponential(size=100)
    heavy = pool_of(PLAIN.points[:60], PLAIN.points[60:], weights)
    np.testing.assert_array_equal(heavy.scores, PLAIN.scores)


def test_a_coordinate_that_does_not_vary_is_dropped():
    constant = np.column_stack([PLAIN.points, np.full(100, 7.0)])
    pool = pool_of(constant[:60], constant[60:])
    np.testing.assert_array_equal(pool.scores, PLAIN.scores)
    assert pool.units.shape == (100, 2)


def test_white_scores_are_uncorrelated_and_repeated_coordinates_count_once():
    twice = PLAIN.points[:, [0, 1, 0]]
    pool = pool_of(twice[:60], twice[60:])
    white, share = pool.white, pool.weights / pool.weights.sum()
    assert white.shape == (100, 2)
    np.testing.assert_allclose(white.T @ (white * share[:, None]), np.eye(2), atol=1e-10)


def test_functions_have_mean_zero_and_variance_one():
    share = PLAIN.weights / PLAIN.weights.sum()
    for functions in (PLAIN.single, PLAIN.joint):
        np.testing.assert_allclose(share @ functions, 0, atol=1e-12)
        np.testing.assert_allclose(share @ functions**2, 1, rtol=1e-10)


def test_bumps_are_left_out_where_dimensions_are_many():
    counts = []
    for dimensions in (FEW, FEW + 1):
        points = RANDOM.normal(size=(200, dimensions))
        functions = pool_of(points[:100], points[100:]).joint
        counts.append(functions.shape[1] - dimensions * (dimensions - 1) // 2)
    assert counts == [150, 0]


def test_both_sides_are_spread_evenly_over_the_parts():
    parts = PLAIN.folds(5, 0)
    for side, size in zip(PLAIN.sides(), (12, 8), strict=True):
        assert np.bincount(parts[side]).tolist() == [size] * 5
    assert not np.array_equal(parts, PLAIN.folds(5, 1))
    np.testing.assert_array_equal(parts, PLAIN.folds(5, 0))


def test_twins_are_never_parted_unless_there_are_many():
    points = RANDOM.normal(size=(50, 1))
    pool = pool_of(points, points)
    parts = pool.folds(5, 0)
    np.testing.assert_array_equal(parts[:50], parts[50:])
    counts = pool_of(np.zeros((50, 1)), np.ones((50, 1))).folds(5, 0)
    assert np.bincount(counts[:50]).tolist() == [10] * 5


def test_the_size_is_that_of_the_smaller_side_in_points_of_equal_weight():
    assert PLAIN.size == pytest.approx(40)
    weights = np.where(PLAIN.first, 50 / 60, 0.0)
    weights[60:62] = 25.0
    assert Pool(PLAIN.points, PLAIN.first, weights, 0).size == pytest.approx(2)
