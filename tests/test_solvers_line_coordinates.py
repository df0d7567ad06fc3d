"""Coordinates of lines lead to points and back, with the slope that differences have."""

import pytest
import torch

from kldiv.solvers.line_coordinates import Line

INF = float("inf")


def line(lower, upper, within):
    number = lambda x: torch.tensor([x], dtype=torch.float64)
    ends = number(lower), number(upper)
    return Line(ends, tuple(number(x) for x in within), number(0.5), number(2.0))


LINES = [
    line(-INF, INF, (-1e9, 1e9)),
    line(0.0, INF, (1e-200, 1e9)),
    line(-INF, 3.0, (-1e9, 3 - 1e-12)),
    line(-1.0, 3.0, (-1 + 1e-12, 3 - 1e-12)),
]
Y = torch.tensor([[-3.0], [-0.5], [0.0], [0.7], [4.0]], dtype=torch.float64)


@pytest.mark.parametrize("made", LINES)
def test_points_and_coordinates_are_inverse_and_in_order(made):
    x = made.x(Y)
    assert bool((x.diff(dim=0) > 0).all())
    torch.testing.assert_close(made.y(x), Y)


@pytest.mark.parametrize("made", LINES)
def test_the_slope_is_that_of_differences(made):
    step = 1e-6
    differences = (made.x(Y + step) - made.x(Y - step)) / (2 * step)
    torch.testing.assert_close(made.slope(Y), differences, rtol=1e-8, atol=1e-8)


def test_points_stay_within_those_that_are_needed_and_beyond_the_ends_coordinates_are_infinite():
    made = LINES[1]
    assert made.x(torch.tensor([[-1e4]], dtype=torch.float64)).item() == 1e-200
    assert made.y(torch.tensor([[-1.0]], dtype=torch.float64)).item() == -INF
