"""Problems of independent parts, and of images under one bijection, are made smaller."""

import pytest
import torch

from torch.distributions import (
    Independent,
    Laplace,
    LogNormal,
    Normal,
    StudentT,
    TransformedDistribution,
)
from torch.distributions.transforms import AffineTransform, ExpTransform, TanhTransform

import kldiv

from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES

TAILS = torch.tensor([5.0, 6.0, 9.0]).double()
P = Independent(StudentT(TAILS, 0.1, 1.0), 1)
Q = Independent(StudentT(TAILS.flip(0), 0.0, 1.5), 1)
OF_ADDITIVE = [
    name
    for name in DIVERGENCES
    if as_divergence(name).of_additive() is not None and name != "renyi(alpha=inf)"
]


def image(loc, *transforms):
    return TransformedDistribution(Laplace(torch.tensor(loc).double(), 1.0), list(transforms))


@pytest.mark.parametrize("divergence", OF_ADDITIVE)
def test_three_parts_are_as_far_as_the_parts_together(divergence):
    found = kldiv.divergence(P, Q, divergence)
    drawn = kldiv.divergence(P, Q, divergence, estimator="monte_carlo", seed=0)
    assert found.method == "quadrature"
    assert abs(float(found) - float(drawn)) <= float(drawn.error + found.error)


@pytest.mark.parametrize("divergence", OF_ADDITIVE)
def test_two_parts_by_the_rule_are_as_far_as_in_the_plane(divergence):
    p, q = (Independent(StudentT(TAILS[:2], loc, 1.0), 1) for loc in (0.0, 0.5))
    plane = kldiv.divergence(p, q, divergence, estimator="quadrature")
    parts = kldiv.divergence(p, q, divergence)
    assert str(kldiv.explain(p, q, divergence)).endswith("quadrature: yes, by independent parts")
    torch.testing.assert_close(parts.value, plane.value, rtol=1e-7, atol=0)
    assert parts.evaluations < plane.evaluations


def test_gradients_pass_through_the_rule():
    def value(loc):
        p = Independent(StudentT(TAILS, loc, 1.0), 1)
        return kldiv.divergence(p, Q, "squared_hellinger").value

    loc = torch.zeros(3).double().requires_grad_()
    assert torch.autograd.gradcheck(value, (loc,), atol=1e-7)


def test_infinite_parts_make_an_infinite_whole_with_a_reason():
    found = kldiv.divergence(P, Independent(Normal(torch.zeros(3).double(), 1.0), 1), "chi2")
    assert float(found) == torch.inf
    assert float(found.error) == 0
    assert "diverges" in found.reason


def test_images_under_one_bijection_are_as_far_as_their_bases():
    transforms = [TanhTransform(), AffineTransform(1.0, 2.0)]
    p, q = image(0.0, *transforms), image(0.7, *transforms)
    bases = kldiv.divergence(p.base_dist, q.base_dist)
    assert kldiv.explain(p, q).rule == "a shared bijection"
    assert kldiv.divergence(p, q).method == "exact"
    assert float(kldiv.divergence(p, q)) == float(bases)


@pytest.mark.parametrize("divergence", ["total_variation", "jensen_shannon", "chi2"])
def test_the_rule_agrees_with_the_integral_over_the_image(divergence):
    p, q = (LogNormal(torch.tensor(loc).double(), 1.0) for loc in (0.0, 0.5))
    by_rule = kldiv.divergence(p, q, divergence)
    there = kldiv.divergence(p, q, divergence, estimator="quadrature")
    torch.testing.assert_close(by_rule.value, there.value, rtol=1e-9, atol=0)


def test_what_depends_on_the_unit_of_x_is_not_reduced():
    p, q = image(0.0, ExpTransform()), image(0.7, ExpTransform())
    assert not kldiv.explain(p, q, "squared_l2").rule


def test_different_bijections_are_not_reduced():
    p, q = image(0.0, ExpTransform()), image(0.0, AffineTransform(0.0, 2.0), ExpTransform())
    assert not kldiv.explain(p, q).rule
