"""Sigma points have the moments of a normal vector and see a linear gradient as it is."""

import pytest
import torch

from kldiv.solvers.sigma_points import may_be_linear, means_of, points_around

F64 = torch.float64
SIZES = [1, 3, 64, 65, 200]  # in pairs up to 64, then the corners of a simplex


def made(size, batch=(2,)):
    generator = torch.Generator().manual_seed(size)
    loc = torch.randn(*batch, size, generator=generator, dtype=F64)
    root = torch.randn(*batch, size, size, generator=generator, dtype=F64).tril()
    return loc, root


@pytest.mark.parametrize("size", SIZES)
def test_mean_and_covariance_are_those_of_the_vector(size):
    loc, root = made(size)
    points = points_around(loc, root)
    centred = points - loc
    covariance = torch.einsum("k...i,k...j->...ij", centred, centred) / len(points)
    torch.testing.assert_close(points.mean(0), loc)
    torch.testing.assert_close(covariance, root @ root.mT)


@pytest.mark.parametrize("size", SIZES)
def test_no_more_points_than_pairs_or_corners(size):
    count = len(points_around(*made(size)))
    assert count == (2 * size if size <= 64 else size + 1)


@pytest.mark.parametrize("size", SIZES)
def test_a_linear_gradient_is_seen_as_it_is(size):
    loc, root = made(size)
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(1), dtype=F64)
    mean, pull = means_of(points_around(loc, root) @ matrix.mT)
    torch.testing.assert_close(mean, loc @ matrix.mT)
    torch.testing.assert_close(pull, matrix @ root)


@pytest.mark.parametrize("size", SIZES)
def test_only_a_gradient_that_bends_is_told_from_a_linear_one(size):
    loc, root = made(size)
    points = points_around(loc, root)
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(1), dtype=F64)
    assert may_be_linear(points @ matrix.mT + 1e3)
    bends = may_be_linear(points @ matrix.mT + points.square())
    assert bends is (size == 1 or size > 64)  # one pair, or corners, fit any line
