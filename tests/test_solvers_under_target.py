"""Integrals under a target alone."""

import pytest
import torch

from torch.distributions import Normal, constraints

import kldiv

from kldiv.resolving import as_target
from kldiv.solvers.under_target import UnderTarget
from tests.test_definitions_tally import Counting, two_bells

TARGETS = {
    "smooth": kldiv.Target(two_bells),
    "with an end": kldiv.Target(lambda x: -3 * x, support=constraints.positive),
    "with tails of a power": kldiv.Target(lambda x: -4 * torch.log1p(x.square())),
}


@pytest.mark.parametrize("target", [pytest.param(each, id=name) for name, each in TARGETS.items()])
def test_moments_are_those_of_the_estimator(target):
    statistics = lambda x: (x, x.square())
    found = UnderTarget(target).expectations(statistics)
    expected, errors = kldiv.Quadrature().expectations(target, statistics)
    assert ((found - expected).abs() <= errors + 1e-12).all()


def test_a_smooth_density_is_asked_once_for_all_its_integrals():
    density = Counting(two_bells)
    under = UnderTarget(density.target)
    assert under.place.variance.item() == pytest.approx(5, rel=1e-12)
    asked = density.points
    mass, fourth = under.expectations(lambda x: (x.pow(4),))
    assert float(fourth / mass) == pytest.approx(3 + 6 * 4 + 16, rel=1e-12)
    assert density.points == asked


def test_a_distribution_knows_where_it_is():
    assert float(UnderTarget(as_target(Normal(2.0, 3.0), "p")).place.variance) == 9


def test_what_can_only_be_drawn_has_no_integrals():
    cube = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    assert UnderTarget(cube).expectations(lambda x: (x[..., 0],)) is None
