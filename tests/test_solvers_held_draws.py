"""Draws that stand still: exact for quadratic functions, smooth, and with the right gradient."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import MultivariateNormal, StudentT, kl_divergence

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.estimators.sampling.moving import points_of
from kldiv.resolving import as_divergence, as_target, family_for
from kldiv.solvers.held_draws import HeldDraws, is_seen_by_the_first, serves

F64 = torch.float64
SIZE = 4
ROOT = torch.tril(torch.linspace(0.2, 1.5, SIZE * SIZE, dtype=F64).reshape(SIZE, SIZE))
TARGET = MultivariateNormal(torch.arange(SIZE, dtype=F64), scale_tril=ROOT)


def family(name, target=TARGET):
    return family_for(name, as_target(target, "target"))


def moving(member, count, seed, points=None):
    return HeldDraws(points_of(member, count, seed), points, forward=False)


def problem(member, other, divergence="kl"):
    return Problem(as_divergence(divergence), DistributionTarget(member), as_target(other, "p"), 0)


@pytest.mark.parametrize("count", [16, 64, 1000])
@pytest.mark.parametrize("name", ["diagonal_normal", "full_normal", "isotropic_normal"])
def test_the_divergence_between_normal_vectors_is_exact(name, count):
    chosen = family(name)
    theta = torch.linspace(-0.5, 0.7, 2 * chosen.space.size, dtype=F64).reshape(2, -1)
    member = chosen.at(theta)
    found = moving(member, count, seed=3).value(problem(member, TARGET))
    full = MultivariateNormal(member.mean, _covariance(member))
    torch.testing.assert_close(found, kl_divergence(full, TARGET), rtol=1e-11, atol=1e-11)


def test_a_member_that_is_hardly_wider_than_rounding_has_its_own_log_densities():
    """Inverting its map would make of rounding a divergence far below zero."""
    narrow = torch.diag(torch.tensor([1.0, 1e-13, 1e-15, 1e-17], dtype=F64)) + 0.1 * ROOT.tril(-1)
    loc = torch.full((SIZE,), 1e3, dtype=F64)
    member = MultivariateNormal(loc, scale_tril=narrow, validate_args=False)
    found = moving(member, 64, seed=3).value(problem(member, TARGET))
    torch.testing.assert_close(found, kl_divergence(member, TARGET), rtol=1e-9, atol=0)


def _covariance(member):
    known = getattr(member, "covariance_matrix", None)
    return torch.diag_embed(member.variance) if known is None else known


def test_the_gradient_is_that_of_the_path():
    chosen = family("diagonal_normal")
    theta = torch.linspace(-0.5, 0.7, chosen.space.size, dtype=F64, requires_grad=True)
    draws = moving(chosen.at(theta), 64, seed=0)
    value = draws.value(problem(chosen.at(theta), TARGET))
    (slope,) = torch.autograd.grad(value, theta)
    exact = kl_divergence(
        MultivariateNormal(chosen.at(theta).mean, torch.diag_embed(chosen.at(theta).variance)),
        TARGET,
    )
    (expected,) = torch.autograd.grad(exact, theta)
    torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("divergence", ["kl", "chi2", "jensen_shannon", "squared_hellinger"])
def test_every_component_of_a_mixture_has_its_draws_and_its_share(divergence):
    chosen = family("normal_mixture", torch.distributions.Normal(torch.zeros(()).double(), 2.0))
    theta = 0.3 * torch.linspace(-1, 1, chosen.space.size, dtype=F64)
    theta = theta.clone().requires_grad_()
    target = StudentT(torch.tensor(5.0, dtype=F64), 0.5, 1.5)
    shares = (np.arange(4096) + 0.5) / 4096
    quantiles = torch.from_numpy(0.5 + 1.5 * scipy.stats.t.ppf(shares, 5))
    points = None if divergence == "kl" else quantiles
    draws = moving(chosen.at(theta), 4096, 1, points)
    assert draws.count == 4096 * (1 if points is None else 2)
    value = draws.value(problem(chosen.at(theta), target, divergence))
    (slope,) = torch.autograd.grad(value, theta)
    truth = kldiv.divergence(chosen.at(theta), target, divergence, estimator="quadrature").value
    (expected,) = torch.autograd.grad(truth, theta)
    assert math.isclose(value.item(), truth.item(), rel_tol=3e-3)
    torch.testing.assert_close(slope, expected, rtol=2e-2, atol=1e-3)


def test_points_of_a_target_stay_where_they_are():
    member = family("diagonal_normal").at(torch.zeros(2, 2 * SIZE, dtype=F64))
    forward = Problem(as_divergence("kl"), as_target(TARGET, "p"), DistributionTarget(member), 0)
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(1 << 15, SIZE, generator=generator, dtype=F64)
    draws = HeldDraws(None, TARGET.loc + normal @ ROOT.mT, forward=True)
    found = draws.value(forward)
    full = MultivariateNormal(member.mean, torch.diag_embed(member.variance))
    torch.testing.assert_close(found, kl_divergence(TARGET, full), rtol=1e-2, atol=0.0)
    assert torch.equal(found, draws.value(forward))


@pytest.mark.parametrize(
    ("divergence", "seen"),
    [("kl", True), ("jeffreys", False), ("chi2", False), ("total_variation", False)],
)
def test_points_of_the_first_side_are_enough_where_nothing_is_lost_without_it(divergence, seen):
    assert is_seen_by_the_first(as_divergence(divergence)) is seen


def _scaled(*, normalize=True, sample=TARGET.sample):
    """The normal target times e, of a mass that nobody tells."""
    return kldiv.Target(
        lambda x: 1 + TARGET.log_prob(x), event_shape=(SIZE,), sample=sample, normalize=normalize
    )


@pytest.mark.parametrize(
    ("target", "divergence", "forward", "expected"),
    [
        (as_target(TARGET, "p"), "chi2", False, True),
        (_scaled(), "kl", True, True),
        (_scaled(), "kl", False, False),
        (_scaled(), "chi2", True, False),
        (_scaled(), "bhattacharyya", True, False),
        (_scaled(normalize=False), "kl", True, False),
        (_scaled(sample=None), "kl", True, False),
    ],
)
def test_points_of_an_unknown_mass_serve_where_it_only_adds(target, divergence, forward, expected):
    assert serves(target, as_divergence(divergence), forward=forward) is expected


def test_an_unknown_mass_moves_no_optimum():
    found = kldiv.fit(_scaled(), "full_normal")
    assert found.solver == "fixed_draws"
    assert found.converged
    assert found.divergence.up_to_constant
    assert kl_divergence(TARGET, found.q) <= 4 * found.diagnostics["excess"]
