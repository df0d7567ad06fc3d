"""Densities that are powers of the distance, continued beyond all numbers."""

import math

import pytest
import torch

from torch.distributions import constraints

import kldiv

from kldiv.estimators.integrals.power_tails import doubt_of, outermost, rest_of
from tests.axis import F64, double, line

OUTWARD = double([300.0], [240.0], [180.0])


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(("a", "b"), [(2.0, 0.0), (0.0, 1.0), (3.0, 0.5)])
def test_the_rest_of_a_line_times_an_exponential_is_exact(rate, a, b):
    values = (a + b * OUTWARD) * (-rate * OUTWARD).exp()
    found = rest_of(values.unsqueeze(0), OUTWARD)
    end = 300.0
    exact = math.exp(-rate * end) * ((a + b * end) / rate + b / rate**2)
    assert float(found) == pytest.approx(exact, rel=1e-6)


def test_what_does_not_fall_has_no_rest():
    assert float(rest_of(torch.ones(1, 3, 1, dtype=F64), OUTWARD)) == 0


def test_straight_lines_are_in_no_doubt_and_bent_ones_are():
    outward = double([300.0], [240.0], [180.0], [120.0])
    assert float(doubt_of(-2 * outward + 1, outward)) < 1e-14
    bent = -2 * outward - 5 * (-outward / 60).exp()
    slopes = 5 / 60 * double(-4.0, -5.0, -6.0).exp().diff().neg()
    assert float(doubt_of(bent, outward)) == pytest.approx(float(slopes[0] - slopes[1]))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("chart", [line(), line(0.0, math.inf), line(2.0, 9.0, (4.0,))])
def test_places_on_the_way_out_are_within_the_line_and_the_first_is_the_last(chart, lower):
    outward = double(30.0 if chart.rounds else 300.0)
    places = outermost(chart, torch.tensor([0]), outward, lower=lower)
    assert ((places.x > chart.lower) & (places.x < chart.upper)).all()
    steps = places.x[:, 0].diff()
    assert bool((steps > 0).all() if lower else (steps < 0).all())
    assert (places.outward.diff(dim=0) < 0).all()


@pytest.mark.parametrize("power", [-3.0, -1.5, -1.1, -1.01, -1.001])
def test_the_mass_of_a_power_from_1_on_is_that_of_the_formula(power):
    target = kldiv.Target(lambda x: power * x.log(), support=constraints.greater_than(1.0))
    mass, error = kldiv.Quadrature().mass(target)
    assert float(mass) == pytest.approx(-1 / (power + 1), rel=1e-9)
    assert abs(float(mass) + 1 / (power + 1)) <= float(error) + 1e-13 * float(mass)


@pytest.mark.parametrize("power", [-1.0, -0.99, 0.0, 1.0])
def test_a_power_that_does_not_fall_fast_enough_is_infinite(power):
    target = kldiv.Target(lambda x: power * x.log(), support=constraints.greater_than(1.0))
    assert math.isinf(float(kldiv.Quadrature().mass(target)[0]))


@pytest.mark.parametrize("power", [-0.999, -0.9, -0.5, 0.5])
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_the_mass_of_a_pole_is_that_of_the_formula(power, end):
    target = kldiv.Target(
        lambda x: power * (x - end).log(), support=constraints.interval(end, end + 1.0)
    )
    mass, error = kldiv.Quadrature().mass(target)
    assert abs(float(mass) - 1 / (power + 1)) <= float(error) + 1e-12 / (power + 1)
    assert float(error) <= 1e-6 * float(mass)


@pytest.mark.parametrize("power", [-1.0, -1.001, -2.0])
def test_a_pole_may_be_infinite(power):
    target = kldiv.Target(lambda x: power * x.log(), support=constraints.interval(0.0, 1.0))
    assert math.isinf(float(kldiv.Quadrature().mass(target)[0]))
