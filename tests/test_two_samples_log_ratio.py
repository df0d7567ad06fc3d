"""The log ratio that is learnt: near the truth, and judged on points that it has not seen."""

import numpy as np
import pytest

from scipy import stats

from kldiv.estimators.two_samples.log_ratio import (
    Choice,
    _Regression,
    best_choice,
    free_log_ratio,
    held_out_log_ratio,
)
from kldiv.estimators.two_samples.pooled import Pool


def pool_of(p, q, seed=0):
    first = np.arange(len(p) + len(q)) < len(p)
    return Pool(np.concatenate([p, q]).astype(float), first, np.ones(len(first)), seed)


def normals(count, dimensions, gap):
    random = np.random.default_rng(1)
    p = random.normal(size=(count, dimensions))
    return pool_of(p, random.normal(gap, 1, size=(count, dimensions)))


def loss(pool, log_ratio):
    return np.logaddexp(0, np.where(pool.first, -log_ratio, log_ratio)).mean()


def learnt(pool):
    folds = pool.folds(5, 0)
    choice = best_choice(pool, folds)
    return held_out_log_ratio(pool, folds, choice), choice


@pytest.mark.parametrize("dimensions", [1, 3, 12])
def test_between_normal_distributions_it_is_nearly_theirs(dimensions):
    gap = 1 / np.sqrt(dimensions)
    pool = normals(400, dimensions, gap)
    truth = -gap * pool.points.sum(1) + 0.5
    found, _ = learnt(pool)
    # a coin has a loss of ln 2; most of what the truth saves is saved
    assert loss(pool, found) - loss(pool, truth) < 0.25 * (np.log(2) - loss(pool, truth))


def test_a_ratio_that_is_not_normal_needs_the_regression():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 600)
    ring = (2 + 0.2 * random.normal(size=600))[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], 1
    )
    pool = pool_of(ring, random.normal(0, 1.5, size=(600, 2)))
    found, choice = learnt(pool)
    assert choice.joint
    guess = held_out_log_ratio(pool, pool.folds(5, 0), Choice(choice.guess, False, None))
    assert loss(pool, found) < 0.8 * loss(pool, guess)


def test_independent_coordinates_do_with_functions_of_one():
    random = np.random.default_rng(0)
    pool = pool_of(random.laplace(size=(500, 6)), random.laplace(0.5, 1, size=(500, 6)))
    _, choice = learnt(pool)
    assert choice.penalty is not None
    assert not choice.joint


def test_a_point_has_no_part_in_its_own_prediction():
    pool = normals(60, 2, 0.5)
    folds = pool.folds(3, 0)
    choice = best_choice(pool, folds)
    found = held_out_log_ratio(pool, folds, choice)
    swapped = np.where(folds == 1, ~pool.first, pool.first)
    other = held_out_log_ratio(Pool(pool.points, swapped, pool.weights, 0), folds, choice)
    np.testing.assert_array_equal(found[folds == 1], other[folds == 1])
    assert not np.array_equal(found[folds == 0], other[folds == 0])


def test_of_data_sets_that_are_copies_nothing_is_learnt():
    p = np.random.default_rng(0).normal(size=(200, 2))
    pool = pool_of(p, p)
    found, _ = learnt(pool)
    np.testing.assert_allclose(found, 0, atol=1e-9)


def test_counts_without_order_are_told_by_their_frequencies():
    random = np.random.default_rng(0)
    shares = np.array([[0.30, 0.02, 0.30, 0.02, 0.36], [0.05, 0.40, 0.05, 0.40, 0.10]])
    p, q = (random.choice(5, (600, 1), p=share) for share in shares)
    pool = pool_of(p, q)
    found, _ = learnt(pool)
    truth = np.log(shares[0] / shares[1])[pool.points[:, 0].astype(int)]
    assert np.abs(found - truth).max() < 1


def test_a_loose_fit_sees_more_than_a_held_out_one():
    pool = normals(100, 4, 0.3)
    found, choice = learnt(pool)
    assert loss(pool, free_log_ratio(pool, choice)) < loss(pool, found)


def test_a_heavy_point_counts_as_many():
    random = np.random.default_rng(0)
    p, q = random.gamma(2.0, size=(150, 1)), random.gamma(3.0, size=(150, 1))
    weights = np.where(np.arange(300) < 150, np.concatenate([p, q])[:, 0], 1.0)
    first = np.arange(300) < 150
    weights[first] *= 150 / weights[first].sum()
    pool = Pool(np.concatenate([p, q]), first, weights, 0)
    # gamma(2) weighted by x is gamma(3): no difference is left
    found, _ = learnt(pool)
    unweighted, _ = learnt(pool_of(p, q))
    truth = stats.gamma(2).logpdf(p) - stats.gamma(3).logpdf(p)
    assert np.abs(found).mean() < 0.35 * np.abs(unweighted).mean()
    assert np.corrcoef(unweighted[:150], truth[:, 0])[0, 1] > 0.8


def test_functions_that_repeat_one_another_do_not_stop_newton():
    random = np.random.default_rng(0)
    x = random.normal(size=(4_000, 1))
    functions = np.hstack(
        [np.ones((4_000, 1)), x, x, 1e4 * x + 1e-6 * random.normal(size=x.shape)]
    )
    first, weights = random.random(4_000) < 1 / (1 + np.exp(-x[:, 0])), np.full(4_000, 1.0)
    regression = _Regression(functions, np.zeros(4_000), first, weights)
    penalties = np.array([1e-6, 1e-6, 1e-6, 1e-6])
    factors = regression.solve(np.zeros(4), penalties)
    slope = (weights * (1 / (1 + np.exp(-functions @ factors)) - first)) @ functions[:, :2]
    assert np.abs(slope).max() < 1
