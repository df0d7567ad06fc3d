"""What lies at the ends of lines."""

import math

import pytest
import torch

from kldiv.estimators.integrals.adaptive import grid_of
from kldiv.estimators.integrals.tails import ends_of
from tests.axis import Plain, line

LINE, HALF, UNIT = line(), line(0.0, math.inf, (1.0,)), line(0.0, 1.0, (0.5,), (0.2,))


def found(function, chart):
    integrand = Plain(function, chart=chart)
    return ends_of(integrand(grid_of(chart).steps(), None, noise=True), integrand), integrand


@pytest.mark.parametrize(
    ("function", "chart", "diverges"),
    [
        (lambda x: (1 + x.square()) ** -1.0, LINE, False),
        (lambda x: (1 + x.square()) ** -0.51, LINE, False),
        (lambda x: (1 + x.square()) ** -0.5, LINE, True),
        (lambda x: (1 + x.square()) ** -0.49, LINE, True),
        (lambda x: torch.where(x > 0, (1 + x.abs()) ** -1.0, (-x.square()).exp()), LINE, True),
        (torch.ones_like, LINE, True),
        (torch.ones_like, UNIT, False),
        (lambda x: (-x.square()).exp(), LINE, False),
        (lambda x: x.square().clamp_max(1e300) * (-x.abs()).exp(), LINE, False),
        (lambda x: x**-0.9 * (-x).exp(), HALF, False),
        (lambda x: x**-1.0 * (-x).exp(), HALF, True),
        (lambda x: x**-1.1 * (-x).exp(), HALF, True),
        (lambda x: x**-0.99, UNIT, False),
        (lambda x: 1 / x, UNIT, True),
        (lambda x: (1 - x) ** -0.5, UNIT, False),
        (lambda x: 1 / (1 - x), UNIT, True),
    ],
)
def test_tails_are_finite_where_they_fall_fast_enough(function, chart, diverges):
    assert bool(found(function, chart)[0].diverges) == diverges


@pytest.mark.parametrize("centre", [-30.0, 0.0, 8.0])
def test_the_window_holds_all_that_counts(centre):
    ends, _ = found(lambda x: (-(x - centre).square() / 2).exp(), LINE)
    grid = grid_of(LINE)
    low, high = (
        LINE.places(grid.at(each, torch.tensor([0])).unsqueeze(0)).x
        for each in (ends.first, ends.last)
    )
    assert float(low) < centre - 6 < centre + 6 < float(high)
    assert not ends.open
    assert not ends.beyond


def test_what_vanishes_early_has_a_short_window():
    ends, _ = found(lambda x: (-x.square()).exp(), LINE)
    assert int(ends.last - ends.first) < grid_of(LINE).number


def test_a_power_goes_on_beyond_the_last_place():
    ends, _ = found(lambda x: (1 + x.square()) ** -0.502, LINE)
    assert len(ends.beyond) == 2
    # beyond a the integral of x^-1.004 is a^-0.004 / 0.004; the last place is about 1e140
    for tail in ends.beyond:
        assert float(tail.best) == pytest.approx(10 ** (-0.004 * 140) / 0.004, rel=0.01)


def test_nothing_but_rounding_is_lost():
    class Noisy(Plain):
        def __call__(self, w, line, *, noise):
            sample = super().__call__(w, line, noise=noise)
            return type(sample)(sample.values, sample.values.abs(), sample.places)

    integrand = Noisy(lambda x: (-x.square()).exp(), chart=LINE)
    assert ends_of(integrand(grid_of(LINE).steps(), None, noise=True), integrand).lost
