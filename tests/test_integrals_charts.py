"""Coordinates of lines: bijections whose slopes are those of differences."""

import math

import pytest
import torch

from tests.axis import line

INF = math.inf
CHARTS = {
    "the line": line(),
    "the line, far from 0": line(centre=(1e6,), scale=(1e-3,)),
    "two places": line(centre=(-3.0, 40.0), scale=(1.0, 0.1)),
    "places of unlike scales": line(centre=(0.0, 0.0, 5.0), scale=(1e-6, 1e3, 1.0)),
    "from 0 on": line(0.0, INF, (2.0,), (1.0,)),
    "from -3 on": line(-3.0, INF, (2.0,), (1.0,)),
    "up to 5": line(-INF, 5.0, (2.0,), (0.5,)),
    "between two ends": line(0.0, 1.0, (0.3,), (0.1,)),
    "between two ends, a needle in the middle": line(-2.0, 7.0, (1.0, 3.0), (1.0, 1e-7)),
    "a place beyond an end": line(0.0, 1.0, (4.0,), (0.5,)),
}


@pytest.fixture(params=CHARTS)
def chart(request):
    return CHARTS[request.param]


def inside(chart, number=101, share=0.4):
    low, high = chart.limits
    middle, half = (low + high) / 2, share * (high - low)
    return middle + half * torch.linspace(-1, 1, number, dtype=torch.float64).unsqueeze(-1)


def test_points_have_the_coordinate_that_they_came_from(chart):
    w = inside(chart)
    places = chart.places(w)
    # x has 53 bits of its distance from the nearest end or centre at best
    lost = 4e-16 * places.x.abs() * (-places.log_slope).exp()
    assert ((chart.of_points(places.x) - w).abs() <= 1e-9 + 4 * lost).all()


def test_points_ascend_and_stay_within_the_ends(chart):
    low, high = chart.limits
    w = low + (high - low) * torch.linspace(0, 1, 201, dtype=torch.float64).unsqueeze(-1)
    x = chart.places(w).x
    assert x.isfinite().all()
    assert (x.diff(dim=0) >= 0).all()
    assert ((x > chart.lower) & (x < chart.upper)).all()


def test_slopes_are_those_of_differences(chart):
    w, step = inside(chart, 41, 0.2), 1e-4
    places = chart.places(w)
    ends = [chart.places(w + sign * step).x for sign in (1, -1)]
    slope = (ends[0] - ends[1]) / (2 * step)
    rounding = 4e-16 * places.x.abs() / step
    exact = places.log_slope.exp()
    assert ((slope - exact).abs() <= 1e-5 * exact + rounding).all()


@pytest.mark.parametrize("name", ["the line", "two places", "places of unlike scales"])
def test_about_each_place_a_step_of_its_scale_is_a_step_of_w(name):
    chart = CHARTS[name]
    for centre, scale in zip(chart.centre[0], chart.scale[0], strict=True):
        w = chart.of_points(torch.stack([centre - scale, centre + scale]).unsqueeze(-1))
        assert 1 <= float(w[1] - w[0]) <= 20


@pytest.mark.parametrize("name", ["from -3 on", "up to 5", "between two ends"])
def test_beside_an_end_the_rounding_of_points_is_accounted_for(name):
    chart = CHARTS[name]
    w = chart.limits[0] if name != "up to 5" else chart.limits[1]
    places = chart.places(w.unsqueeze(0))
    end = chart.lower if name != "up to 5" else chart.upper
    assert float(places.log_distance) == pytest.approx(float((places.x - end).abs().log()))
    assert chart.rounds
    assert chart.nearer_lower(places.x).item() == (name != "up to 5")


def test_an_end_at_0_loses_no_digits():
    assert not CHARTS["from 0 on"].rounds
    low = CHARTS["from 0 on"].limits[0]
    assert float(CHARTS["from 0 on"].places(low.unsqueeze(0)).x) < 1e-280


def test_places_that_one_scale_resolves_have_one_term():
    assert line(centre=(0.0, 1.0), scale=(1.0, 2.0)).single.all()
    assert not line(centre=(0.0, 50.0), scale=(1.0, 2.0)).single.any()


def test_lines_that_are_picked_know_what_was_found_out_about_all():
    chart = CHARTS["two places"]
    w = inside(chart)
    picked = chart.pick(torch.zeros(3, dtype=torch.long)).pick(torch.tensor([2, 0]))
    assert torch.equal(picked.places(w.expand(-1, 2)).x, chart.places(w).x.expand(-1, 2))
