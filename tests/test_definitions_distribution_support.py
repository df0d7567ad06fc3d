"""Supports are those of the distributions, also where torch states larger ones."""

import math

import pytest
import torch

from torch.distributions import (
    AffineTransform,
    Categorical,
    Exponential,
    ExpTransform,
    Gamma,
    Geometric,
    Independent,
    MixtureSameFamily,
    Normal,
    TransformedDistribution,
    Uniform,
    VonMises,
)

import kldiv

from kldiv.definitions.distribution_support import support_of
from kldiv.definitions.support import box, lattice

F64 = torch.float64
ONE = torch.ones((), dtype=F64)


def moved(base, loc, scale=1.0):
    return TransformedDistribution(base, AffineTransform(loc, scale), validate_args=False)


CIRCLE = VonMises(torch.zeros(2, dtype=F64), ONE)
INTERVALS = {
    "a half line": (moved(Exponential(ONE), 2.0), (2.0, math.inf)),
    "a half line turned round": (moved(Exponential(ONE), 2.0, -3.0), (-math.inf, 2.0)),
    "an interval": (moved(Uniform(0 * ONE, ONE), -1.0, 4.0), (-1.0, 3.0)),
    "the line": (moved(Normal(0 * ONE, ONE), 2.0, 3.0), (-math.inf, math.inf)),
    "twice moved": (moved(moved(Exponential(ONE), 1.0), 2.0, 2.0), (4.0, math.inf)),
    "of another kind": (
        TransformedDistribution(Normal(0 * ONE, ONE), ExpTransform()),
        (0.0, math.inf),
    ),
    "a circle": (VonMises(0 * ONE, ONE), (-math.pi, math.pi)),
    "a mixture on a circle": (
        MixtureSameFamily(Categorical(torch.ones(2)), CIRCLE),
        (-math.pi, math.pi),
    ),
    "two circles": (Independent(CIRCLE, 1), (-math.pi, math.pi)),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_the_ends_of_an_interval(name):
    distribution, (lower, upper) = INTERVALS[name]
    support = support_of(distribution)
    ends = box(support)
    assert (float(ends.lower), float(ends.upper)) == (lower, upper)
    assert support.event_dim == len(distribution.event_shape)


def test_each_element_of_a_batch_has_its_ends():
    batch = moved(Exponential(torch.ones(2, dtype=F64)), torch.tensor([1.0, 5.0], dtype=F64))
    assert box(support_of(batch)).lower.tolist() == [1, 5]
    vector = moved(Independent(Exponential(torch.ones(2, dtype=F64)), 1), 3.0)
    support = support_of(vector)
    assert (box(support).lower.tolist(), support.event_dim) == (3, 1)


def test_integers_stay_integers_where_they_are_moved_by_integers():
    support = support_of(moved(Geometric(ONE / 2), 1.0))
    ends = lattice(support)
    assert (float(ends.lower), float(ends.upper)) == (1, math.inf)
    assert support.check(torch.tensor([0.0, 1.0, 1.5])).tolist() == [False, True, False]


def test_a_moved_pair_is_computed_where_it_has_mass():
    p, q = moved(Gamma(2 * ONE, ONE), 1.0), moved(Gamma(3 * ONE, ONE), 1.0)
    plain = kldiv.divergence(Gamma(2 * ONE, ONE), Gamma(3 * ONE, ONE))
    for estimator in ("exact", "quadrature"):
        found = kldiv.divergence(p, q, estimator=estimator)
        assert float(found) == pytest.approx(float(plain), rel=1e-9)
