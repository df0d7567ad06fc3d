"""Nodes and weights at which the objective of a fit is a plain sum."""

import math

from dataclasses import replace

import pytest
import torch

from torch.distributions import (
    Categorical,
    Cauchy,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    kl_divergence,
)

import kldiv

from kldiv import Quadrature, Sum
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.rules import rule_for
from kldiv.solvers.trapezium import trapezium_nodes

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def made(p, q, divergence="kl", *, forward=True, estimator=None):
    problem = Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"))
    return rule_for(problem, estimator or Quadrature(), forward=forward)


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "squared_l2", "renyi(alpha=0.5)"])
@pytest.mark.parametrize("forward", [True, False])
def test_at_its_own_member_a_rule_is_the_divergence(divergence, forward):
    target, member = Laplace(one(0.0), 1.0), Normal(one(0.5), 1.5)
    pair = (target, member) if forward else (member, target)
    rule = made(*pair, divergence, forward=forward)
    value, good = rule.divergence(
        as_divergence(divergence), DistributionTarget(member), forward=forward
    )
    assert good
    assert float(value) == pytest.approx(float(kldiv.divergence(*pair, divergence)), rel=1e-8)


def test_a_sum_over_nodes_is_infinite_where_the_integral_diverges():
    target = MixtureSameFamily(Categorical(one([1.0, 1.0])), Normal(one([-5.0, 5.0]), one(1.0)))
    members = Cauchy(one([0.0, 3.0]), one(1.0))
    problem = Problem(as_divergence("kl"), as_target(members, "p"), as_target(target, "q"))
    rule = rule_for(problem, Quadrature(), forward=False)
    blind = replace(rule, divergent=None)
    plain, _ = blind.divergence(problem.divergence, problem.p, forward=False)
    assert plain.isfinite().all()  # the nodes end somewhere
    assert blind.first(problem, Quadrature(rtol=1e-9), forward=False).isinf().all()
    known, good = rule.divergence(problem.divergence, problem.p, forward=False)
    assert known.isinf().all()
    assert good.all()


def test_a_rule_knows_of_a_divergent_integral_for_its_members_and_those_beside_them_alone():
    target = Gamma(one(1.5), one(1.0))
    concentration = torch.tensor([0.4, 1.3], dtype=F64)  # the first is not square integrable
    rule = made(target, Gamma(concentration, one(1.0)), "cosine")
    cosine = as_divergence("cosine")

    def at(first):
        member = Gamma(torch.tensor([first, 1.3], dtype=F64).requires_grad_(), one(1.0))
        value, good = rule.divergence(cosine, DistributionTarget(member), forward=True)
        (slope,) = torch.autograd.grad(value.sum(), member.concentration)
        return value.detach(), good, slope

    for first in (0.4, 0.4001):
        value, good, slope = at(first)
        assert good.all()
        assert float(value[0]) == 1.0
        assert float(slope[0]) == 0.0
        exact = kldiv.divergence(target, Gamma(one(1.3), one(1.0)), "cosine")
        assert float(value[1]) == pytest.approx(float(exact), rel=1e-6)
    assert at(0.9)[1].tolist() == [False, True]
    more = Gamma(concentration.expand(3, 2), one(1.0))
    value, good = rule.divergence(cosine, DistributionTarget(more), forward=True)
    assert good.all()
    assert value[:, 0].tolist() == [1.0] * 3


def test_a_rule_serves_the_neighbours_of_its_member_and_says_where_it_does_not():
    target = Normal(one(0.0), 1.0)
    rule = made(target, Normal(one(0.5), 1.5))
    members = Normal(torch.tensor([0.55, 60.0], dtype=F64), torch.tensor([1.45, 1e-3], dtype=F64))
    value, good = rule.divergence(as_divergence("kl"), DistributionTarget(members), forward=True)
    assert good.tolist() == [True, False]
    truth = kl_divergence(target, Normal(one(0.55), 1.45))
    assert float(value[0]) == pytest.approx(float(truth), rel=1e-6)


def test_a_rule_for_members_with_kinks_serves_their_neighbours_too():
    target, member = Normal(torch.zeros(3, dtype=F64), 1.0), Laplace(one(0.1), 1.1)
    rule = made(member.expand([3]), target, forward=False)
    assert rule.fits(torch.Size([3]))
    neighbour = Laplace(torch.tensor([0.1, 0.12, -0.3], dtype=F64), 1.2)
    value, good = rule.divergence(
        as_divergence("kl"), DistributionTarget(neighbour), forward=False
    )
    assert good.all()
    assert value.tolist() == pytest.approx(kldiv.divergence(neighbour, target).value.tolist())


def test_a_fit_of_members_with_kinks_ends_where_its_gradient_vanishes():
    generator = torch.Generator().manual_seed(1)
    loc = 2 * torch.randn(12, 2, generator=generator, dtype=F64)
    scale = 0.5 + torch.rand(12, 2, generator=generator, dtype=F64)
    share = 0.2 + 0.6 * torch.rand(12, 1, generator=generator, dtype=F64)
    shares = torch.cat([share, 1 - share], 1)[3]
    target = MixtureSameFamily(Categorical(shares), Normal(loc[3], scale[3]))
    found = kldiv.fit(target, "laplace", "renyi(alpha=0.5)", direction="reverse")
    assert found.converged
    ends = [found.parameters[name].clone().requires_grad_() for name in ("loc", "scale")]
    steps = 1e-3 * torch.arange(-40_000, 40_001, dtype=F64)
    x = ends[0] + ends[1] * steps
    roots = (Laplace(*ends).log_prob(x) + target.log_prob(x)) / 2
    value = -2 * (ends[1] * 1e-3 * roots.exp()).sum().log()
    for slope in torch.autograd.grad(value, ends):
        assert slope.abs().max() < 1e-6


def test_a_rule_has_the_gradient_of_the_exact_value():
    loc = one(0.5).requires_grad_()
    member = Normal(loc, 1.5)
    rule = made(Laplace(one(0.0), 1.0), Normal(one(0.5), 1.5))
    value, _ = rule.divergence(as_divergence("kl"), DistributionTarget(member), forward=True)
    (slope,) = torch.autograd.grad(value, loc)
    # the derivative of E (x - μ)² / 2 σ² is (μ - E x) / σ²
    assert float(slope) == pytest.approx(0.5 / 1.5**2, rel=1e-8)


def test_sums_have_rules_too():
    rule = made(Poisson(one(3.0)), Poisson(one(5.0)), estimator=Sum())
    value, good = rule.divergence(
        as_divergence("kl"), DistributionTarget(Poisson(one(4.0))), forward=True
    )
    assert good
    assert float(value) == pytest.approx(3 * math.log(3 / 4) + 1, rel=1e-12)


def test_a_rule_serves_more_members_than_it_was_made_for():
    rule = made(Normal(torch.zeros(3, dtype=F64), 1.0), Normal(torch.ones(3, dtype=F64), 1.0))
    assert rule.fits(torch.Size([3]))
    assert rule.fits(torch.Size([5, 3]))
    assert not rule.fits(torch.Size([5, 2]))
    members = Normal(torch.full((5, 3), 0.9, dtype=F64), 1.0)
    value, good = rule.divergence(as_divergence("kl"), DistributionTarget(members), forward=True)
    assert value.shape == good.shape == (5, 3)
    assert torch.allclose(value, torch.full((5, 3), 0.405, dtype=F64), rtol=1e-6)


def test_a_measure_keeps_its_mass():
    measure = kldiv.Target(lambda x: Normal(0.0, 1.0).log_prob(x) + math.log(2), normalize=False)
    member = Normal(one(0.0), 1.0)
    rule = made(measure, member)
    assert float(rule.mass) == pytest.approx(2, rel=1e-9)
    value, _ = rule.divergence(as_divergence("kl"), DistributionTarget(member), forward=True)
    assert float(value) == pytest.approx(2 * math.log(2), rel=1e-9)


def planes(correlation=0.8):
    p = MultivariateNormal(
        torch.zeros(2, dtype=F64),
        torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=F64),
    )
    q = Independent(Normal(torch.full((2,), 0.5, dtype=F64), 1.2), 1)
    return p, q


def test_in_the_plane_few_nodes_are_enough():
    p, q = planes()
    rule = made(p, q, "jensen_shannon")
    assert rule.points.shape[0] <= 97**2
    value, good = rule.divergence(
        as_divergence("jensen_shannon"), DistributionTarget(q), forward=True
    )
    assert good
    assert float(value) == pytest.approx(float(kldiv.divergence(p, q, "jensen_shannon")), rel=1e-7)


def test_the_trapezium_rule_integrates_the_plane():
    p, q = planes()
    problem = Problem(as_divergence("kl"), DistributionTarget(p), DistributionTarget(q))
    *_, (x, weights, coarse) = trapezium_nodes(problem)
    assert float((p.log_prob(x).exp() * weights).sum()) == pytest.approx(1, abs=1e-12)
    assert float((q.log_prob(x).exp() * coarse).sum()) == pytest.approx(1, abs=1e-6)


def test_the_trapezium_rule_is_for_the_whole_plane_only():
    q = Independent(torch.distributions.Exponential(torch.ones(2, dtype=F64)), 1)
    problem = Problem(as_divergence("kl"), DistributionTarget(q), DistributionTarget(q))
    assert list(trapezium_nodes(problem)) == []


def test_a_start_that_is_far_off_may_be_integrated_roughly_in_the_plane():
    """It asks for no more nodes, and the near one loses nothing by it."""
    p, _ = planes()
    near, far = (torch.tensor([[1.0, c], [c, 1.0]], dtype=F64) for c in (0.5, -0.9))
    loc = torch.tensor([[0.0, 0.0], [6.0, -6.0]], dtype=F64)
    q = MultivariateNormal(loc, torch.stack([near, far]))
    rule = made(q, p, forward=False)
    value, good = rule.divergence(as_divergence("kl"), DistributionTarget(q), forward=False)
    exact = kl_divergence(q, p)
    assert rule.points.shape[0] <= 97**2
    assert good.all()
    assert float(value[0]) == pytest.approx(float(exact[0]), rel=1e-12)
    assert float(value[1]) == pytest.approx(float(exact[1]), rel=1e-5)


def test_a_rule_that_cannot_be_better_serves_the_neighbours_of_its_members():
    def needles(x):
        return -(20 * x.square().sum(-1)).sin().square() * 50 - x.square().sum(-1) / 2

    q = Independent(Normal(torch.zeros(2, dtype=F64), 1.0), 1)
    rule = made(q, kldiv.Target(needles, event_shape=(2,)), forward=False)
    assert rule.best_effort
    assert rule.serves_anyway(torch.Size([4]))
    assert not rule.serves_anyway(torch.Size())
    assert not made(*planes()).serves_anyway(torch.Size([4]))
