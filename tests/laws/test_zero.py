"""D(p, p) = 0, by every estimator, and stays 0 to the last digits where q is close to p."""

import math

import pytest
import torch

from torch.distributions import Normal, Poisson

import kldiv

from tests.cases import DIVERGENCES, KINKED, PAIR, estimators_of, rows

ATOM = 1e-6
SIDES = ("dice", "poissons", "normals", "t-normal", "mixture-normal")
FEW = {"monte_carlo": kldiv.MonteCarlo(samples=500)}


@pytest.mark.parametrize(("divergence", "pair"), rows(pairs=[PAIR[name] for name in SIDES]))
def test_a_distribution_is_at_no_distance_from_itself(divergence, pair):
    p, _ = pair.members()
    for estimator in estimators_of(p, p, divergence):
        estimator = FEW.get(estimator, estimator)
        found = kldiv.divergence(p, p, divergence, estimator=estimator, seed=0)
        assert abs(float(found)) <= 4 * torch.finfo(torch.float64).eps


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("make", [Normal, lambda loc, scale: Poisson(scale + loc)])
def test_a_close_distribution_is_at_a_distance_of_the_right_order(divergence, make):
    """Moving q twice as far makes a smooth divergence 4 times as large, with few digits lost."""
    shift = torch.tensor([ATOM, 2 * ATOM], dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    p, q = make(0 * one, one), make(shift, one)
    for estimator in estimators_of(p, q, divergence):
        if estimator == "monte_carlo":
            continue
        found = kldiv.divergence(p, q, divergence, estimator=estimator)
        first, second = found.value.tolist()
        if divergence == "renyi(alpha=inf)" and make is Normal:
            assert (first, second) == (math.inf, math.inf)  # the ratio is the exponential of x
            continue
        if divergence in ("renyi(alpha=0)", "hockey_stick(gamma=1.7)"):
            assert (first, second) == (0, 0)
            continue
        linear = divergence.startswith(KINKED) or divergence in ("hellinger", "renyi(alpha=inf)")
        assert first > 0
        assert second / first == pytest.approx(2 if linear else 4, rel=1e-4)
