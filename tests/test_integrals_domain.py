"""Integrals over the domain of two densities, on lines and in the plane."""

import pytest
import torch

from torch.distributions import Independent, MultivariateNormal, Normal, Uniform

import kldiv

from kldiv.definitions.grid_density import GridDensity
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.domain import domain_integrals
from kldiv.estimators.integrals.formulas import StatisticsFormula
from kldiv.estimators.integrals.landmarks import Landmark
from tests.axis import F64, double

DEMAND = Demand(double(1e-9), 0.0, 400_000)


def integrals(target, *places):
    target = target if isinstance(target, kldiv.Target) else DistributionTarget(target)
    return domain_integrals(StatisticsFormula(target), target.batch_shape, DEMAND, (), places)


BATCHES = {
    "one line": Normal(double(0.0)[0], 1.0),
    "many lines": Normal(torch.zeros(2, 3, dtype=F64), 1.0),
    "one plane": Independent(Normal(double(0.0, 1.0), 1.0), 1),
    "many planes": MultivariateNormal(torch.zeros(3, 2, dtype=F64), torch.eye(2, dtype=F64)),
    "vectors of one": Independent(Normal(torch.zeros(4, 1, dtype=F64), 1.0), 1),
    "intervals": Uniform(double(0.0, 1.0), double(3.0, 1.5)),
}


@pytest.mark.parametrize("name", BATCHES)
def test_the_mass_of_each_element_is_1_and_the_sum_over_its_nodes(name):
    distribution = BATCHES[name]
    found = integrals(distribution)
    assert torch.allclose(found.values, torch.ones_like(found.values), rtol=1e-9)
    assert ((found.values - 1).abs() <= found.errors + 1e-13).all()
    points, weights, coarse = found.rule()
    assert points.shape == weights.shape + distribution.event_shape
    assert weights.shape[1:] == distribution.batch_shape
    for part, close in ((weights, 1e-9), (coarse, 1e-3)):
        inside = torch.where(
            part > 0, DistributionTarget(distribution).log_prob(points).exp() * part, 0.0
        )
        assert torch.allclose(inside.sum(0), torch.ones_like(inside[0]), rtol=close)


@pytest.mark.parametrize("name", BATCHES)
def test_each_element_knows_what_it_cost(name):
    found = integrals(BATCHES[name])
    assert found.points.shape == (max(1, BATCHES[name].batch_shape.numel()),)
    assert (found.points > 20).all()


def test_edges_move_with_their_parameters():
    low, high = double(0.0)[0].requires_grad_(), double(2.0)[0].requires_grad_()
    target = kldiv.Target(
        lambda x: torch.zeros_like(x), support=torch.distributions.constraints.interval(low, high)
    )
    value = integrals(target).differentiable()[0, 0]
    assert [float(each) for each in torch.autograd.grad(value, (low, high))] == pytest.approx(
        [-1, 1]
    )


def test_kinks_that_a_density_states_cost_little():
    axis = torch.linspace(0, 10, 11, dtype=F64)
    density = torch.rand(11, dtype=F64, generator=torch.Generator().manual_seed(0)) + 0.1
    stated = GridDensity([axis], density, vector=False)
    bare = kldiv.Target(stated.log_prob, support=stated.support)
    with_cuts, without = integrals(stated), integrals(bare)
    assert float(with_cuts.values) == pytest.approx(1, rel=1e-12)
    assert int(with_cuts.points) < int(without.points) / 2


def test_a_needle_is_found_where_somebody_tells_of_it():
    def log_density(x):
        bells = [-x.square() / 2, -((x - 7.123) / 1e-6).square() / 2]
        return torch.logaddexp(*bells)

    place = Landmark(double(7.123), double(1e-6))
    target = kldiv.Target(log_density)
    exact = (2 * torch.pi) ** 0.5 * (1 + 1e-6)
    assert float(integrals(target, place).values) == pytest.approx(exact, rel=1e-9)
