"""Normals in reverse to targets of linear combinations, without any sampling."""

import pytest
import torch

import kldiv

from kldiv.builtin.targets.logistic_regression import logistic_regression

F64 = torch.float64
REVERSE = {"direction": "reverse"}


def made_up(count, size):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(count, size, generator=generator, dtype=F64)
    weights = torch.randn(size, generator=generator, dtype=F64)
    return features, torch.bernoulli((features @ weights).sigmoid(), generator=generator)


def gaussian(size):
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(2 * size, size, generator=generator, dtype=F64)
    shift = torch.randn(2 * size, generator=generator, dtype=F64)
    return matrix, shift, kldiv.ProjectedTarget((matrix, lambda t: -(t - shift).square() / 2))


def test_a_normal_target_is_met():
    matrix, shift, target = gaussian(5)
    precision = matrix.T @ matrix
    found = kldiv.fit(target, "full_normal", **REVERSE)
    assert found.solver == "on_projections"
    assert found.converged
    loc = torch.linalg.solve(precision, matrix.T @ shift)
    torch.testing.assert_close(found.parameters["loc"], loc, rtol=1e-6, atol=1e-8)
    inverse = torch.linalg.inv(precision)
    torch.testing.assert_close(
        found.parameters["covariance_matrix"], inverse, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("family", ["isotropic_normal", "diagonal_normal"])
def test_narrower_families_have_the_precisions_of_a_normal_target(family):
    matrix, _, target = gaussian(5)
    precision = (matrix.T @ matrix).diagonal()
    precision = precision.mean() if family == "isotropic_normal" else precision
    found = kldiv.fit(target, family, **REVERSE)
    assert found.converged
    torch.testing.assert_close(found.parameters["scale"], precision.rsqrt(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal(loc=[0.0,0.0])"])
def test_in_the_plane_it_ends_where_nodes_that_move_end(family):
    target = logistic_regression()
    found = kldiv.fit(target, family, solver="on_projections", **REVERSE)
    other = kldiv.fit(target, family, solver="moving_nodes", **REVERSE)
    assert found.converged
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, other.parameters[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_many_dimensions_have_no_noise(family):
    target = logistic_regression(*made_up(200, 12))
    found = kldiv.fit(target, family, **REVERSE)
    assert found.solver == "on_projections"
    assert found.converged
    assert found.divergence.up_to_constant
    assert found.divergence.error < 1e-7
    drawn = kldiv.divergence(found.q, target, estimator=kldiv.MonteCarlo(samples=20_000))
    assert float(drawn) == pytest.approx(float(found.divergence), abs=5 * float(drawn.error))


def test_other_fits_are_told_why_not():
    target = logistic_regression(*made_up(20, 3))
    assert "kl" in str(kldiv.explain_fit(target, "full_normal", "renyi(alpha=0.5)", **REVERSE))
    explained = str(kldiv.explain_fit("eight_schools", "full_normal", **REVERSE))
    assert "is not declared to be a sum of functions of linear combinations" in explained
