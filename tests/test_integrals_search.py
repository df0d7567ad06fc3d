"""Where suprema are looked for first."""

import math

import pytest
import torch

from torch.distributions import Exponential, Independent, MultivariateNormal, Normal, Uniform

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.search import correlation_factor, search
from tests.axis import F64, double


def target(distribution):
    return DistributionTarget(distribution)


PAIRS = {
    "normals": (Normal(double(0.0)[0], 1.0), Normal(double(50.0)[0], 0.1)),
    "half lines": (Exponential(double(1.0)[0]), Exponential(double(1e3)[0])),
    "intervals": (Uniform(double(0.0)[0], 1.0), Uniform(double(0.5)[0], 2.0)),
    "planes": tuple(Independent(Normal(double(0.0, m), 1.0), 1) for m in (0.0, 9.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_nodes_reach_from_limit_to_limit_and_gaps_leave_nothing_out(name):
    p, q = (target(side) for side in PAIRS[name])
    found = search(p, q)
    low, high = found.coordinates.limits
    assert torch.equal(found.nodes.amin(0), low.expand_as(found.nodes[0]))
    reach = found.nodes + found.gaps
    assert torch.allclose(reach.amax(0), high.expand_as(reach[0]))
    if found.nodes.shape[-1] == 1:
        order = found.nodes[:, 0].argsort(stable=True)
        nodes, ends = found.nodes[order, 0], reach[order, 0]
        assert (nodes[1:] <= ends.cummax(0).values[:-1] + 1e-9).all()


@pytest.mark.parametrize("name", ["normals", "half lines", "planes"])
def test_there_are_nodes_near_each_place_with_mass(name):
    sides = [target(side) for side in PAIRS[name]]
    found = search(*sides)
    x = found.coordinates.to_x(found.nodes)
    for side in sides:
        mean, deviation = side.distribution.mean, side.distribution.variance.sqrt()
        distance = ((x - mean) / deviation).abs().amax(-1).amin()
        assert float(distance) < 1


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.99])
def test_the_factor_is_that_of_the_correlation(correlation):
    covariance = double([4.0, 2 * correlation], [2 * correlation, 1.0])
    normal = target(MultivariateNormal(torch.zeros(2, dtype=F64), covariance))
    factor = correlation_factor(normal, normal, torch.Size([2]))
    assert float(factor[1, 0]) == pytest.approx(correlation)
    assert torch.allclose(factor @ factor.T, double([1.0, correlation], [correlation, 1.0]))


def test_without_a_covariance_nothing_is_tilted():
    class Plain(Normal):
        covariance_matrix = None

    side = target(Normal(double(0.0, 0.0), 1.0))
    assert torch.equal(correlation_factor(side, side, torch.Size([2])), torch.eye(2, dtype=F64))
    assert math.isfinite(float(search(target(Plain(double(0.0)[0], 1.0)), side).gaps.amax()))
