"""The error of quadrature covers its distance to an independent truth in 99 of 100 cases."""

import numpy as np
import pytest
import torch

from torch.distributions import Beta, Categorical, MixtureSameFamily, Normal, Pareto, Uniform

import kldiv

from tests.panels import INTEGRANDS, mixtures, reference

F64 = torch.float64
ROUNDING = 1e-13  # of the reference
MIXTURES = {  # components, how far apart, and the logarithm of the least scale
    "normals and pairs": ((1, 3, -2), (2, 3, -2)),
    "pairs and normals": ((2, 3, -2), (1, 3, -2)),
    "narrow ones and normals": ((3, 5, -4), (1, 3, -2)),
    "pairs and narrow ones": ((2, 3, -2), (3, 5, -4)),
    "far ones and narrow ones": ((2, 20, -2), (3, 5, -3)),
    "many": ((3, 4, -3), (6, 6, -3)),
}


def one(value):
    return torch.tensor(value, dtype=F64)


BETWEEN_NUMBERS = {
    "beside an upper end": (Beta(one(2.0), one(2.0)), Beta(one(1e18), one(1.0))),
    "beside 0, of too large a parameter": (
        Beta(one(2.0), one(2.0)),
        Beta(one(1.0), one(1e18)),
    ),
    "beside a lower end": (Pareto(one(1.5), one(2.0)), Pareto(one(1.5), one(2e17))),
    "inside": (Uniform(one(1.0), one(2.0)), Normal(one(1.5), one(1e-18))),
    "up to the next number": (
        Uniform(one(1.0), one(2.0)),
        Uniform(one(1.0), one(1 + 2.3e-16)),
    ),
}


def uncovered(kind, seed, count):
    """How many of random pairs are farther from the truth than they say, and of how many."""
    generator = torch.Generator().manual_seed(seed)
    p, q = (
        mixtures(generator, count, parts, spread, low) for parts, spread, low in MIXTURES[kind]
    )
    wrong = 0
    for divergence in INTEGRANDS:
        found = kldiv.divergence(p, q, divergence, estimator="quadrature")
        truth = reference(p, q, divergence)
        excess = np.abs(found.value.numpy() - truth) - ROUNDING * (1 + np.abs(truth))
        wrong += int((excess > found.error.numpy()).sum())
    return wrong, count * len(INTEGRANDS)


@pytest.mark.parametrize("kind", MIXTURES)
def test_the_error_covers_the_distance_to_the_truth_between_mixtures(kind):
    wrong, number = uncovered(kind, 0, 25)
    assert wrong <= 0.01 * number


@pytest.mark.slow
@pytest.mark.parametrize("kind", MIXTURES)
def test_the_error_covers_the_distance_in_99_of_100_cases(kind):
    counts = np.array([uncovered(kind, seed, 100) for seed in range(1, 9)])
    wrong, number = counts.sum(0)
    assert wrong <= 0.01 * number


@pytest.mark.parametrize("divergence", ["total_variation", "squared_hellinger"])
@pytest.mark.parametrize("place", BETWEEN_NUMBERS)
def test_mass_between_neighbouring_numbers_is_in_the_error(place, divergence):
    p, q = BETWEEN_NUMBERS[place]
    for pair in ((p, q), (q, p)):
        found = kldiv.divergence(*pair, divergence, estimator="quadrature")
        assert 1 - float(found) <= float(found.error) + 1e-7


def test_what_no_node_has_met_is_no_tolerance_met():
    p, q = Beta(one(2.0), one(2.0)), Beta(one(1e18), one(1.0))
    with pytest.raises(kldiv.ToleranceNotMet, match="rtol=1e-06"):
        kldiv.divergence(p, q, "total_variation", estimator=kldiv.Quadrature(rtol=1e-6))


@pytest.mark.parametrize("scale", [1e-5, 0.3, 1e3])
@pytest.mark.parametrize("centre", [-382.0, 1e5])
def test_bells_that_stand_close_together_far_away_are_all_integrated(centre, scale):
    middles = centre + scale * one([-10.0, 3.0, 30.0])
    parts = Normal(middles, scale * one([1.0, 0.5, 0.2]))
    stated = MixtureSameFamily(Categorical(one([0.15, 0.25, 0.6])), parts)
    bare = kldiv.Target(stated.log_prob)
    for q in (Normal(middles[0], scale), Normal(middles.mean(), 20 * one(scale))):
        found, truth = (kldiv.divergence(p, q, "tsallis(alpha=0.5)") for p in (bare, stated))
        assert abs(float(found) - float(truth)) <= float(found.error) + float(truth.error)
