"""Bures' divergence: its formula, its slopes, and where it is fitted."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from torch.distributions import (
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

import kldiv

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


def normal(loc, scale):
    return Normal(number(loc), number(scale))


IN_THE_PLANE = (
    MultivariateNormal(number([0.3, -0.2]), number([[0.82, -0.38], [-0.38, 0.74]])),
    MultivariateNormal(number([-0.1, 0.4]), 1.5 * torch.eye(2, dtype=F64)),
)


def test_the_laws_hold_between_normals():
    kldiv.testing.check_divergence("bures").raise_for_failures()


def test_bures_is_its_formula():
    p, q = IN_THE_PLANE
    first, second = (each.covariance_matrix.numpy() for each in (p, q))
    root = scipy.linalg.sqrtm(first)
    trace = np.trace(first + second - 2 * scipy.linalg.sqrtm(root @ second @ root).real)
    truth = float((p.loc - q.loc).square().sum()) + trace
    assert float(kldiv.divergence(p, q, "bures")) == pytest.approx(truth, rel=1e-12)
    distance = kldiv.divergence(p, q, "wasserstein(order=2)")
    assert float(distance) == pytest.approx(math.sqrt(truth), rel=1e-12)


def test_bures_knows_all_normal_vectors():
    diagonal = Independent(normal([0.0, 1.0], [1.0, 2.0]), 1)
    low = LowRankMultivariateNormal(
        number([0.0, 1.0]), number([[0.0], [1.5]]), number([1.0, 1.75])
    )
    assert float(kldiv.divergence(diagonal, low, "bures")) == pytest.approx(0, abs=1e-14)
    with pytest.raises(kldiv.NotAvailable):
        kldiv.divergence(Laplace(0.0, 1.0), Laplace(1.0, 1.0), "bures")


@pytest.mark.parametrize("least", [1.0, 1e-4], ids=["equal", "nearly singular"])
def test_bures_is_smooth_where_both_sides_are_equal(least):
    root = torch.diag(number([1.0, least])).requires_grad_()
    loc = torch.zeros(2, dtype=F64)

    def value(root):
        q = MultivariateNormal(loc, scale_tril=torch.diag(number([1.0, least])))
        return kldiv.divergence(MultivariateNormal(loc, scale_tril=root), q, "bures").value

    (slope,) = torch.autograd.grad(value(root), root)
    torch.testing.assert_close(slope, torch.zeros(2, 2, dtype=F64))


def test_bures_has_the_gradient_of_its_value():
    p, _ = IN_THE_PLANE
    root = number([[1.2, 0.0], [0.3, 0.5]]).requires_grad_()

    def value(root):
        q = MultivariateNormal(torch.zeros(2, dtype=F64), root @ root.mT)
        return kldiv.divergence(p, q, "bures").value

    assert torch.autograd.gradcheck(value, root)


def test_a_vector_is_fitted_by_bures():
    fit = kldiv.fit(IN_THE_PLANE[0], "diagonal_normal", "bures")
    assert fit.converged
    torch.testing.assert_close(fit.parameters["loc"], IN_THE_PLANE[0].loc)
