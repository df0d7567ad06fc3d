"""Integration begins in coordinates about both sides, in cells that cover the domain once."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Gamma,
    Independent,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
)

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.layout import coordinates, domain_of, edges_of, layout

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def sides(p, q):
    return DistributionTarget(p), DistributionTarget(q)


def one(value):
    return torch.tensor(value, dtype=F64)


PAIRS = {
    "line": (Normal(one(0.0), 1.0), Normal(one(50.0), 0.1)),
    "above": (Gamma(one(15.4), 6.0), Gamma(one(19.2), 0.85)),
    "between": (Beta(one(0.5), 2.0), Beta(one(8.0), 9.0)),
    "inside": (Uniform(one(-1.0), 2.0), Normal(one(0.0), 1.0)),
    "batch": (Normal(double(0, 1, 2), 1.0), Normal(double([0.0], [9.0]), 3.0)),
    "skew": (LogNormal(one(0.0), 2.5), LogNormal(one(3.0), 0.1)),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_cells_on_a_line_meet_one_another_and_reach_the_limits(pair):
    start = layout(*sides(*PAIRS[pair]))
    lower = start.cells.lower.flatten(1).sort(dim=0).values
    upper = start.cells.upper.flatten(1).sort(dim=0).values
    low, high = start.chart.limits
    assert torch.equal(lower[1:], upper[:-1])
    assert (lower[0] == low).all()
    assert (upper[-1] == high).all()


@pytest.mark.parametrize("pair", ["above", "skew", "between"])
def test_no_cell_beside_the_mass_is_so_wide_that_its_nodes_step_over_it(pair):
    p, q = PAIRS[pair]
    start = layout(*sides(p, q))
    for side in (p, q):
        place = start.chart.to_u(side.mean.reshape(1))
        lower, upper = start.cells.lower, start.cells.upper
        near = (lower - 2 <= place) & (upper + 2 >= place) & (upper > lower)
        # eleven cells grow by doubling from 1 on: none near a mean is wider than all before it
        assert float((upper - lower)[near].max()) < 20


def test_cells_of_a_plane_cover_it_once():
    p, q = sides(
        MultivariateNormal(double(0, 0), torch.eye(2, dtype=F64)),
        MultivariateNormal(double(3, 1), torch.diag(double(4, 0.1))),
    )
    start = layout(p, q)
    low, high = start.chart.limits
    area = (start.cells.upper - start.cells.lower).prod(-1).sum()
    assert float(area) == pytest.approx((high - low) ** 2, rel=1e-12)


def test_an_edge_of_a_support_inside_of_the_domain_is_a_cut():
    start = layout(*sides(*PAIRS["inside"]))
    cuts = start.chart.to_x(start.cells.lower)[0].flatten()
    for edge in (-1.0, 2.0):
        assert float((cuts - edge).abs().min()) < 1e-12


def test_the_domain_holds_both_supports():
    p, q = sides(Uniform(double(0, 5), double(2, 6)), Uniform(double(1), double(9)))
    ends = domain_of(p, q)
    assert ends.lower.flatten().tolist() == [0, 1]
    assert ends.upper.flatten().tolist() == [9, 9]


def test_edges_are_those_of_p_then_those_of_q_and_carry_gradients():
    low = one(0.5).requires_grad_()
    p, q = sides(Uniform(low, one(2.0)), Normal(one(0.0), 1.0))
    edges = edges_of(p, q)
    assert [float(edge.detach()) for edge in edges] == [0.5, 2, -math.inf, math.inf]
    (slope,) = torch.autograd.grad(edges[0].sum(), low)
    assert float(slope) == 1


def test_coordinates_are_centred_on_both_sides_and_carry_no_gradient():
    loc = one(4.0).requires_grad_()
    chart, places = coordinates(*sides(Normal(one(0.0), 1.0), Normal(loc, 4.0)))
    assert float(chart.centre) == 2
    assert float(chart.scale) == 2
    assert len(places) == 2
    assert not (chart.centre.requires_grad)
    assert not (chart.scale.requires_grad)


def test_in_the_plane_coordinates_follow_the_correlation():
    matrix = torch.tensor([[4.0, 1.8], [1.8, 1.0]], dtype=F64)
    normal = MultivariateNormal(double(0, 0), matrix)
    chart, _ = coordinates(*sides(normal, normal))
    factor = chart.rotation
    assert torch.allclose(factor @ factor.T, torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=F64))
    plain = Independent(Normal(double(0, 0), double(1, 1)), 1)
    assert coordinates(*sides(plain, plain))[0].rotation is None
