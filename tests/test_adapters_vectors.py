"""Vectors that scipy knows and torch does not: Student t and kernel density estimates."""

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.adapters import as_distribution
from kldiv.adapters.kernel_density import KernelDensity
from kldiv.adapters.multivariate_t import MultivariateT
from kldiv.definitions.target import DistributionTarget

F64 = torch.float64
SHAPE = np.array([[2.0, 0.6], [0.6, 1.0]])


def target(frozen):
    return DistributionTarget(as_distribution(frozen, "p"))


def points(*shape):
    return np.random.default_rng(5).normal(size=shape)


def test_a_student_t_vector_has_scipys_density_and_its_moments():
    frozen = scipy.stats.multivariate_t([1.0, -1.0], SHAPE, df=5.0)
    found = target(frozen)
    x = torch.as_tensor(points(4, 2))
    assert isinstance(found.distribution, MultivariateT)
    np.testing.assert_allclose(found.log_prob(x).numpy(), frozen.logpdf(x.numpy()), rtol=1e-12)
    assert found.log_prob(x[:1]).shape == (1,)
    np.testing.assert_allclose(found.distribution.mean, [1, -1])
    np.testing.assert_allclose(found.distribution.covariance_matrix, SHAPE * 5 / 3)
    draws = found.sample(torch.Size([50_000]), seed=1)
    spread = np.cov(draws.T.numpy())
    # fourth moments at 5 degrees of freedom are large: three standard errors are some 5 %
    np.testing.assert_allclose(spread, SHAPE * 5 / 3, rtol=0.1)


def test_a_student_t_vector_with_heavy_tails_states_no_moments():
    found = target(scipy.stats.multivariate_t([0.0, 0.0], SHAPE, df=1.0)).distribution
    assert found.mean.isnan().all()
    assert found.variance.isinf().all()
    np.testing.assert_allclose(found.loc, [0, 0])
    np.testing.assert_allclose(found.scale.square(), np.diagonal(SHAPE))


def test_one_draw_keeps_its_dimensions():
    found = target(scipy.stats.multivariate_t([0.0, 0.0, 0.0], np.eye(3), df=4.0))
    assert found.sample(torch.Size([1]), seed=1).shape == (1, 3)


def test_divergences_between_student_t_and_normal_vectors():
    """By the law of r² = xᵀx / 2 ~ F(2, ν), what is left is an integral on a line."""
    nu = 4.0
    frozen = scipy.stats.multivariate_t([0.0, 0.0], np.eye(2), df=nu)
    normal = MultivariateNormal(torch.zeros(2, dtype=F64), torch.eye(2, dtype=F64))
    found = kldiv.divergence(frozen, normal)
    # density (1 + r²/ν)^(-(ν + 2)/2) / 2π, E log(1 + r²/ν) = 2/ν, E r² = 2ν / (ν - 2)
    expected = -(nu + 2) / nu + nu / (nu - 2)
    assert abs(float(found) - expected) <= float(found.error)
    assert float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_kernel_density_has_scipys_density_and_its_moments(dimensions):
    density = scipy.stats.gaussian_kde(points(dimensions, 40), weights=np.arange(1.0, 41.0))
    found = target(density)
    x = points(6, dimensions)
    given = torch.as_tensor(x if dimensions > 1 else x[:, 0])
    assert isinstance(found.distribution, KernelDensity)
    assert found.event_shape == ((2,) if dimensions > 1 else ())
    np.testing.assert_allclose(found.log_prob(given).numpy(), density.logpdf(x.T), rtol=1e-12)
    draws = found.sample(torch.Size([40_000]), seed=2)
    assert draws.shape == (40_000, *found.event_shape)
    error = found.distribution.variance.sqrt() / 200
    assert ((draws.mean(0) - found.distribution.mean).abs() < 4 * error).all()
    assert torch.allclose(draws.var(0), found.distribution.variance, rtol=0.05)


def test_a_kernel_density_of_two_far_clusters_has_mass_1_and_is_fitted_by_its_moments():
    data = np.concatenate([points(20) * 1e-3, 1e3 + points(20) * 1e-3])
    density = scipy.stats.gaussian_kde(data, bw_method=1e-6)
    fitted = kldiv.fit(density, "normal")
    expected = np.var(data) + density.covariance[0, 0]
    assert float(fitted.parameters["scale"]) ** 2 == pytest.approx(expected, rel=1e-9)
    mass, error = kldiv.Quadrature().mass(target(density))
    assert abs(float(mass) - 1) <= max(float(error), 1e-9)


def test_a_kernel_density_in_the_plane_is_fitted_with_its_covariance():
    density = scipy.stats.gaussian_kde(np.linalg.cholesky(SHAPE) @ points(2, 60))
    fitted = kldiv.fit(density, "full_normal").parameters["covariance_matrix"]
    centred = density.dataset - density.dataset.mean(1, keepdims=True)
    np.testing.assert_allclose(fitted, centred @ centred.T / 60 + density.covariance, rtol=1e-9)
