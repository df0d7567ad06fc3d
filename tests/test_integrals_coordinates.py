"""Coordinates of a domain are bijections, and their slopes are those of differences."""

import math

import pytest
import torch

from kldiv.definitions.support import Interval
from kldiv.estimators.integrals.coordinates import Coordinates
from tests.axis import F64, double

INF = math.inf
ENDS = {
    "the line": ([-INF], [INF]),
    "from an end on": ([-2.0], [INF]),
    "up to an end": ([-INF], [7.0]),
    "between two ends": ([-2.0], [7.0]),
    "the plane": ([-INF, -INF], [INF, INF]),
    "a strip": ([0.0, -INF], [1.0, INF]),
}


def coordinates(name, factor=None):
    lower, upper = (double(*each) for each in ENDS[name])
    return Coordinates(
        Interval(lower, upper), torch.full_like(lower, 0.5), torch.full_like(lower, 2.0), factor
    )


def places(size):
    line = torch.linspace(-6, 6, 25, dtype=F64)
    return torch.stack([line, line.flip(0) / 2 + 0.3], -1)[:, :size]


CHARTS = {name: coordinates(name) for name in ENDS}
CHARTS["the tilted plane"] = coordinates("the plane", double([1.0, 0.0], [0.6, 0.8]))


@pytest.fixture(params=CHARTS)
def chart(request):
    return CHARTS[request.param]


def test_points_have_the_coordinates_that_they_came_from(chart):
    u = places(chart.centre.shape[-1])
    assert torch.allclose(chart.to_u(chart.to_x(u)), u, atol=1e-9)


def test_slopes_are_those_of_differences(chart):
    size, step = chart.centre.shape[-1], 1e-6
    u = places(size)
    columns = []
    for axis in range(size):
        move = step * torch.eye(size, dtype=F64)[axis]
        columns.append((chart.to_x(u + move) - chart.to_x(u - move)) / (2 * step))
    area = torch.linalg.det(torch.stack(columns, -1)).abs()
    assert torch.allclose(chart.slope(u), area, rtol=1e-5)


def test_at_the_limits_points_are_numbers_within_the_ends(chart):
    for u in chart.limits:
        x, slope = chart.to_x(u.unsqueeze(0)), chart.slope(u.unsqueeze(0))
        assert x.isfinite().all()
        assert ((x > chart.ends.lower) & (x < chart.ends.upper)).all()
        assert not slope.isnan().any()


def test_only_a_domain_without_ends_is_whole():
    assert {name for name, chart in CHARTS.items() if chart.whole} == {
        "the line",
        "the plane",
        "the tilted plane",
    }
