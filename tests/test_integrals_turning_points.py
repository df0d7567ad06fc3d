"""Where functions turn along lines across a plane."""

import torch

from kldiv.estimators.integrals.turning_points import turning_points

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def test_a_parabola_turns_at_its_vertex_whether_it_opens_up_or_down():
    vertex, bend = double(0.3, -2.0, 5.0), double(1.0, -0.2, 30.0)
    found = turning_points(lambda y: bend * (y - vertex) ** 2 + 4, torch.zeros(3, dtype=F64), 1.0)
    assert torch.allclose(found, vertex, atol=1e-6)


def test_others_turn_where_their_slope_is_0():
    found = turning_points(lambda y: (y - 1).cosh() + y / 2, double(0.0, 1.5), double(1.0, 0.5))
    assert torch.allclose(found, 1 - torch.asinh(double(0.5, 0.5)), atol=1e-6)


def test_straight_lines_and_what_is_infinite_have_no_other_place_than_the_first():
    start = double(0.7, -3.0)
    assert torch.equal(turning_points(lambda y: 2 * y + 1, start, double(1.0, 1.0)), start)
    assert torch.equal(turning_points(lambda y: y - torch.inf, start, double(1.0, 1.0)), start)
