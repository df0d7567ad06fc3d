"""Weights go into the logarithms, so that nothing underflows."""

import pytest
import torch

from torch.distributions import Poisson

from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.estimators.terms import terms_of, terms_of_statistics
from kldiv.resolving import as_divergence, as_target

ZERO = torch.zeros((), dtype=torch.float64)
K = torch.arange(6, dtype=torch.float64)


def sides(divergence, rate=3.0):
    p, q = (as_target(Poisson(ZERO + each), "p") for each in (rate, 2.0))
    return Densities(Problem(as_divergence(divergence), p, q), ZERO, ZERO, ZERO, measures=False)


@pytest.mark.parametrize("divergence", ["kl", "hellinger", "renyi(alpha=0.5)", "squared_l2"])
def test_a_weight_multiplies_the_integrand(divergence):
    terms = terms_of(sides(divergence))
    plain, noise = terms(K, torch.zeros_like(K))
    weighted, more = terms(K, torch.full_like(K, 7.0).log())
    torch.testing.assert_close(weighted, 7 * plain)
    assert (noise > 0).all()
    assert (more <= 15 * noise).all()


def test_a_weight_beyond_1_over_the_density_counts():
    far = torch.tensor([300.0], dtype=torch.float64)
    log_p = sides("kl", 1e-3).logs(far)[0]  # e^-3489
    (value,), _ = terms_of(sides("kl", 1e-3))(far, -log_p)
    assert float(value) > 0


def test_statistics_are_weighted_and_lifted_by_a_height():
    target = as_target(Poisson(ZERO + 3.0), "p")
    terms = terms_of_statistics(target, lambda k: (k, k.square()), -900.0)
    values, noise = terms(K, torch.full_like(K, -900.0))
    density = target.log_prob(K).exp()
    torch.testing.assert_close(values, torch.stack([density, K * density, K**2 * density]))
    assert (noise[0] > 0).all()
