"""The function whose supremum is sought, and what it does beyond the last point of a ray."""

import math

import pytest
import torch

from torch.distributions import Normal, Uniform

from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import RenyiAtInfinity
from kldiv.errors import NotAvailable
from kldiv.estimators.extrema.heights import Heights, beyond_rays, heights
from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.resolving import as_target

ZERO = torch.zeros((), dtype=torch.float64)
STEPS = torch.linspace(0.5, 200, 400, dtype=torch.float64)


def sides(p, q, divergence=None):
    problem = Problem(divergence or RenyiAtInfinity(), as_target(p, "p"), as_target(q, "q"))
    return Densities(problem, ZERO, ZERO, ZERO, measures=False)


def uniform(low, high):
    return Uniform(*(torch.tensor(each, dtype=torch.float64) for each in (low, high)))


def test_it_is_infinite_where_only_p_is_and_left_aside_where_p_is_not():
    x = torch.tensor([-0.5, 0.5, 1.5, 2.5], dtype=torch.float64)
    found = heights(sides(uniform(0.0, 2.0), uniform(1.0, 4.0)), x)
    assert found.value.tolist() == [-math.inf, math.inf, pytest.approx(math.log(1.5)), -math.inf]
    assert found.without_p.tolist() == [True, False, False, True]


def test_points_at_which_it_is_mostly_rounding_are_left_aside():
    p = Normal(torch.tensor(0.0).double(), 1.0)
    q = Normal(torch.tensor(1.0).double(), 1.0)
    x = torch.tensor([-3.0, 1e3, 1e12], dtype=torch.float64)
    found = heights(sides(p, q), x)
    assert found.value.tolist() == [pytest.approx(3.5), pytest.approx(0.5 - 1e3), -math.inf]
    assert not found.without_p.any()
    assert (found.secured < found.value)[:2].all()


def test_it_needs_a_supremum():
    with pytest.raises(NotAvailable, match="kl is no supremum"):
        heights(sides(uniform(0.0, 1.0), uniform(0.0, 1.0), KL()), torch.zeros(1).double())


def along(value, without_p=None):
    gone = torch.zeros_like(value, dtype=torch.bool) if without_p is None else without_p
    return beyond_rays(Heights(value, torch.full_like(value, 1e-15), gone), 1)


@pytest.mark.parametrize(
    "value",
    [0.01 * STEPS, STEPS.exp(), 3 * STEPS.log(), STEPS.log().log(), 1e-6 * STEPS - 50],
    ids=["power", "exponential", "logarithm", "log-log", "slow"],
)
def test_what_grows_without_slowing_is_endless(value):
    value = torch.where(value.isfinite(), value, -torch.inf)
    assert bool(along(value)[0])


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (-STEPS, -math.inf),
        (2 + 0 * STEPS, -math.inf),
        (2 - (-STEPS).exp(), -math.inf),
        (2 - (-STEPS / 50).exp(), 2.0),
    ],
    ids=["falling", "flat", "flattened", "flattening"],
)
def test_what_slows_down_has_a_limit(value, limit):
    endless, found = along(value)
    assert not bool(endless)
    assert float(found) == pytest.approx(limit, abs=2e-3)


def test_what_rises_to_the_end_of_the_support_of_p_is_not_endless():
    inside = STEPS < 120
    value = torch.where(inside, STEPS, -torch.inf)
    assert not bool(along(value, ~inside)[0])
    assert bool(along(value)[0])  # where the points beyond are merely not trusted
