"""Lines lie between neighbouring ends of both supports."""

import math

import pytest
import torch

from torch.distributions import Exponential, Normal, Uniform

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.layout import domain_of, edges_of, lines_of, places_of
from tests.axis import double


def target(kind, *parameters):
    return DistributionTarget(kind(*(double(each)[0] for each in parameters)))


PAIRS = [
    (target(Normal, 0.0, 1.0), target(Normal, 1.0, 1.0), [(-math.inf, math.inf)]),
    (target(Exponential, 1.0), target(Normal, 1.0, 1.0), [(-math.inf, 0), (0, math.inf)]),
    (target(Uniform, 0.0, 2.0), target(Uniform, 1.0, 3.0), [(0, 1), (1, 2), (2, 3)]),
    (target(Uniform, 0.0, 1.0), target(Uniform, 0.0, 1.0), [(0, 1)]),
    (target(Uniform, 0.0, 1.0), target(Uniform, 0.0, 9.0), [(0, 1), (1, 9)]),
]


def lines(edges, batch=()):
    columns = edges.shape[1]
    place = torch.zeros(columns, 1, dtype=edges.dtype)
    return lines_of(edges, place, place + 1, Elements(None, torch.Size(batch)))


@pytest.mark.parametrize(("p", "q", "expected"), PAIRS)
def test_lines_are_cut_at_the_ends_of_both_supports(p, q, expected):
    found = lines(torch.stack([edge.reshape(-1) for edge in edges_of(p, q)]))
    pairs = zip(found.chart.lower.tolist(), found.chart.upper.tolist(), strict=True)
    assert sorted(pairs) == expected
    assert found.column.tolist() == [0] * len(expected)


@pytest.mark.parametrize(("p", "q", "expected"), PAIRS)
def test_the_domain_holds_all_lines(p, q, expected):
    ends = domain_of(p, q)
    assert (float(ends.lower), float(ends.upper)) == (expected[0][0], expected[-1][1])


def test_elements_have_as_many_lines_as_they_need():
    edges = double([0.0, 0.0], [1.0, 1.0], [0.0, 0.5], [1.0, 2.0])
    found = lines(edges, [2])
    assert sorted(found.column.tolist()) == [0, 1, 1, 1]
    assert found.elements.index.tolist() == found.column.tolist()


def test_places_are_those_of_both_sides_unless_they_are_one():
    p, q = target(Normal, 0.0, 1.0), target(Normal, 5.0, 1.0)
    assert [float(place.centre) for place in places_of(p, q)] == [0, 5]
    assert len(places_of(p, p)) == 1
