"""What is averaged, whatever the size of the densities."""

import math

import pytest
import torch

from torch.distributions import Independent, Normal

import kldiv

from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling import quasi_random
from kldiv.estimators.sampling.draws import Plan
from kldiv.estimators.sampling.proposals import proposals
from kldiv.estimators.sampling.ratios import (
    bounds_of,
    is_plain,
    levelled,
    ratios_at,
    score_terms_at,
)
from kldiv.resolving import as_divergence, as_target

PLAN = Plan(8, 16)
P = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
Q = Normal(torch.tensor(0.5, dtype=torch.float64), 1.3)


def prepared(p, q, divergence):
    problem = Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"))
    source = proposals(problem)
    return (*levelled(problem, source), source)


@pytest.mark.parametrize("divergence", ["kl", "squared_l2", "renyi(alpha=0.5)"])
def test_their_mean_is_the_integral(divergence):
    sides, offset, cost, source = prepared(P, Q, divergence)
    ratios = ratios_at(sides, source, Plan(64, 64))
    truth = kldiv.divergence(P, Q, divergence, estimator="quadrature")
    assert (float(offset), cost) == (0, 0)
    assert ratios.values.shape[1:] == ratios.control.shape == (2 * 64 * 64,)
    found = sides.combine(ratios.values.mean(1))
    assert float(found) == pytest.approx(float(truth), rel=0.01)
    assert abs(float(ratios.control.mean())) < 0.01


@pytest.mark.parametrize("divergence", ["kl", "fisher"])
def test_blocks_of_points_do_not_change_them(divergence, monkeypatch):
    loc = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    p, q = (Independent(Normal(loc + shift, 1.0), 1) for shift in (0.0, 0.5))

    def values():
        sides, _, _, source = prepared(p, q, divergence)
        found = score_terms_at(sides.problem, PLAN) if divergence == "fisher" else None
        found = (found or ratios_at(sides, source, PLAN)).values
        return found, torch.autograd.grad(found.sum(), loc)[0]

    whole = values()
    monkeypatch.setattr(quasi_random, "AT_ONCE", 30)
    torch.testing.assert_close(values(), whole, rtol=1e-12, atol=1e-12)


def test_densities_below_all_numbers_do_no_harm():
    near, far = (
        Independent(Normal(torch.full((900,), place, dtype=torch.float64), 1.0), 1)
        for place in (0.0, 0.02)
    )
    for divergence in ("kl", "squared_hellinger"):
        sides, _, _, source = prepared(near, far, divergence)
        values = ratios_at(sides, source, PLAN).values
        assert values.isfinite().all()
        assert (values > 0).all()


def test_a_side_of_unknown_mass_is_lifted_to_the_level_of_the_other():
    bare = kldiv.Target(lambda x: 1e4 - x.square().sum(-1) / 2, event_shape=(3,))
    law = Independent(Normal(torch.zeros(3, dtype=torch.float64), 1.0), 1)
    sides, offset, cost, source = prepared(law, bare, "kl")
    constant = 1e4 + 1.5 * torch.tensor(2 * torch.pi).log()
    assert float(offset) == pytest.approx(-float(constant), abs=1e-3)
    assert cost == 64
    assert is_plain(sides, source)
    torch.testing.assert_close(
        ratios_at(sides, source, PLAN).values, torch.zeros(1, 128, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("divergence", "bound"),
    [
        ("kl", None),
        ("chi2", None),
        ("jensen_shannon", math.log(2)),
        ("hellinger", 1.0),
        ("bhattacharyya", 2.0),
        ("renyi(alpha=0.5)", 2.0),
        ("renyi(alpha=1.5)", None),
        ("squared_l2", None),
    ],
)
def test_ratios_to_the_mixture_have_the_bound_that_two_densities_allow(divergence, bound):
    bounds = bounds_of(prepared(P, Q, divergence)[0])
    assert bound is None if bounds is None else math.isclose(float(bounds.max()), bound)
