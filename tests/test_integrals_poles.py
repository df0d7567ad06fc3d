"""Poles beside crossings: which integrands have them, and what the trapezium rule feels."""

import math

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.estimators import Problem
from kldiv.estimators.integrals.poles import has_poles
from kldiv.estimators.integrands import Densities
from kldiv.resolving import as_divergence, as_target

F64 = torch.float64


@pytest.mark.parametrize("shape", [(), (2, 3)])
@pytest.mark.parametrize(
    ("divergence", "expected"),
    [
        ("kl", False),
        ("jeffreys", False),
        ("chi2", False),
        ("squared_hellinger", False),
        ("alpha(alpha=10)", False),
        ("renyi(alpha=0.1)", False),
        ("squared_l2", False),
        ("jensen_shannon", True),
        ("skew_kl(weight=0.9)", True),
        ("triangular", True),
        ("total_variation", True),
    ],
)
def test_mixtures_of_both_sides_have_poles_and_powers_have_none(divergence, expected, shape):
    side = Normal(torch.zeros(shape, dtype=F64), 1.0)
    problem = Problem(as_divergence(divergence), as_target(side, "p"), as_target(side, "q"))
    zero = torch.zeros((), dtype=F64)
    sides = Densities(problem, zero, zero, zero, measures=False)
    assert has_poles(sides.raw, torch.Size(shape)) is expected


@pytest.mark.parametrize("gap", [6.0, 9.0, 12.0, 20.0])
@pytest.mark.parametrize("divergence", ["jensen_shannon", "triangular", "skew_kl(weight=0.3)"])
def test_the_error_knows_of_a_crossing_that_counts_little(divergence, gap):
    p, q = (Normal(torch.tensor(loc, dtype=F64), scale) for loc, scale in ((0.0, 1.0), (gap, 0.9)))
    found = kldiv.divergence(p, q, divergence, estimator="quadrature")
    finest = kldiv.divergence(p, q, divergence, estimator=kldiv.Quadrature(rtol=1e-13))
    assert abs(float(found.value - finest.value)) <= float(found.error + finest.error)
    assert math.isfinite(float(found.error))
