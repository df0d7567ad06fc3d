"""Points next to the ends of lines."""

import math

import pytest
import torch

from kldiv.estimators.integrals.ends import depth, inside, within
from tests.axis import double


@pytest.mark.parametrize(
    "ends", [(0.0, 1.0), (-5.0, math.inf), (-math.inf, 3.0), (1e300, 1.1e300)]
)
def test_no_point_is_on_an_end(ends):
    low, high = double(*ends).unbind()
    x = inside(
        torch.stack([low, high, (low + high) / 2, low - 1, high + 1]).nan_to_num(), low, high
    )
    assert ((x > low) & (x < high)).all()


def test_points_inside_stay_where_they_are():
    x = torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    assert torch.equal(inside(x, double(0.0), double(1.0)), x)


@pytest.mark.parametrize("end", [1.0, -7.0, 1e10, -1e-10, 0.0])
def test_at_the_depth_of_an_end_points_still_have_digits(end):
    distance = math.exp(float(depth(double(end))))
    x = end + distance
    assert x != end
    # one rounding is at most 1/16 of the distance
    assert x - end == pytest.approx(distance, rel=1 / 16)


def test_on_a_whole_line_places_are_what_they_are():
    y, unit = within(double(-math.inf), double(math.inf), double(3.0), double(0.5))
    assert (float(y), float(unit)) == (3.0, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "x", "y"),
    [
        (0.0, math.inf, 4.0, math.log(4)),
        (-math.inf, 0.0, -4.0, -math.log(4)),
        (0.0, 1.0, 0.2, math.log(0.25)),
    ],
)
def test_places_are_logarithms_of_distances(low, high, x, y):
    found, unit = within(double(low), double(high), double(x), double(1e-3))
    assert float(found) == pytest.approx(y)
    moved, _ = within(double(low), double(high), double(x + 1e-6), double(1e-3))
    assert float(unit) == pytest.approx(float(moved - found) * 1e3, rel=1e-3)


@pytest.mark.parametrize("centre", [-3.0, 0.0, 1.0, 9.0])
def test_a_place_at_or_beyond_an_end_is_a_place_at_the_end(centre):
    y, unit = within(double(0.0), double(1.0), double(centre), double(0.1))
    assert y.isfinite().all()
    assert 0 < float(unit) <= 2
    assert (float(y) > 0) == (centre > 0.5)
