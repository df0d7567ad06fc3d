"""The peaks of bare densities on the integers are found, near and far, needles and bulks."""

import math

import pytest
import torch

from torch.distributions import constraints

import kldiv

from kldiv.estimators.summation.peaks import peaks


def found(log_prob, batch=()):
    target = kldiv.Target(log_prob, support=constraints.nonnegative_integer)
    zero = torch.zeros(batch, dtype=torch.float64)
    return peaks(target, zero, 1, zero + math.inf)


@pytest.mark.parametrize("rate", [0.3, 30.0, 1e6, 1e12])
def test_the_mode_of_a_poisson_law_and_its_width(rate):
    places, widths = found(lambda k: k * math.log(rate) - (k + 1).lgamma())
    assert abs(float(places[0]) - rate) <= 1 + 0.1 * rate**0.5
    assert float(widths[0]) <= 4 * rate**0.5 + 1


def test_two_modes_and_a_needle_with_a_wide_basin():
    places, widths = found(
        lambda k: torch.logaddexp(-((k - 70.0) ** 2), -((k - 123_456.0) ** 2) / 8)
    )
    assert {70.0, 123_456.0} <= set(places.tolist())
    assert float(widths[places == 123_456.0].max()) <= 4


def test_a_density_without_a_peak_has_its_first_integer():
    places, _ = found(lambda k: -k / 3)
    assert float(places[0]) == 0


def test_elements_of_a_batch_have_their_own():
    rates = torch.tensor([5.0, 5e5], dtype=torch.float64)
    places, _ = found(lambda k: k * rates.log() - (k + 1).lgamma(), (2,))
    assert ((places[0] - rates).abs() <= 1 + 1e-3 * rates.sqrt()).all()
