"""Integration along lines: smooth ones by the trapezium rule, the others by cells."""

import math

import pytest
import torch

from kldiv.estimators.integrals.adaptive import Demand, Start, grid_of, integrate
from kldiv.estimators.integrals.tails import ends_of
from tests.axis import F64, Plain, double, line

NOWHERE = torch.empty(0, dtype=F64), torch.empty(0, dtype=torch.long)


def integrated(*functions, chart=None, rtol=1e-10, roots=(), most=100_000):
    chart = line() if chart is None else chart
    integrand = Plain(*functions, chart=chart, most=most)
    grid = grid_of(chart)
    ladder = integrand(grid.steps(), None, noise=True)
    ends = ends_of(ladder, integrand)
    places = chart.of_points(double(*roots).reshape(-1, 1))[:, 0]
    cuts = (places, torch.zeros(len(roots), dtype=torch.long)) if roots else NOWHERE
    rough = ends.open | bool(roots)
    start = Start(grid, ladder.values, ends, cuts, rough, torch.zeros_like(ends.open))
    demand = Demand(torch.full((len(functions),), rtol, dtype=F64), 0.0, most)
    return integrate(integrand, chart, start, demand), integrand


CASES = {
    "a bell": (lambda x: (-x.square() / 2).exp(), math.sqrt(2 * math.pi), ()),
    "a bell aside": (lambda x: (-(x - 3).square() / 2).exp(), math.sqrt(2 * math.pi), ()),
    "heavy tails": (lambda x: 1 / (1 + x.square()), math.pi, ()),
    "a kink": (lambda x: (-(x - 0.7).abs()).exp(), 2.0, (0.7,)),
    "a jump": (lambda x: torch.where(x > 1, (1 - x).exp(), 0.0), 1.0, (1.0,)),
    "both signs": (lambda x: x * (-(x - 1).square()).exp(), math.sqrt(math.pi), ()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rtol", [1e-5, 1e-10])
def test_integrals_are_right_within_their_error(name, rtol):
    function, exact, roots = CASES[name]
    found, _ = integrated(function, rtol=rtol, roots=roots)
    assert abs(float(found.integrals.values) - exact) <= float(found.integrals.errors)
    assert float(found.integrals.errors) <= 3 * rtol * exact


def test_a_kink_that_nobody_tells_of_is_noticed():
    found, _ = integrated(CASES["a kink"][0])
    assert abs(float(found.integrals.values) - 2) <= float(found.integrals.errors) <= 6e-10


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("most", [1, 40, 100, 200, 400, 800])
def test_what_is_not_paid_for_is_in_the_error(name, most):
    function, exact, roots = CASES[name]
    found, integrand = integrated(function, roots=roots, most=most)
    assert int(integrand.budget.spent) <= max(most, 40)
    assert abs(float(found.integrals.values) - exact) <= float(found.integrals.errors)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("most", [1, 200, 100_000])
def test_integrals_are_sums_over_their_nodes(name, most):
    function, _, roots = CASES[name]
    found, integrand = integrated(function, roots=roots, most=most)
    total = 0.0
    for nodes in found.nodes:
        sample = integrand(nodes.w, nodes.line, noise=False)
        total += float((sample.values * nodes.weights).sum())
    assert total == pytest.approx(float(found.integrals.values), rel=1e-13)


def test_an_error_is_allowed_by_the_larger_of_both_tolerances():
    demand = Demand(double(1e-3, 1e-6), 1e-4, 1)
    assert demand.allowed(double([1.0], [1.0])).tolist() == [[1e-3], [1e-4]]


def test_an_error_may_be_allowed_relative_to_the_first_integral():
    demand = Demand(double(1e-3, 1e-6), 0.0, 1, of_first=1e-2)
    assert demand.allowed(double([10.0], [1.0])).tolist() == [[0.1], [0.1]]


def test_each_place_with_mass_has_steps_of_its_own():
    few, more = (
        grid_of(line(centre=c, scale=s)) for c, s in [((0.0,), (1.0,)), ((0.0, 99.0), (1.0, 1.0))]
    )
    assert more.number > few.number
