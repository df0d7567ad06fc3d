"""The largest value of a concave function of an order."""

import math

import pytest
import torch

from kldiv.definitions.envelope_divergence import EnvelopeDivergence, peak_of

CPU = torch.device("cpu")
SHAPE = torch.Size([])


def counted(function):
    calls = []

    def wrapped(order):
        calls.append(order)
        return function(order)

    return wrapped, calls


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (lambda a: a * (1 - a), 0.5),
        (lambda a: 1e-12 * a * (1 - a), 0.5),
        (lambda a: 1e6 * a * (0.2 - a), 0.1),
        (lambda a: -a * a.log() + a * math.log(0.01), 0.01 / math.e),
        (lambda a: (a + 1e-9).log() - 20 * a, 0.05 - 1e-9),
        (lambda a: a, 1.0),
        (lambda a: -3 * a, 0.0),
        (lambda a: 2 * a + (1 - a).sqrt() / 100, 1.0 - (0.01 / 4) ** 2),
    ],
    ids=["parabola", "tiny", "near", "entropy", "logarithm", "rising", "falling", "root"],
)
def test_the_place_is_found_to_all_the_digits_that_the_value_shows(function, place):
    wrapped, calls = counted(function)
    found = peak_of(wrapped, SHAPE, CPU)
    best = float(function(torch.tensor(place).double()))
    value = float(function(found.order))
    assert best - value <= float(found.missing) + 1e-13 * abs(best) + 1e-26
    assert float(found.missing) <= 1e-13 * abs(best)
    assert len(calls) <= 25


def test_each_element_of_a_batch_has_its_own_place():
    places = torch.tensor([[0.1, 0.5], [0.93, 0.999]]).double()
    found = peak_of(lambda order: -(order - places).square(), places.shape, CPU)
    torch.testing.assert_close(found.order, places, rtol=1e-12, atol=0)


def test_a_function_that_is_infinite_is_left_at_the_middle():
    found = peak_of(lambda order: order + torch.inf, SHAPE, CPU)
    assert (float(found.order), float(found.missing)) == (0.5, 0.0)


def test_the_search_works_where_gradients_are_switched_off():
    with torch.no_grad():
        found = peak_of(lambda order: order * (0.4 - order), SHAPE, CPU)
    assert float(found.order) == pytest.approx(0.2, rel=1e-14)


def test_an_envelope_needs_its_members():
    with pytest.raises(TypeError, match="at"):
        EnvelopeDivergence()
