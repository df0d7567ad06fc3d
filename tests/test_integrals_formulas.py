"""Integrands as densities in the coordinate of a line, and the rounding in them."""

import pytest
import torch

from torch.distributions import Gamma, Normal

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import StatisticsFormula
from kldiv.estimators.integrals.score_formula import formula_of
from kldiv.estimators.integrands import densities
from kldiv.resolving import as_divergence
from tests.axis import F64, double

ONE = Elements(None, torch.Size([]))
X = torch.linspace(0.2, 4.0, 9, dtype=F64).unsqueeze(-1)
DIVERGENCES = [
    "kl",
    "jensen_shannon",
    "squared_l2",
    "renyi(alpha=0.5)",
    "chi2",
    "density_power(beta=0.3)",
]


def formula(divergence, p=None, q=None, **options):
    p, q = p or Gamma(double(2.0)[0], 1.0), q or Gamma(double(3.0)[0], 1.5)
    problem = Problem(as_divergence(divergence), DistributionTarget(p), DistributionTarget(q))
    return formula_of(
        densities(problem, lambda target: (torch.ones(()), torch.zeros(()))),
        needs_all=True,
        **options,
    )


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("slope", [1e-3, 1.0, 50.0])
def test_an_integrand_is_its_density_in_x_times_the_slope(divergence, slope):
    made = formula(divergence)
    logs = made.logs(X, ONE)
    flat = made.values(X, logs, torch.zeros_like(X), ONE)
    steep = made.values(X, logs, torch.full_like(X, slope).log(), ONE)
    assert torch.allclose(steep, slope * flat, rtol=1e-12)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_last_two_integrands_are_both_densities(divergence):
    made = formula(divergence)
    logs = made.logs(X, ONE)
    values = made.values(X, logs, torch.zeros_like(X), ONE)
    assert torch.allclose(values[-2:], torch.stack(logs).exp())
    assert len(values) == made.count + 2


@pytest.mark.parametrize("divergence", ["kl", "chi2", "squared_l2"])
def test_the_noise_is_what_rounding_moves_and_no_more(divergence):
    made = formula(divergence)
    logs = made.logs(X, ONE)
    zero = torch.zeros_like(X)
    values = made.values(X, logs, zero, ONE)
    noise = made.noise(values, X, logs, zero, ONE)
    eps = torch.finfo(F64).eps
    moved = (logs[0] * (1 + eps), logs[1] * (1 - eps))
    assert ((made.values(X, moved, zero, ONE) - values).abs() <= noise).all()
    assert (noise[-2:] <= 100 * eps * values[-2:]).all()


def test_statistics_are_integrated_with_the_density():
    target = DistributionTarget(Normal(double(0.0)[0], 1.0))
    made = StatisticsFormula(target, lambda x: (x, x.square()))
    logs = made.logs(X, ONE)
    values = made.values(X, logs, torch.zeros_like(X), ONE)
    density = target.log_prob(X).exp()
    assert torch.allclose(values, torch.stack([density, X * density, X.square() * density]))
    assert not made.continues
    assert StatisticsFormula(target).continues
