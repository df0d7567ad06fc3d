"""Kinks in the plane are rounded off without a change of the integral, as far as is stated."""

import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv import Quadrature
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.lattice_rules import lattice_rules
from kldiv.solvers.rounded_kinks import jumps_of
from tests.objectives import objective_of

F64 = torch.float64


class Absolute(kldiv.FDivergence):
    """Its slope and its curvature both jump."""

    kinks = (0.0,)

    def generator(self, log_u):
        return log_u.abs() + log_u.expm1().abs()


def normals(*scales):
    spread = torch.tensor(scales, dtype=F64)
    covariance = torch.diag_embed(torch.stack([spread, 1.5 / spread], -1))
    return MultivariateNormal(0.4 * torch.ones(len(scales), 2, dtype=F64), covariance)


def mixture():
    parts = MultivariateNormal(
        torch.tensor([[-2.0, 0.0], [2.0, 1.0]], dtype=F64),
        torch.tensor([[[1.0, 0.5], [0.5, 1.0]], [[0.6, -0.2], [-0.2, 0.9]]], dtype=F64),
    )
    shares = torch.distributions.Categorical(torch.tensor([0.4, 0.6], dtype=F64))
    return torch.distributions.MixtureSameFamily(shares, parts)


def rules(target, divergence, member, *, forward):
    sides = as_target(target, "p"), as_target(member, "q")
    problem = Problem(as_divergence(divergence), *(sides if forward else sides[::-1]))
    return lattice_rules(problem, Quadrature(), forward=forward), problem


def test_the_jump_of_a_slope_is_found_and_other_jumps_are_told():
    ((level, jump),) = jumps_of(as_divergence("total_variation"))
    assert (level, jump) == (0.0, pytest.approx(1.0))
    ((level, jump),) = jumps_of(as_divergence("hockey_stick(gamma=2.0)"))
    assert (level, jump) == (pytest.approx(0.6931471805599453), pytest.approx(1.0))
    assert jumps_of(Absolute()) is None
    assert jumps_of(as_divergence("fisher")) is None


@pytest.mark.parametrize(
    ("target", "divergence", "forward"),
    [
        (mixture(), "total_variation", True),
        ("banana", "total_variation", False),
        (mixture(), "hockey_stick(gamma=2.0)", False),
        pytest.param("banana", "hockey_stick(gamma=2.0)", True, marks=pytest.mark.slow),
    ],
)
def test_the_sum_is_the_divergence_as_far_as_it_says(target, divergence, forward):
    member = normals(1.0, 3.0)
    laid, problem = rules(target, divergence, member, forward=forward)
    rule = laid.cheapest(problem, torch.inf, fine=True)
    q = DistributionTarget(member)
    value, *doubts = rule.judged(as_divergence(divergence), q, forward=forward)
    sides = (target, member) if forward else (member, target)
    exact = kldiv.divergence(*sides, divergence).value
    stated = rule.blur * torch.maximum(*doubts) * (1 + value)
    assert ((value - exact).abs() <= stated + 1e-6).all()
    assert (stated < 3e-4).all()


def test_equal_densities_are_at_no_distance():
    laid, problem = rules(mixture(), "total_variation", mixture(), forward=True)
    rule = laid.cheapest(problem, torch.inf, fine=True)
    value, _ = rule.divergence(problem.divergence, problem.q, forward=True)
    assert abs(float(value)) < 1e-9


@pytest.mark.slow
def test_a_fit_of_the_total_variation_in_the_plane_is_a_minimum_on_a_dense_grid():
    target = mixture()
    fit = kldiv.fit(target, "diagonal_normal", "total_variation")
    assert fit.converged
    assert "finer nodes" in fit.verdict
    unseen = float(fit.diagnostics["excess"])
    assert unseen < 1e-3
    axis = torch.linspace(-9, 9, 901, dtype=F64)
    x, cell = torch.cartesian_prod(axis, axis), (axis[1] - axis[0]) ** 2
    p = target.log_prob(x).exp()

    def distance(loc, scale):
        q = torch.distributions.Normal(loc, scale).log_prob(x).sum(-1).exp()
        return float((p - q).abs().sum() * cell / 2)

    loc, scale = fit.parameters["loc"], fit.parameters["scale"]
    here = distance(loc, scale)
    assert here == pytest.approx(float(fit.divergence), abs=1e-5)
    for step in (0.01, 0.1):
        for way in torch.cat([torch.eye(4), -torch.eye(4)]).double():
            beside = distance(loc + step * way[:2], scale * (step * way[2:]).exp())
            assert beside > here - unseen


def test_where_the_ratio_has_a_saddle_at_the_kink_gradients_do_not_jump():
    """The density of a diagonal normal meets that of a correlated one in two lines there."""
    objective = objective_of("correlated_normal", "diagonal_normal", "total_variation")
    theta = torch.tensor([[0.0, 0.0, -0.28485, -0.28485]], dtype=F64)
    step = 1e-4 * torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=F64)
    rows = torch.cat([theta - step, theta, theta + step])
    objective(rows)
    assert objective.kept.blurs
    _, gradient = objective.value_and_gradient(rows)
    before, after = gradient.diff(dim=0)
    assert torch.allclose(before, after, rtol=0.2, atol=1e-6)
