"""Rules whose nodes lie under the target alone."""

import pytest
import torch

from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import kldiv

from kldiv import Quadrature
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.lattice_rules import lattice_rules
from kldiv.solvers.shared_rule import ground_for

F64 = torch.float64


def target():
    covariance = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=F64)
    return MultivariateNormal(torch.zeros(2, dtype=F64), covariance)


def members(scale):
    loc = torch.tensor([[0.0, 0.0], [1.0, -1.0]], dtype=F64)
    return Independent(Normal(loc, torch.full((2, 1), scale, dtype=F64)), 1)


def rule_for(q, divergence="kl", *, forward=True):
    sides = as_target(target(), "p"), as_target(q, "q")
    problem = Problem(as_divergence(divergence), *(sides if forward else sides[::-1]))
    laid = lattice_rules(problem, Quadrature(), forward=forward)
    return laid and laid.cheapest(problem, torch.inf, fine=True)


@pytest.mark.parametrize(
    ("divergence", "forward", "target", "members"),
    [
        ("kl", True, True, False),
        ("kl", False, False, True),
        ("jensen_shannon", False, True, False),
        ("squared_l2", True, True, True),
        ("jeffreys", True, True, True),
        ("chi2", False, False, True),
        ("fisher", True, True, False),
        ("fisher", False, False, True),
    ],
)
def test_nodes_lie_where_integrands_are_no_multiple_of_a_density(
    divergence, forward, target, members
):
    ground = ground_for(as_divergence(divergence), forward=forward)
    assert (ground.target, ground.members) == (target, members)
    assert not (target and members and any(ground.multiples))


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "hellinger", "alpha(alpha=0.5)"])
def test_one_set_of_nodes_serves_members_that_it_does_not_see(divergence):
    q = members(30.0)
    rule = rule_for(q, divergence)
    assert rule.points.ndim == 2
    value, good = rule.divergence(as_divergence(divergence), DistributionTarget(q), forward=True)
    assert good.all()
    exact = kldiv.divergence(target(), q, divergence).value
    assert torch.allclose(value, exact, rtol=1e-7, atol=1e-8)


def test_the_value_has_the_gradient_of_the_exact_one():
    loc = torch.tensor([[0.3, -0.2]], dtype=F64, requires_grad=True)
    q = Independent(Normal(loc, torch.ones(1, 2, dtype=F64)), 1)
    rule = rule_for(members(1.5))
    value, _ = rule.divergence(as_divergence("kl"), DistributionTarget(q), forward=True)
    exact = kl_divergence(target(), MultivariateNormal(loc, torch.eye(2, dtype=F64)))
    slopes = [torch.autograd.grad(each.sum(), loc)[0] for each in (value, exact)]
    assert torch.allclose(*slopes, atol=1e-8)


def test_members_too_narrow_for_the_nodes_are_not_served():
    rule = rule_for(members(1.5), "hellinger")
    narrow = DistributionTarget(members(1e-3))
    _, good = rule.divergence(as_divergence("hellinger"), narrow, forward=True)
    assert not good.any()


@pytest.mark.parametrize(
    ("divergence", "forward"),
    [("kl", False), ("chi2", False), ("squared_l2", True), ("jeffreys", True), ("cosine", False)],
)
def test_nodes_under_the_members_serve_their_neighbours_but_not_others(divergence, forward):
    rule = rule_for(members(0.8), divergence, forward=forward)
    near = members(0.85)
    value, good = rule.divergence(
        as_divergence(divergence), DistributionTarget(near), forward=forward
    )
    assert good.all()
    sides = (target(), near) if forward else (near, target())
    exact = kldiv.divergence(*sides, divergence).value
    assert torch.allclose(value, exact, rtol=1e-6, atol=1e-7)
    far = DistributionTarget(Independent(Normal(torch.full((2, 2), 30.0, dtype=F64), 1.0), 1))
    assert not rule.divergence(as_divergence(divergence), far, forward=forward)[1].any()


def test_where_the_tails_are_too_heavy_there_is_none():
    heavy = torch.distributions.StudentT(torch.full((2,), 2.0, dtype=F64))
    sides = as_target(Independent(heavy, 1), "p"), as_target(members(1.5), "q")
    problem = Problem(as_divergence("kl"), *sides)
    laid = lattice_rules(problem, Quadrature(), forward=True)
    assert laid.cheapest(problem, torch.inf, fine=True) is None


def test_a_unit_says_what_is_small():
    """The same problem in other units of x has the same nodes, though its values are others."""
    counts = []
    for scale in (1.0, 1e-3):
        covariance = scale**2 * torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=F64)
        p = MultivariateNormal(torch.zeros(2, dtype=F64), covariance)
        q = Independent(Normal(torch.full((1, 2), 0.5 * scale, dtype=F64), 1.3 * scale), 1)
        problem = Problem(as_divergence("squared_l2"), as_target(p, "p"), as_target(q, "q"))
        laid = lattice_rules(problem, Quadrature(), forward=True)
        counts.append(len(laid.cheapest(problem, torch.inf, scale**-2, fine=True).points))
    assert counts[0] == counts[1]


@pytest.mark.slow
@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon"])
def test_a_fit_ends_where_the_fresh_estimate_says_that_it_does(divergence):
    found = kldiv.fit("two_moons", "normal_mixture(components=2)", divergence)
    assert found.converged
    assert found.optima[0].value == pytest.approx(float(found.divergence), abs=1e-6)
