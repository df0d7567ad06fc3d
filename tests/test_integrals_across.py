"""Lines across a plane, each about the places where its densities are."""

import pytest
import torch

from torch.distributions import MultivariateNormal

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.across import Inner, Plane
from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import StatisticsFormula
from kldiv.estimators.integrals.groups import Group
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.integrals.on_lines import Verdicts
from tests.axis import F64, double, line

COVARIANCE = double([4.0, 1.8], [1.8, 1.0])
NORMAL = DistributionTarget(MultivariateNormal(double(1.0, -2.0), COVARIANCE))
PLANE = Plane(
    double([[-torch.inf, -torch.inf]], [[torch.inf, torch.inf]]),
    [place.expand(torch.Size([1])) for place in landmarks(NORMAL)],
    torch.Size([]),
    (),
    torch.empty(0, 2, dtype=F64),
    (0,),
)


def inner(most=400_000):
    chart = line(centre=(1.0,), scale=(2.0,))
    budget = Budget.of(Group(torch.tensor([0]), 1), most)
    elements = Elements(None, torch.Size([]))
    demand = Demand(double(1e-9), 0.0, most)
    return Inner(StatisticsFormula(NORMAL), PLANE, chart, elements, demand, budget, Verdicts())


X = torch.linspace(-5, 7, 7, dtype=F64)


def test_places_across_are_those_given_the_first_coordinate():
    centre, scale = PLANE.across(X, torch.zeros(7, dtype=torch.long))
    assert torch.allclose(centre[:, 0], -2 + 1.8 / 4 * (X - 1))
    assert torch.allclose(scale, torch.full_like(scale, (1 - 1.8**2 / 4) ** 0.5))


def test_integrals_across_are_the_density_of_the_first_coordinate():
    function = inner()
    w = function.chart.of_points(X.unsqueeze(-1))
    sample = function(w, None, noise=True)
    marginal = torch.distributions.Normal(double(1.0), 2.0).log_prob(X.unsqueeze(-1)).exp()
    expected = marginal * sample.places.log_slope.exp()
    assert torch.allclose(sample.values[0], expected, rtol=1e-9)
    assert ((sample.values[0] - expected).abs() <= sample.noise[0] + 1e-14 * expected).all()


@pytest.mark.parametrize("most", [1, 1_000, 10_000, 400_000])
def test_a_line_across_costs_no_more_than_its_share(most):
    function = inner(most)
    function(function.chart.of_points(X.unsqueeze(-1)), None, noise=True)
    first_look = 40
    share = max(first_look, min(most // 7, max(160, most // 400)))
    assert int(function.budget.dearest) <= share
    assert int(function.budget.spent) <= 7 * share


def test_what_was_chosen_is_evaluated_again_without_a_limit():
    function = inner(1)
    assert int(function.budget.anew().left) > 10**9
