"""Nodes for averages under standard normals."""

import math

from itertools import pairwise

import pytest

from kldiv.solvers.normal_nodes import FINEST, nodes


def mean(function, *levels):
    z, weights = nodes(levels)
    return float(weights @ function(*z.unbind(-1)))


@pytest.mark.parametrize("level", range(FINEST + 1))
def test_polynomials_of_the_third_degree_have_all_digits(level):
    for degree, expected in enumerate((1, 0, 1, 0)):
        found = mean(lambda z, n=degree: z**n, level)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", range(1, FINEST + 1))
@pytest.mark.parametrize("degree", [4, 6, 8])
def test_beyond_level_0_those_of_higher_degrees_do_too(level, degree):
    odd = math.prod(range(1, degree, 2))
    assert mean(lambda z: z**degree, level) == pytest.approx(odd, rel=1e-10)


@pytest.mark.parametrize(("level", "rate"), [(1, 3.0), (2, 6.0), (3, 9.0), (FINEST, 12.0)])
def test_exponentials_are_reached_where_they_have_their_mass(level, rate):
    found = mean(lambda z: (rate * z - rate**2 / 2).exp(), level)
    assert found == pytest.approx(1, rel=1e-8)


def test_each_level_sees_a_steep_step_better_than_the_last():
    steep = lambda z: (20 * z - 3).sigmoid()
    finest = mean(steep, FINEST)
    apart = [abs(mean(steep, level) - finest) for level in range(1, FINEST - 1)]
    assert all(later < before / 10 for before, later in pairwise(apart))


def test_a_grid_has_the_nodes_of_each_variable():
    z, weights = nodes((0, 1, 0))
    assert z.shape == (4 * len(nodes((1,))[0]), 3)
    assert float(weights.sum()) == pytest.approx(1)
    found = mean(lambda a, b, c: a.square() * b**4 * (1 + c), 0, 1, 0)
    assert found == pytest.approx(3, rel=1e-10)
