"""Nodes on lines, and what the rounding of points does to sums over them."""

import torch

from kldiv.estimators.integrals.lines import Nodes, Places, rounding_of_places
from tests.axis import F64, double

W = torch.linspace(0, 1, 1001, dtype=F64).unsqueeze(-1)


def places(x, shift=0.0):
    return Places(x, torch.zeros_like(x), x.abs().log(), torch.full_like(x, shift))


def test_moving_points_by_their_rounding_changes_a_sum_by_no_more_than_is_said():
    x = 1e8 + W
    values = (30 * W).sin()
    moved = (30 * (torch.nextafter(x, x + 1) - 1e8)).sin()
    said = rounding_of_places(values.unsqueeze(0), places(x))
    assert float((moved - values).mean().abs()) <= float(said)
    # the variation of the sine is some 19; half a rounding of 1e8 is 7e-9
    assert float(said) <= 20 * 1.2e-8


def test_a_constant_does_not_feel_where_it_is_taken():
    assert float(rounding_of_places(torch.ones(1, 1001, 1, dtype=F64), places(1e8 + W))) == 0


def test_rounding_that_was_made_good_does_not_count():
    assert float(rounding_of_places(W.unsqueeze(0), places(1e8 + W, shift=1e-3))) == 0


def test_of_one_node_nothing_is_known():
    assert float(rounding_of_places(torch.ones(1, 1, 1, dtype=F64), places(W[:1]))) == 0


def test_nodes_of_some_lines_are_picked():
    nodes = Nodes(torch.tensor([3, 5]), double([1, 2]), double([3, 4]), double([5, 6]))
    picked = nodes.pick(torch.tensor([False, True]))
    assert picked.line.tolist() == [5]
    assert [each.tolist() for each in (picked.w, picked.weights, picked.coarse)] == [
        [[2]],
        [[4]],
        [[6]],
    ]
