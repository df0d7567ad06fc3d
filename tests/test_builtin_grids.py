"""From a density on a grid to a normal: moments and entropy give what quadrature gives."""

import numpy as np
import pytest
import torch

from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

import kldiv

from kldiv.builtin.closed_forms.grids import GridRule
from kldiv.builtin.divergences.kl import KL

F64 = torch.float64
X = np.linspace(-6, 6, 121)
BELL = np.exp(-np.square(X) / 2)
PLANE = np.exp(-np.square(X[:, None]) / 2 - np.square(X[:, None] / 2 - X))


def tensor(*values):
    return torch.tensor(values, dtype=F64)


LINE = kldiv.Target.on_grid(X, BELL)
FLAT = kldiv.Target.on_grid((X, X), PLANE)
PAIRS = {
    "a line": (LINE, Normal(tensor(0.5)[0], 1.5)),
    "lines": (kldiv.Target.on_grid(X, np.stack([BELL, BELL**2])), Normal(tensor(0.0)[0], 1.0)),
    "independent": (FLAT, Independent(Normal(tensor(0.5, 0.0), tensor(1.5, 2.0)), 1)),
    "correlated": (FLAT, MultivariateNormal(tensor(0.5, 0.0), tensor([2.0, 0.5], [0.5, 1.0]))),
}


@pytest.mark.parametrize("name", ["a line", "lines"])
def test_the_value_is_that_of_quadrature(name):
    p, q = PAIRS[name]
    found = kldiv.divergence(p, q)
    expected = kldiv.divergence(p, q, estimator="quadrature")
    assert found.method == "exact"
    assert found.value.shape == expected.value.shape
    assert ((found.value - expected.value).abs() <= found.error + expected.error).all()
    assert (found.error <= 1e-9).all()


@pytest.mark.parametrize("name", ["independent", "correlated"])
def test_it_exceeds_that_of_the_normal_with_its_moments_by_what_their_entropies_differ(name):
    p, q = PAIRS[name]
    grid = p.distribution
    normal = MultivariateNormal(grid.mean, grid.covariance_matrix)
    found = kldiv.divergence(p, q)
    expected = kldiv.divergence(normal, q).value + normal.entropy() - grid.entropy()
    assert found.method == "exact"
    torch.testing.assert_close(found.value, expected, rtol=1e-12, atol=1e-12)


def test_gradients_in_q_are_those_of_the_normal_with_its_moments():
    grid = FLAT.distribution
    normal = MultivariateNormal(grid.mean, grid.covariance_matrix)
    loc, factor = tensor(0.5, 0.0), tensor([1.5, 0.0], [0.5, 1.0])
    slopes = []
    for p in (FLAT, normal):
        parts = [each.clone().requires_grad_() for each in (loc, factor)]
        value = kldiv.divergence(p, MultivariateNormal(parts[0], scale_tril=parts[1])).value
        slopes.append(torch.autograd.grad(value, parts))
    for exact, other in zip(*slopes, strict=True):
        torch.testing.assert_close(exact, other, rtol=1e-10, atol=1e-12)


def test_of_sides_and_densities_that_it_cannot_do_it_says_so():
    rule, normal = GridRule(), Normal(tensor(0.0)[0], 1.0)
    assert rule.covers(KL(), LINE.distribution, normal)
    assert not rule.covers(KL(), normal, LINE.distribution)
    assert not rule.covers(KL(), LINE.distribution, Laplace(0.0, 1.0))
    steep = kldiv.Target.on_grid([-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]).distribution
    assert not rule.covers(KL(), steep, normal)
    followed = kldiv.Target.on_grid(X, torch.tensor(BELL, requires_grad=True)).distribution
    assert not rule.covers(KL(), followed, normal)


@pytest.mark.parametrize("family", ["normal", "isotropic_normal", "full_normal"])
def test_a_fit_takes_its_value_from_it(family):
    fit = kldiv.fit(LINE if family == "normal" else FLAT, family)
    assert fit.converged
    assert fit.divergence.method == "exact"
    if family != "normal":
        torch.testing.assert_close(fit.q.mean, FLAT.distribution.mean, rtol=0, atol=1e-12)
