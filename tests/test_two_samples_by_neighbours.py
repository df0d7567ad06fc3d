"""The Kullback-Leibler divergence by nearest neighbours: by hand, its error, what it refuses."""

import math

import numpy as np
import pytest
import torch

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.estimators.two_samples import by_neighbours
from kldiv.estimators.two_samples.by_neighbours import kl_by_neighbours

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(40, 2)), RANDOM.normal(size=(50, 2)) + 1.5


def plain(p, q, k):
    """By the formula, of points in uncorrelated coordinates of variance 1."""
    both = np.concatenate([p, q])
    root = np.linalg.cholesky(np.linalg.inv(np.cov(both.T, bias=True).reshape(p.shape[1], -1)))
    p, q = p @ root, q @ root
    own, other = (
        np.sort(np.linalg.norm(p[:, None] - each, axis=-1), 1)[:, place]
        for each, place in ((p, k), (q, k - 1))
    )
    return p.shape[1] * np.log(other / own).mean() + math.log(len(q) / (len(p) - 1))


def extrapolated(p, q, count):
    ks = np.arange(1, count)
    values = [plain(p, q, k) for k in ks]
    return np.polyfit(ks, values, 1, w=np.sqrt(ks))[1]


def test_the_values_of_many_counts_are_taken_to_none():
    found = kl_by_neighbours(X, Y, 6)
    assert found.value == pytest.approx(extrapolated(X, Y, 6), rel=1e-9)
    moved = found.error - 3 * found.stderr
    assert moved == pytest.approx(abs(found.value - plain(X, Y, 5)), rel=1e-9)


def test_the_standard_error_is_that_of_leaving_out_each_point():
    both = np.concatenate([X, Y])  # in coordinates that do not change when points are left out
    root = np.linalg.cholesky(np.linalg.inv(np.cov(both.T, bias=True)))
    x, y = X @ root, Y @ root

    def value(p, q):
        ks, logs = np.arange(1, 5), []
        for k in ks:
            own = np.sort(np.linalg.norm(p[:, None] - p, axis=-1), 1)[:, k]
            other = np.sort(np.linalg.norm(p[:, None] - q, axis=-1), 1)[:, k - 1]
            logs.append(2 * np.log(other / own).mean() + math.log(len(q) / (len(p) - 1)))
        return np.polyfit(ks, logs, 1, w=np.sqrt(ks))[1]

    without_p = np.array([value(np.delete(x, i, 0), y) for i in range(len(x))])
    without_q = np.array([value(x, np.delete(y, i, 0)) for i in range(len(y))])
    variance = sum((len(each) - 1) * each.var() for each in (without_p, without_q))
    assert kl_by_neighbours(X, Y, 5).stderr == pytest.approx(math.sqrt(variance), rel=1e-9)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_error_holds_and_the_bias_is_taken_out(size):
    truth = size * (math.log(1 / 0.7) + (0.49 - 1) / 2)
    misses, off = 0, []
    for seed in range(30):
        random = np.random.default_rng(seed)
        p, q = 0.7 * random.normal(size=(400, size)), random.normal(size=(400, size))
        found = kl_by_neighbours(p, q, 10)
        misses += abs(found.value - truth) > found.error
        off.append((found.value - truth, plain(p, q, 9) - truth))
    (corrected, raw), (chance, _) = np.mean(off, 0), np.std(off, 0) / math.sqrt(30)
    assert misses <= 1  # of 30, where 1 in 100 is promised
    assert abs(corrected) < 0.5 * abs(raw) + 3 * chance


def test_linear_maps_change_nothing():
    turn = np.array([[3.0, -1.0], [1e4, 2e4]])
    there, here = (kl_by_neighbours(*sides, 5) for sides in ((X @ turn, Y @ turn), (X, Y)))
    assert there.value == pytest.approx(here.value, rel=1e-7)
    assert there.stderr == pytest.approx(here.stderr, rel=1e-7)


def test_points_of_a_plane_in_space_are_those_of_a_plane():
    frame = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    there, here = (kl_by_neighbours(*sides, 5) for sides in ((X @ frame, Y @ frame), (X, Y)))
    assert there.value == pytest.approx(here.value, rel=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 1 / 3])
def test_a_coordinate_that_is_always_the_same_changes_nothing(constant):
    wide = [np.hstack([side, np.full((len(side), 1), constant)]) for side in (X, Y)]
    there, here = (kl_by_neighbours(*sides, 5) for sides in (wide, (X, Y)))
    assert there.value == pytest.approx(here.value, rel=1e-9)
    assert there.error == pytest.approx(here.error, rel=1e-9)


def test_many_points_are_taken_some_at_a_time(monkeypatch):
    whole = kl_by_neighbours(X, Y, 5)
    monkeypatch.setattr(by_neighbours, "_BLOCK", 7)
    parts = kl_by_neighbours(X, Y, 5)
    assert parts.value == pytest.approx(whole.value, rel=1e-12)
    assert parts.error == pytest.approx(whole.error, rel=1e-12)
    assert parts.stderr == pytest.approx(whole.stderr, rel=1e-12)


def test_the_front_door_gives_it_where_neighbours_are_asked_for():
    found = kldiv.divergence(X, Y, estimator=kldiv.Samples(neighbours=6))
    of_arrays = kl_by_neighbours(X, Y, 6)
    assert (float(found), float(found.error)) == (of_arrays.value, of_arrays.error)
    assert found.method == "samples"
    assert found.evaluations == 90


def test_few_points_in_many_dimensions_have_no_error():
    x, y = RANDOM.normal(size=(2, 60, 10))
    assert float(kldiv.divergence(x, y, estimator=kldiv.Samples(neighbours=3)).error) == math.inf


WEIGHED = SampleTarget(torch.from_numpy(X), torch.from_numpy(RANDOM.random(40)))
NORMAL = torch.distributions.Normal(0.0, 1.0)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "why"),
    [
        (X, Y, "squared_hellinger", "nearest neighbours give kl"),
        (X[:, 0], NORMAL, "kl", "q = .* is no sample"),
        (WEIGHED, Y, "kl", "points of p weigh differently"),
        (X, Y[:6], "kl", "take 7 points, q has 6"),
        (X.round(), Y, "kl", "at the same place"),
        (np.ones((9, 1)), np.ones((9, 1)), "kl", "at the same place"),
        (X, np.concatenate([Y, X[:1]]), "kl", "at the same place"),
    ],
)
def test_what_neighbours_cannot_tell_is_refused(p, q, divergence, why):
    with pytest.raises(kldiv.NotAvailable, match=why):
        kldiv.divergence(p, q, divergence, estimator=kldiv.Samples(neighbours=5))


def test_two_neighbours_are_too_few():
    with pytest.raises(kldiv.InvalidArgument, match="at least 3, got 2"):
        kldiv.Samples(neighbours=2)
