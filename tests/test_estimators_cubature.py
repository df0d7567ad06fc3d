"""Adaptive Gauss-Kronrod cubature, of many integrals and many elements of a batch at once."""

import math

import pytest
import torch

from kldiv.estimators.cubature import Cells, coarse_weights_of, integrate, nodes_of

F64 = torch.float64
EPS = torch.finfo(F64).eps


def line(low, high, *shape):
    """One cell for each element of a batch."""
    ends = torch.tensor([low, high], dtype=F64).reshape(2, 1, *(1,) * len(shape), 1)
    return Cells(*ends.expand(2, 1, *shape, 1))


def square(side=1.0):
    return Cells(torch.zeros(1, 2, dtype=F64), torch.full((1, 2), side, dtype=F64))


def without_noise(function):
    def integrand(x):
        values = torch.stack(function(x))
        return values, values.abs() * EPS

    return integrand


@pytest.mark.parametrize("degree", range(0, 23, 2))
def test_the_rule_is_exact_for_polynomials_up_to_degree_22(degree):
    x, weights = nodes_of(line(-1.0, 1.0))
    found = float((weights * x.squeeze(-1) ** degree).sum())
    assert found == pytest.approx(2 / (degree + 1), rel=8 * EPS)


@pytest.mark.parametrize("degree", range(0, 13, 2))
def test_the_embedded_rule_is_exact_for_polynomials_up_to_degree_13(degree):
    cells = line(-1.0, 1.0)
    x, _ = nodes_of(cells)
    found = float((coarse_weights_of(cells) * x.squeeze(-1) ** degree).sum())
    assert found == pytest.approx(2 / (degree + 1), rel=8 * EPS)


def test_the_embedded_rule_is_not_the_rule_itself():
    cells = line(-1.0, 1.0)
    x, weights = nodes_of(cells)
    gap = ((weights - coarse_weights_of(cells)) * x.squeeze(-1) ** 14).sum()
    assert float(gap.abs()) > 1e-6


@pytest.mark.parametrize(
    ("function", "low", "high", "truth"),
    [
        (lambda x: x.exp(), 0.0, 1.0, math.e - 1),
        (lambda x: (30 * x).cos(), 0.0, 1.0, math.sin(30) / 30),
        (lambda x: x.sqrt(), 0.0, 1.0, 2 / 3),
        (lambda x: x.rsqrt(), 0.0, 1.0, 2.0),
        (lambda x: (x - 0.3).abs(), 0.0, 1.0, (0.09 + 0.49) / 2),
        (lambda x: (x > 0.3).double(), 0.0, 1.0, 0.7),
        (lambda x: 1 / (1 + x.square()), -50.0, 50.0, 2 * math.atan(50)),
        (lambda x: (-(1e4 * (x - 0.5)).square()).exp(), 0.0, 1.0, math.sqrt(math.pi) / 1e4),
    ],
    ids=["exp", "waves", "root", "pole", "kink", "jump", "tails", "needle"],
)
def test_the_error_covers_the_distance_to_the_truth(function, low, high, truth):
    found = integrate(
        without_noise(lambda x: [function(x.squeeze(-1))]), line(low, high), rtol=1e-10
    )
    assert abs(float(found.values) - truth) <= float(found.errors)
    assert float(found.errors) <= 1e-10 * abs(truth) + 4 * EPS or found.evaluations >= 200_000


def test_many_integrals_are_taken_over_the_same_cells():
    found = integrate(
        without_noise(lambda x: [x.squeeze(-1).exp(), x.squeeze(-1) ** 2]),
        line(0.0, 1.0),
        rtol=1e-12,
    )
    assert found.values.tolist() == pytest.approx([math.e - 1, 1 / 3], rel=1e-13)
    assert found.meets(1e-12, 0.0).tolist() is True


def test_every_element_of_the_batch_is_refined_where_it_needs_it():
    place = torch.linspace(0.05, 0.95, 12, dtype=F64).reshape(3, 4)
    found = integrate(
        without_noise(lambda x: [(-(((x.squeeze(-1) - place) * 1e3) ** 2)).exp()]),
        line(0.0, 1.0, 3, 4),
        rtol=1e-11,
    )
    assert found.values.shape == (1, 3, 4)
    truth = torch.full((3, 4), math.sqrt(math.pi) / 1e3, dtype=F64)
    assert ((found.values[0] - truth).abs() <= found.errors[0]).all()


def test_a_plane_is_cut_along_the_axis_that_needs_it():
    found = integrate(
        without_noise(lambda x: [(-(1e3 * (x[..., 0] - 0.5)).square()).exp() * (1 + x[..., 1])]),
        square(),
        rtol=1e-9,
    )
    assert float(found.values) == pytest.approx(1.5 * math.sqrt(math.pi) / 1e3, rel=1e-9)
    width, height = (found.cells.upper - found.cells.lower).amin(0).tolist()
    assert width < 0.01
    assert height == 1


def test_cells_of_a_plane_cover_it_exactly_once():
    found = integrate(
        without_noise(lambda x: [(x.square().sum(-1) < 2).double()]),
        square(2.0),
        rtol=1e-3,
        max_evaluations=20_000,
    )
    areas = (found.cells.upper - found.cells.lower).prod(-1)
    assert float(areas.sum()) == pytest.approx(4, rel=1e-12)
    assert float(found.values) == pytest.approx(math.pi / 2, rel=1e-2)


def test_an_infinite_integrand_makes_its_integral_infinite_and_leaves_the_others():
    found = integrate(
        without_noise(lambda x: [torch.where(x.squeeze(-1) > 0.5, torch.inf, 0.0), x.squeeze(-1)]),
        line(0.0, 1.0),
        rtol=1e-10,
    )
    assert found.values.tolist() == pytest.approx([math.inf, 0.5])
    assert float(found.errors[0]) == 0


def test_it_stops_at_the_most_evaluations_and_says_how_far_it_came():
    found = integrate(
        without_noise(lambda x: [(x.squeeze(-1) > 1 / 3).double()]),
        line(0.0, 1.0),
        rtol=1e-14,
        max_evaluations=200,
    )
    assert 200 <= found.evaluations < 300
    assert abs(float(found.values) - 2 / 3) <= float(found.errors)
    assert not found.meets(1e-14, 0.0)


def test_noise_ends_the_search_for_digits_that_are_not_there():
    generator = torch.Generator().manual_seed(0)

    def noisy(x):
        values = 1 + 1e-6 * torch.randn(1, *x.shape[:-1], generator=generator, dtype=F64)
        return values, torch.full_like(values, 1e-6)

    found = integrate(noisy, line(0.0, 1.0), rtol=1e-12)
    assert found.evaluations <= 60
    assert abs(float(found.values) - 1) <= float(found.errors)


def test_far_from_zero_the_rounding_of_places_is_part_of_the_error():
    # a node at 1e9 is known to 1e-7, a tenth of the width of the bell
    centre, width = 1e9, 1e-6
    found = integrate(
        without_noise(lambda x: [(-(((x.squeeze(-1) - centre) / width) ** 2)).exp()]),
        line(centre - 1e-5, centre + 1e-5),
        rtol=1e-12,
    )
    assert float(found.errors) > 1e-3 * width
    assert abs(float(found.values) - math.sqrt(math.pi) * width) <= float(found.errors)


def test_an_absolute_tolerance_is_enough_where_an_integral_vanishes():
    found = integrate(
        without_noise(lambda x: [x.squeeze(-1) ** 3]), line(-1.0, 1.0), rtol=1e-10, atol=1e-9
    )
    assert abs(float(found.values)) <= 1e-15
    assert found.evaluations == 15
