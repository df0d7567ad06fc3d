"""Kinks of generators are found without being declared, and nothing else is taken for one."""

import math

import pytest
import torch

import kldiv

from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.kinks import kinks_of
from kldiv.resolving import as_divergence

SMOOTH = ("kl", "jensen_shannon", "triangular", "chi2", "squared_hellinger", "alpha(alpha=5)")


class TwoKinks(FDivergence):
    """A divergence with a kink at u = 1/2 and another at u = 3."""

    def generator(self, log_u):
        u = log_u.exp()
        return torch.relu(u - 3) + torch.relu(0.5 - u)


@pytest.mark.parametrize("gamma", [1.0, 1.7, 2.0, 100.0])
def test_the_kink_of_the_hockey_stick_is_where_it_is_declared(gamma):
    divergence = as_divergence(f"hockey_stick(gamma={gamma})")
    (found,) = kinks_of(divergence.generator)
    assert math.isclose(found, divergence.kinks[0], rel_tol=0, abs_tol=1e-9)


def test_several_are_found():
    found = kinks_of(TwoKinks().generator)
    assert found == pytest.approx([math.log(0.5), math.log(3)], abs=1e-9)


@pytest.mark.parametrize("spec", SMOOTH)
def test_what_is_smooth_has_none(spec):
    assert kinks_of(as_divergence(spec).generator) == ()


def test_a_divergence_that_declares_nothing_is_integrated_as_if_it_had():
    p, q = (torch.distributions.Normal(torch.tensor(x).double(), 1.0) for x in (0.0, 1.3))
    found = kldiv.divergence(p, q, TwoKinks(), estimator="quadrature")
    declared = TwoKinks()
    declared.kinks = (math.log(0.5), math.log(3))
    known = kldiv.divergence(p, q, declared, estimator="quadrature")
    assert abs(float(found.value - known.value)) <= float(found.error + known.error)
    assert found.evaluations == known.evaluations
