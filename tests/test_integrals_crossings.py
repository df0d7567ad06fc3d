"""Where functions along lines take given values."""

import math

import pytest
import torch

from torch.distributions import Laplace, Normal

from kldiv.estimators.integrals.crossings import crossings
from tests.axis import double

W = torch.linspace(-10, 10, 30, dtype=torch.float64).unsqueeze(-1)


def found(function, levels=(0.0,), w=W):
    def along(w, line):
        return function(w)

    places, lines = crossings(along, w, function(w), levels)
    assert len(places) == len(lines)
    return sorted(places.tolist())


@pytest.mark.parametrize(
    ("function", "roots"),
    [
        (lambda w: w - 3, [3]),
        (lambda w: w.square() - 2, [-math.sqrt(2), math.sqrt(2)]),
        (lambda w: (w - 0.1) ** 3, [0.1]),
        (lambda w: (w - 7).exp() - 1, [7]),
        (lambda w: w.square() + 1, []),
        (lambda w: torch.where(w > 1, torch.inf, w), [0]),
    ],
)
def test_zeros_are_found_between_nodes(function, roots):
    assert found(function) == pytest.approx(roots, abs=1e-6)


def test_a_zero_at_a_node_is_found_once():
    w = double([-1.0], [0.0], [1.0])
    assert found(lambda w: w, w=w) == [0]


def test_each_level_has_its_places():
    assert found(lambda w: w, levels=(-2.5, 1.5)) == pytest.approx([-2.5, 1.5])


@pytest.mark.parametrize(
    ("p", "q", "count"),
    [(Normal(0.0, 1.0), Normal(1.0, 1.5), 2), (Laplace(0.0, 1.0), Normal(0.5, 2.0), 4)],
)
def test_two_densities_are_equal_where_they_cross(p, q, count):
    places = found(lambda w: p.log_prob(w) - q.log_prob(w))
    assert len(places) == count
    for place in places:
        x = double(place)
        assert float(p.log_prob(x)) == pytest.approx(float(q.log_prob(x)), abs=1e-8)


def test_lines_are_told_apart():
    shift = double(-4.0, 0.5, 6.0)

    def function(w, line):
        return w - shift[line]

    w = W.expand(-1, 3)
    places, lines = crossings(function, w, w - shift, (0.0,))
    assert torch.allclose(places[lines.argsort()], shift)
