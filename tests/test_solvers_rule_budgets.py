"""A rule may cost as much as its places with mass and its kinks may need, and no more."""

import pytest
import torch

from torch.distributions import Categorical, Gamma, MixtureSameFamily, MultivariateNormal, Normal

import kldiv

from kldiv import Quadrature
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.rule_budgets import within_budget
from kldiv.solvers.rules import rule_for

F64 = torch.float64


def problem(p, q, divergence="kl"):
    return Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"))


def mixture(count):
    loc = torch.linspace(-100, 100, count, dtype=F64)
    return MixtureSameFamily(Categorical(torch.ones(count, dtype=F64)), Normal(loc, 0.1))


def test_places_with_mass_may_cost_more():
    few, many = (
        within_budget(Quadrature(), problem(mixture(count), Normal(0.0, 1.0))).max_evaluations
        for count in (2, 100)
    )
    assert many > few + 50_000


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_limit_that_was_asked_for_is_kept(dimensions):
    normal = MultivariateNormal(torch.zeros(2), torch.eye(2))
    side = Normal(0.0, 1.0) if dimensions == 1 else normal
    pair = problem(side, side)
    assert within_budget(Quadrature(max_evaluations=500), pair).max_evaluations == 500
    assert within_budget(Quadrature(max_evaluations=10**7), pair).max_evaluations < 10**6


def test_densities_with_many_ripples_have_as_many_nodes_as_they_need():
    rippled = kldiv.Target(lambda x: -x.square() / 2 + (200 * x).sin())
    pair = problem(rippled, Normal(torch.tensor(0.0, dtype=F64), 1.0), "jensen_shannon")
    rule = rule_for(pair, Quadrature(), forward=True)
    value, good = rule.divergence(pair.divergence, pair.q, forward=True)
    assert good
    assert 4 * len(rule.points) > within_budget(Quadrature(), pair).max_evaluations
    x = torch.linspace(-12, 12, 960_001, dtype=F64)  # equal steps converge exponentially
    p, q = rippled.log_prob(x).exp(), Normal(torch.tensor(0.0, dtype=F64), 1.0).log_prob(x).exp()
    p, q = p / p.sum(), q / q.sum()
    mean = (p + q) / 2
    exact = (torch.xlogy(p, p / mean) + torch.xlogy(q, q / mean)).sum() / 2
    assert float(value) == pytest.approx(float(exact), rel=1e-7)


def test_a_rule_has_few_nodes_where_rounding_is_more_than_the_tolerance():
    target = Gamma(torch.tensor(3.0, dtype=F64), 2.0)
    runaway = Gamma(torch.tensor(3e7, dtype=F64), torch.tensor(5e-5, dtype=F64))
    pair = problem(target, runaway, "squared_l2")
    rule = rule_for(pair, Quadrature(), forward=True)
    value, good = rule.divergence(pair.divergence, pair.q, forward=True)
    assert good
    square = 2 * 24 / (4 * 32)  # of the target; that of the other is 1e-9
    assert float(value) == pytest.approx(square, rel=1e-6)
    assert len(rule.points) < 20_000
