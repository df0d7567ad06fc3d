"""Where functions along lines take given values."""

import math

import pytest
import torch

from torch.distributions import Categorical, Laplace, MixtureSameFamily, Normal

import kldiv

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
        (lambda w: (w - 0.11).square() - 1e-4, [0.1, 0.12]),
        (lambda w: 0.01 - (w / 3).sinh().square(), [-3 * math.asinh(0.1), 3 * math.asinh(0.1)]),
        (lambda w: (w - 0.4).cosh() - 1 + 1e-6, []),
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


@pytest.mark.parametrize(
    ("loc", "scale"), [(5.40464, 1.283069), (5.40112, 1.28217), (5.39936, 1.281724)]
)
def test_densities_that_are_nearly_tangent_are_as_far_apart_as_a_fine_grid_says(loc, scale):
    f64 = torch.float64
    shares = torch.tensor([0.3504946748650677, 0.6495053251349323], dtype=f64)
    locs = torch.tensor([-1.410626030653813, 5.595199199873424], dtype=f64)
    scales = torch.tensor([0.6792914104181076, 0.8498892405959575], dtype=f64)
    p = MixtureSameFamily(Categorical(shares), Normal(locs, scales))
    q = Normal(torch.tensor(loc, dtype=f64), torch.tensor(scale, dtype=f64))
    x = torch.linspace(-20, 30, 2_000_001, dtype=torch.float64)
    gaps = (p.log_prob(x).exp() - q.log_prob(x).exp()).abs()
    truth = float(gaps.sum() * (x[1] - x[0])) / 2
    assert float(kldiv.divergence(p, q, "total_variation")) == pytest.approx(truth, abs=1e-9)
