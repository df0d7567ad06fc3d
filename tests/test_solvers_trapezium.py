"""Equally spaced nodes in the plane: nearly exact for smooth integrands, and self-checking."""

import math

import torch

from torch.distributions import Independent, LogNormal, MultivariateNormal, Normal

from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.trapezium import trapezium_nodes

F64 = torch.float64
P = MultivariateNormal(
    torch.tensor([1.0, -2.0], dtype=F64),
    torch.tensor([[2.0, 0.6], [0.6, 1.0]], dtype=F64),
)
Q = MultivariateNormal(torch.zeros(2, dtype=F64), torch.eye(2, dtype=F64))


def rules(p, q):
    return list(
        trapezium_nodes(Problem(as_divergence("kl"), as_target(p, "p"), as_target(q, "q")))
    )


def mass(points, weights):
    return float((P.log_prob(points).exp() * weights).sum(0))


def test_the_mass_of_a_normal_is_1_by_a_fine_rule():
    points, weights, coarse = rules(P, Q)[1]
    # 97 nodes a side converge geometrically: rounding over 97² terms is what remains
    assert math.isclose(mass(points, weights), 1, rel_tol=1e-11)
    assert math.isclose(mass(points, coarse), 1, rel_tol=1e-5)


def test_more_nodes_at_the_same_reach_give_more_digits():
    rough, fine = (abs(mass(points, coarse) - 1) for points, _, coarse in rules(P, Q)[:2])
    assert fine < rough**1.5


def test_the_coarser_rule_is_every_second_node_of_each_axis_with_four_times_the_weight():
    for points, weights, coarse in rules(P, Q):
        side = math.isqrt(points.shape[0])
        grid, kept = weights.reshape(side, side), coarse.reshape(side, side)
        assert torch.equal(kept[::2, ::2], 4 * grid[::2, ::2])
        assert torch.count_nonzero(kept) == ((side + 1) // 2) ** 2


def test_each_rule_reaches_as_far_as_the_one_before_or_has_more_nodes():
    sizes = [(points.shape[0], float(points.abs().max())) for points, _, _ in rules(P, Q)]
    assert [count for count, _ in sizes] == [49**2, 97**2, 97**2, 193**2, 193**2]
    assert sizes[0][1] == sizes[1][1] < sizes[2][1] == sizes[3][1] < sizes[4][1]


def test_off_the_whole_plane_there_is_no_rule():
    quadrant = Independent(LogNormal(torch.zeros(2, dtype=F64), 1.0), 1)
    assert rules(quadrant, quadrant) == []
    whole = Independent(Normal(torch.zeros(2, dtype=F64), 1.0), 1)
    assert len(rules(whole, whole)) == 5
