"""The rule of Gauss and Kronrod on cells, and which of these are halved."""

import math

import pytest
import torch

from kldiv.estimators.integrals.kronrod import CELL, Cells, kronrod, nodes_of
from tests.axis import Plain, double


def cells(*edges):
    return Cells(
        torch.zeros(len(edges) - 1, dtype=torch.long), double(*edges[:-1]), double(*edges[1:])
    )


@pytest.mark.parametrize("degree", range(23))
def test_a_polynomial_of_degree_22_is_integrated_exactly_over_a_cell(degree):
    nodes = nodes_of(cells(-1.0, 2.0))
    found = float((nodes.w**degree * nodes.weights).sum())
    exact = (2.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
    assert found == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("degree", range(14))
def test_the_embedded_rule_of_gauss_is_exact_up_to_degree_13(degree):
    nodes = nodes_of(cells(-1.0, 2.0))
    found = float((nodes.w**degree * nodes.coarse).sum())
    exact = (2.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
    assert found == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (lambda x: (x - 0.3).abs(), (1.3**2 + 0.7**2) / 2),
        (lambda x: (x + 1).sqrt(), 2**1.5 / 1.5),
        (lambda x: 1 / (1e-4 + x.square()), 2e2 * math.atan(1e2)),
        (lambda x: (30 * x).cos() + 1, math.sin(30) / 15 + 2),
    ],
)
@pytest.mark.parametrize("rtol", [1e-3, 1e-7, 1e-10])
def test_cells_are_halved_until_the_error_is_small_enough_and_covers(function, exact, rtol):
    allowed = double([rtol * exact])
    found, _ = kronrod(Plain(function), cells(-1.0, 1.0), allowed)
    assert abs(float(found.values) - exact) <= float(found.errors) <= float(allowed)


def test_only_the_cells_with_a_kink_are_halved():
    _, found = kronrod(
        Plain(lambda x: (x - 0.3).abs()), cells(-4.0, -2.0, 0.0, 2.0, 4.0), double([1e-9])
    )
    whole = found.upper - found.lower == 2
    assert int(whole.sum()) == 3
    assert ((found.lower[~whole] >= 0) & (found.upper[~whole] <= 2)).all()
    assert float((found.upper - found.lower).sum()) == pytest.approx(8)


@pytest.mark.parametrize("most", [1, 15, 44, 45, 100, 1000])
def test_no_more_is_spent_than_allowed_and_the_error_says_what_is_missing(most):
    integrand = Plain(lambda x: (x - 0.3).abs().sqrt(), most=most)
    found, last = kronrod(integrand, cells(-1.0, 1.0), double([1e-13]))
    exact = (1.3**1.5 + 0.7**1.5) / 1.5
    assert int(integrand.budget.spent) <= max(CELL, most)
    assert len(last.line) * CELL <= max(CELL, most)
    assert abs(float(found.values) - exact) <= float(found.errors)


def test_an_infinite_integrand_is_an_infinite_integral_without_error():
    found, _ = kronrod(
        Plain(lambda x: torch.where(x > 0, torch.inf, 1.0)), cells(-1.0, 1.0), double([1e-9])
    )
    assert float(found.values) == math.inf
    assert float(found.errors) == 0
