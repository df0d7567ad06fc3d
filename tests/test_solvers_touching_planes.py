"""Planes that touch an objective lead to its minimum and bound what is left to be gained."""

import pytest
import torch

from kldiv.solvers.touching_planes import Place, lowest_near, ways
from tests.test_solvers_kinks import MINIMA, TRAPS, Function

F64 = torch.float64


def searched(function, start, error=0.0):
    theta = torch.tensor(start, dtype=F64)
    return lowest_near(Function(function), Place(theta, float(function(theta))), error)


@pytest.mark.parametrize("name", MINIMA)
def test_what_is_left_is_at_least_the_gap_to_the_minimum(name):
    function, best = MINIMA[name]
    place, left = searched(function, [value + 2e-3 for value in best])
    gap = place.loss - float(function(torch.tensor(best, dtype=F64)))
    assert 0 <= gap <= left < 1e-6


@pytest.mark.parametrize("name", TRAPS)
def test_nothing_is_promised_where_there_is_no_minimum(name):
    assert searched(TRAPS[name], [0.0, 0.0])[1] == torch.inf


@pytest.mark.parametrize("away", [3e-3, 3e-2, 0.3])
def test_a_long_valley_with_steep_sides_is_followed_to_its_end(away):
    def valley(theta):
        x, y = theta.unbind(-1)
        return 0.1 * (x - y).abs() ** 1.5 + 1e-4 * (x + y).square() + 1

    place, left = searched(valley, [away, away])
    assert place.loss - 1 <= left < 1e-6
    assert place.theta.tolist() == pytest.approx([0, 0], abs=1e-3)


@pytest.mark.parametrize("width", [1e-9, 1e-7, 1e-4])
def test_nothing_is_promised_of_a_pit_that_the_points_around_it_do_not_show(width):
    def pit(theta):
        return -(-(theta / width).square().sum(-1)).exp() + 1e-3 * theta.square().sum(-1)

    assert searched(pit, [0.0, 0.0])[1] == torch.inf


def test_what_rises_by_no_more_than_an_error_is_no_minimum():
    assert searched(lambda t: 1e-6 * t.norm(dim=-1), [0.0, 0.0])[1] < 1e-6
    assert searched(lambda t: 1e-6 * t.norm(dim=-1), [0.0, 0.0], error=1e-7)[1] == torch.inf


def test_what_is_left_is_no_less_than_the_error():
    place, left = searched(lambda t: t.norm(dim=-1), [0.0, 0.0], error=3e-7)
    assert place.loss == pytest.approx(0, abs=1e-9)
    assert left >= 3e-7


@pytest.mark.parametrize("size", [1, 3])
def test_directions_come_in_pairs_with_every_axis(size):
    found = ways(torch.zeros(size, dtype=F64))
    torch.testing.assert_close(found.sum(0), torch.zeros(size, dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(found[:size], torch.eye(size, dtype=F64))
