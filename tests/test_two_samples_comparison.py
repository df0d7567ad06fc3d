"""Divergences between two data sets: the formula for a known ratio, and the error that holds."""

import itertools
import math

import numpy as np
import pytest
import torch

import kldiv

from kldiv.estimators.two_samples.comparison import LogRatios, compare
from kldiv.estimators.two_samples.pooled import Pool
from kldiv.resolving import as_divergence

RANDOM = np.random.default_rng(0)
NAMES = (
    "kl",
    "jeffreys",
    "jensen_shannon",
    "skew_kl(weight=0.3)",
    "total_variation",
    "squared_hellinger",
    "hellinger",
    "bhattacharyya",
    "renyi(alpha=0.5)",
    "renyi(alpha=2)",
    "tsallis(alpha=0.7)",
    "alpha(alpha=0.3)",
    "chi2",
    "triangular",
    "hockey_stick(gamma=1)",
)


def pool_of(p, q, seed=0):
    p, q = (np.asarray(side, dtype=float).reshape(len(side), -1) for side in (p, q))
    count = len(p) + len(q)
    weights = np.repeat([count / 2 / len(p), count / 2 / len(q)], [len(p), len(q)])
    return Pool(np.concatenate([p, q]), np.arange(count) < len(p), weights, seed)


def normal(loc, scale=1.0):
    return torch.distributions.Normal(
        torch.tensor(loc, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64)
    )


POOL = pool_of(RANDOM.normal(size=600), RANDOM.normal(0.7, 1.2, size=500))
LEARNT = LogRatios.learnt(POOL)


@pytest.mark.parametrize("name", NAMES)
def test_with_the_true_ratio_it_is_within_its_standard_errors(name):
    p, q = normal(0.0), normal(0.5, 1.1)
    pool = pool_of(RANDOM.normal(size=20_000), RANDOM.normal(0.5, 1.1, size=20_000))
    points = torch.from_numpy(pool.points[:, 0])
    ratio = (p.log_prob(points) - q.log_prob(points)).numpy()
    found = compare(as_divergence(name), pool, LogRatios((ratio,), (ratio,), ratio))
    truth = float(kldiv.divergence(p, q, name))
    assert abs(found.value - truth) < 4 * found.stderr
    assert found.stderr < 0.1 * truth


@pytest.mark.parametrize("name", NAMES)
def test_the_error_covers_the_truth(name):
    found = compare(as_divergence(name), POOL, LEARNT)
    truth = float(kldiv.divergence(normal(0.0), normal(0.7, 1.2), name))
    assert abs(found.value - truth) <= found.error
    assert 0 < found.stderr < found.error < 2 * truth


@pytest.mark.parametrize(("shift", "name"), [(0.2, "kl"), (-0.2, "kl"), (0.3, "jensen_shannon")])
def test_a_wrong_ratio_lowers_the_value_by_its_square(shift, name):
    p, q = normal(0.0), normal(0.5)
    pool = pool_of(RANDOM.normal(size=50_000), RANDOM.normal(0.5, 1, size=50_000))
    points = torch.from_numpy(pool.points[:, 0])
    ratio = (p.log_prob(points) - q.log_prob(points)).numpy()
    true, wrong = (
        compare(as_divergence(name), pool, LogRatios((each,), (each,), each)).value
        for each in (ratio, ratio + shift)
    )
    assert 0 < true - wrong < shift**2


def test_what_halves_lack_is_added_at_the_rate_of_smooth_functions():
    ratio = LEARNT.fifths[0]
    kl = as_divergence("kl")
    whole, half = (
        compare(kl, POOL, LogRatios((each,), (each,), 0 * each)).value
        for each in (ratio, 0.5 * ratio)
    )
    both = compare(kl, POOL, LogRatios((ratio,), (0.5 * ratio,), 0 * ratio))
    # missing a / n^0.8 from 4/5 and from 1/2 of the points
    missing = [share**-0.8 for share in (0.8, 0.5)]
    expected = whole + (whole - half) * missing[0] / (missing[1] - missing[0])
    assert both.value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_at_no_distance(name):
    points = RANDOM.normal(size=(100, 2))
    for p in (points, points.round(), np.zeros((50, 2))):
        pool = pool_of(p, p)
        found = compare(as_divergence(name), pool, LogRatios.learnt(pool))
        assert found.value == pytest.approx(0, abs=1e-12)
        assert 0 < found.error < 0.5


@pytest.mark.parametrize("sizes", [(60, 600), (600, 60), (25, 25), (40, 1000)])
@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_samples_of_one_law_are_at_no_distance_whatever_their_sizes(sizes, dimensions):
    random = np.random.default_rng(dimensions)
    pool = pool_of(*(random.normal(size=(size, dimensions)) for size in sizes))
    found = compare(as_divergence("kl"), pool, LogRatios.learnt(pool))
    # where the sides show in anything but their densities, it is above 2
    assert found.value <= min(found.error, 0.5)


LAWS = {
    "normal": lambda random, d: random.normal(size=d),
    "shifted": lambda random, d: random.normal(0.5, 1.2, size=d),
    "laplace": lambda random, d: random.laplace(0.3, 1.0, size=d),
}


def log_densities(points):
    parts = (
        -0.5 * points**2 - 0.5 * math.log(2 * math.pi),
        -0.5 * ((points - 0.5) / 1.2) ** 2 - 0.5 * math.log(2 * math.pi * 1.44),
        -np.abs(points - 0.3) - math.log(2),
    )
    return dict(zip(LAWS, (part.sum(1) for part in parts), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimensions", "sizes"),
    [
        *itertools.product([1, 3], [(50, 50), (100, 400), (300, 300)]),
        (10, (300, 300)),  # fewer do not show how tails differ in ten dimensions
    ],
)
def test_the_error_covers_the_truth_in_nearly_all_of_many_runs(dimensions, sizes):
    random = np.random.default_rng((dimensions, *sizes))
    covered = []
    for p in LAWS:
        for q in LAWS:
            densities = log_densities(LAWS[p](random, (200_000, dimensions)))
            truth = float((densities[p] - densities[q]).mean())
            for seed in range(8):
                sides = (
                    LAWS[law](random, (n, dimensions))
                    for law, n in zip((p, q), sizes, strict=True)
                )
                pool = pool_of(*sides, seed)
                found = compare(as_divergence("kl"), pool, LogRatios.learnt(pool))
                covered.append(abs(found.value - truth) <= found.error)
    assert np.mean(covered) >= 0.97  # 99 % of 72 runs, less two standard errors


@pytest.mark.parametrize(
    ("name", "limit"), [("total_variation", 1), ("jensen_shannon", math.log(2)), ("kl", 2e6)]
)
def test_samples_far_apart_are_at_the_bound_or_at_a_finite_distance(name, limit):
    pool = pool_of(RANDOM.normal(size=(60, 1)), RANDOM.normal(2000, 1, size=(60, 1)))
    found = compare(as_divergence(name), pool, LogRatios.learnt(pool))
    assert math.isfinite(found.value)
    assert abs(found.value - limit) <= found.error


@pytest.mark.parametrize(
    "data",
    [
        lambda: (RANDOM.normal(size=(90, 2)).round(1), RANDOM.normal(size=(70, 2)).round(1)),
        lambda: (RANDOM.poisson(3, (90, 1)), RANDOM.poisson(5, (70, 1))),
        lambda: (np.zeros((40, 2)), RANDOM.normal(size=(70, 2))),
        lambda: (RANDOM.standard_cauchy((90, 2)), RANDOM.standard_cauchy((70, 2)) * 1e6),
        lambda: (RANDOM.normal(size=(20, 20)), RANDOM.normal(size=(20, 20))),
        lambda: (np.tile(RANDOM.normal(size=(60, 1)), 3), np.tile(RANDOM.normal(size=(60, 1)), 3)),
    ],
    ids=["rounded", "counts", "one point", "heavy tails", "few points", "repeated coordinates"],
)
@pytest.mark.parametrize("name", ["kl", "hellinger", "renyi(alpha=2)"])
def test_odd_data_give_numbers(data, name):
    pool = pool_of(*data())
    found = compare(as_divergence(name), pool, LogRatios.learnt(pool))
    assert 0 <= found.value < math.inf
    assert found.error >= 0
    assert not math.isnan(found.error)
