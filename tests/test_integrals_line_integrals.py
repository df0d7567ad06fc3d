"""Integrals along lines, their gradients and their nodes."""

import math

import pytest
import torch

from torch.distributions import Gamma, Laplace, Normal, StudentT

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import StatisticsFormula
from kldiv.estimators.integrals.line_integrals import Kinks, cuts_of, joined, line_integrals
from kldiv.estimators.integrals.on_lines import OnLines
from tests.axis import F64, budget, double, line

HALF = line(0.0, math.inf, (2.0,))


def integrals(distribution, *statistics, chart=None, points=(), most=100_000):
    chart = line() if chart is None else chart
    formula = StatisticsFormula(
        DistributionTarget(distribution),
        (lambda x: tuple(f(x) for f in statistics)) if statistics else None,
    )
    function = OnLines(
        formula, chart, Elements(None, torch.Size([])), budget(1, most), torch.tensor([0])
    )
    demand = Demand(torch.full((1 + len(statistics),), 1e-11, dtype=F64), 1e-14, most)
    kinks = Kinks((), double(*points), torch.empty(1, 0, dtype=F64))
    return line_integrals(function, demand, kinks)


@pytest.mark.parametrize(
    ("distribution", "chart", "points"),
    [
        (Normal(double(0.3)[0], 2.0), None, ()),
        (Laplace(double(0.3)[0], 2.0), None, (0.3,)),
        (StudentT(double(3.5)[0]), None, ()),
        (Gamma(double(2.5)[0], 1.5), HALF, ()),
    ],
)
def test_moments_are_right_within_their_errors_and_sums_over_their_nodes(
    distribution, chart, points
):
    found = integrals(distribution, lambda x: x, torch.square, chart=chart, points=points)
    mean, variance = distribution.mean, distribution.variance
    exact = torch.stack([torch.ones_like(mean), mean, variance + mean.square()])
    assert ((found.values[:, 0] - exact).abs() <= found.errors[:, 0] + 1e-12).all()
    total = sum(float((distribution.log_prob(x).exp() * w).sum()) for x, w, *_ in found.rule())
    assert total == pytest.approx(1, abs=1e-9)


def test_gradients_are_those_of_the_integrals():
    loc, scale = (double(each)[0].requires_grad_() for each in (0.3, 2.0))
    found = integrals(Normal(loc, scale), torch.square)
    value = found.differentiable([])[1, 0]
    assert torch.autograd.grad(value, (loc, scale)) == (
        pytest.approx(0.6, rel=1e-9),
        pytest.approx(4.0, rel=1e-9),
    )


def test_a_moment_that_does_not_exist_diverges():
    found = integrals(StudentT(double(2.0)[0]), torch.abs, torch.square)
    assert found.diverges[:, 0].tolist() == [False, False, True]
    assert found.values[2].isinf()
    assert found.errors[2] == 0


@pytest.mark.parametrize("most", [1, 100, 300])
def test_the_limit_is_kept_and_its_price_is_in_the_error(most):
    found = integrals(Laplace(double(0.3)[0], 2.0), points=(0.3,), most=most)
    assert int(found.budget.spent) <= max(most, 60)
    assert abs(float(found.values) - 1) <= float(found.errors)


def test_lines_are_cut_at_points_that_they_hold():
    w, lines = cuts_of(HALF, double([-1.0], [3.0], [0.0]))
    assert lines.tolist() == [0]
    assert float(HALF.places(w.unsqueeze(0)).x) == pytest.approx(3)


def test_cuts_are_joined():
    first, second = (double(1.0), torch.tensor([0])), (double(2.0), torch.tensor([1]))
    w, lines = joined(first, second)
    assert (w.tolist(), lines.tolist()) == ([1, 2], [0, 1])
