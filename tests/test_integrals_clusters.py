"""Clusters of points, as places with mass."""

import pytest
import torch

from kldiv.estimators.integrals.clusters import clusters
from tests.axis import F64, double


def points(*centres, spread=1.0, number=20):
    noise = torch.randn(
        number,
        len(centres),
        len(centres[0]),
        dtype=F64,
        generator=torch.Generator().manual_seed(0),
    )
    return (double(*centres) + spread * noise).flatten(0, 1)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_points_of_one_kind_are_one_cluster_with_their_moments(dimensions):
    given, kernel = points([3.0] * dimensions), 0.5 * torch.eye(dimensions, dtype=F64)
    ((mean, covariance),) = clusters(given, kernel)
    assert torch.allclose(mean, given.mean(0))
    spread = given.T.cov(correction=0).reshape(dimensions, dimensions)
    assert torch.allclose(covariance, spread + kernel)


@pytest.mark.parametrize(
    "centres",
    [
        [[0.0], [1e3]],
        [[-1e6], [0.0], [1e3]],
        [[0.0, 0.0], [0.0, 1e3]],
        [[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]],
    ],
)
def test_far_clusters_are_told_apart(centres):
    found = clusters(points(*centres), 1e-6 * torch.eye(len(centres[0]), dtype=F64))
    assert len(found) == len(centres)
    for centre in double(*centres):
        # the mean of 20 points is within 4 standard errors
        assert min(float((mean - centre).abs().max()) for mean, _ in found) < 4 / 20**0.5


def test_a_wide_kernel_makes_one_of_two():
    assert len(clusters(points([0.0], [100.0]), double([1e4]))) == 1


def test_a_single_point_is_a_cluster_of_its_kernel():
    ((mean, covariance),) = clusters(double([2.0]), double([0.25]))
    assert (mean.tolist(), covariance.tolist()) == ([2.0], [[0.25]])


def test_clusters_are_not_many():
    assert (
        len(clusters(points(*([100.0**k] for k in range(1, 13)), number=2), double([1e-8]))) == 8
    )
