"""Integrands along lines, from the log densities of a batch."""

import math

import pytest
import torch

from torch.distributions import Beta, Independent, Normal

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import StatisticsFormula
from kldiv.estimators.integrals.on_lines import Across, OnLines, Verdicts
from kldiv.estimators.integrals.power_tails import powers_of
from tests.axis import F64, budget, double, line

SHIFTS = double(0.0, 2.0, 5.0)
W = torch.linspace(-4, 4, 17, dtype=F64).unsqueeze(-1)


def along():
    target = DistributionTarget(Normal(SHIFTS, 1.0))
    chart = line().pick(torch.zeros(3, dtype=torch.long))
    return OnLines(
        StatisticsFormula(target), chart, Elements(None, SHIFTS.shape), budget(3), torch.arange(3)
    )


def test_values_are_densities_in_the_coordinate():
    function = along()
    sample = function(W.expand(-1, 3), None, noise=True)
    expected = Normal(SHIFTS, 1.0).log_prob(sample.places.x).exp() * sample.places.log_slope.exp()
    assert torch.allclose(sample.values[0], expected)
    assert ((sample.noise > 0) == (sample.values > 0)).all()
    assert (sample.noise < 1e-13).all()


def test_lines_are_picked_and_pay_for_themselves():
    function = along()
    whole = function(W.expand(-1, 3), None, noise=False)
    index = torch.tensor([2, 0, 2])
    some = function(W.expand(-1, 3), index, noise=False)
    assert torch.equal(some.values, whole.values[..., index])
    assert function.budget.spent.tolist() == [34, 17, 51]


def test_points_of_a_plane_have_the_coordinate_of_their_line():
    target = DistributionTarget(Independent(Normal(double(0.0, 0.0), double(1.0, 3.0)), 1))
    across = Across(double(1.5), double(0.7))
    function = OnLines(
        StatisticsFormula(target),
        line(),
        Elements(None, torch.Size([])),
        budget(1),
        torch.tensor([0]),
        across,
    )
    sample = function(W, None, noise=False)
    points = torch.stack([torch.full_like(sample.places.x, 1.5), sample.places.x], -1)
    expected = (target.log_prob(points) + sample.places.log_slope + 0.7).exp()
    assert torch.allclose(sample.values[0], expected)


def test_beside_an_end_log_densities_are_those_of_the_places_that_were_meant():
    target = DistributionTarget(Beta(double(2.0)[0], 0.3))
    chart = line(0.0, 1.0, (0.5,), (0.1,))
    function = OnLines(
        StatisticsFormula(target),
        chart,
        Elements(None, torch.Size([])),
        budget(1),
        torch.tensor([0]),
    )
    powers = powers_of(function)
    assert powers[1].flatten().tolist() == pytest.approx([-0.7, -0.7], rel=1e-6)
    assert powers[0].isnan().all()
    places = chart.places(chart.limits[1].unsqueeze(0) - W.abs() / 100)
    logs = (target.log_prob(places.x),) * 2
    moved, (log, _) = OnLines(**{**vars(function), "powers": powers}).unrounded(places, logs)
    meant = (places.log_distance - moved.shift) * -0.7 - torch.lgamma(double(2.0, 0.3)).sum()
    assert torch.allclose(log, meant + torch.lgamma(double(2.3)), atol=1e-9)


def test_verdicts_are_kept_for_infinite_values_only():
    verdicts = Verdicts()
    values = double([math.inf, 1.0], [math.inf, math.inf])
    assert not verdicts.of(values).any()
    verdicts.note(torch.tensor([[True, False], [False, False]]), torch.tensor([0, 1]), 2)
    verdicts.note(torch.tensor([[False, True], [False, False]]), torch.tensor([0, 1]), 2)
    assert verdicts.of(values).tolist() == [[True, False], [False, False]]
