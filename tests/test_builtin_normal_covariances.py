"""Pairs of normal vectors given by covariances have the values of the ordinary closed form."""

from unittest import mock

import mpmath
import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.builtin.closed_forms import gaussian
from kldiv.builtin.closed_forms.normal_covariances import factors_of, kl_of_covariances

GAPS = {"far": 1.0, "near": 1e-3, "nearest": 1e-7, "equal": 0.0}


def pair(size, gap, dtype, *, count=3000, spread=0.4):
    generator = torch.Generator().manual_seed(0)
    options = {"generator": generator, "dtype": torch.float64}
    root = spread * torch.randn(2, count, size, size, **options).tril(-1) + torch.eye(size)
    mean = torch.randn(2, count, size, **options)
    matrix = root @ root.mT
    moved = mean[0] + gap * (mean[1] - mean[0]), matrix[0] + gap * (matrix[1] - matrix[0])
    return [
        MultivariateNormal(m.to(dtype), covariance_matrix=each.to(dtype))
        for m, each in ((mean[0], matrix[0]), moved)
    ]


def by_factor(side):
    return MultivariateNormal(side.loc, scale_tril=side.scale_tril)


def ordinary(p, q):
    """The divergence as it is computed where gradients are asked for."""
    with mock.patch.object(gaussian, "arrays_of", return_value=None):
        return kldiv.divergence(p, q)


def whole(p, q):
    return p, q


def first_by_factor(p, q):
    return by_factor(p), q


def second_by_factor(p, q):
    return p, by_factor(q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("size", [1, 2, 5, 12])
@pytest.mark.parametrize("given", [whole, first_by_factor, second_by_factor])
def test_value_and_error_are_those_of_the_ordinary_way(given, size, gap, dtype):
    p, q = given(*pair(size, gap, dtype))
    assert kl_of_covariances(p, q) is not None
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.dtype == found.error.dtype == dtype
    apart = (found.value.double() - expected.value.double()).abs()
    assert (apart <= found.error.double() + expected.error.double()).all()
    assert (found.error <= 4 * expected.error + 1e-20).double().mean() > 0.9
    assert (found.value >= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("gap", [1.0, 1e-3])
def test_the_error_covers_what_the_value_is_off_the_truth(gap, spread, dtype):
    p, q = pair(3, gap, dtype, count=30, spread=spread)
    value, error = kl_of_covariances(p, q)
    numbers = (p.loc, p.covariance_matrix, q.loc, q.covariance_matrix)
    for found, bound, *each in zip(value, error, *numbers, strict=True):
        apart = float(found) - in_many_digits(*(part.tolist() for part in each))
        assert abs(apart) <= float(bound)


def in_many_digits(mean, covariance, centre, other):
    with mpmath.workdps(60):
        first, second = mpmath.matrix(covariance), mpmath.matrix(other)
        shift = mpmath.matrix(mean) - mpmath.matrix(centre)
        inverse = second**-1
        ratio = inverse * first
        trace = mpmath.fsum(ratio[i, i] for i in range(len(mean)))
        square = (shift.T * inverse * shift)[0]
        logarithm = mpmath.log(mpmath.det(second) / mpmath.det(first))
        return (trace + square - len(mean) + logarithm) / 2


def test_pairs_of_which_few_are_badly_conditioned_have_errors_of_their_own():
    p, q = pair(5, 1.0, torch.float32)
    matrix, root = q.covariance_matrix.clone(), torch.eye(5) - 30 * torch.ones(5, 5).tril(-1)
    matrix[::100] = root @ root.mT
    found = kldiv.divergence(p, MultivariateNormal(q.loc, covariance_matrix=matrix))
    usual = torch.ones(3000, dtype=torch.bool)
    usual[::100] = False
    relative = found.error / found.value
    assert relative[usual].max() < 2e-7 < relative[~usual].max()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_factors_are_those_of_a_library(size):
    (p, _) = pair(size, 1.0, torch.float64, count=50)
    found = factors_of(p.covariance_matrix.numpy(), np.empty((size, size, 50)))
    expected = torch.linalg.cholesky(p.covariance_matrix)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-12, atol=1e-13)


def test_a_matrix_that_is_not_definite_has_no_factor():
    matrix = np.array([[[1.0, 2.0], [2.0, 1.0]], [[4.0, 0.0], [0.0, 9.0]]])
    with np.errstate(invalid="ignore"):
        found = factors_of(matrix, np.empty((2, 2, 2)))
    assert np.isnan(found[0]).any()
    assert found[1].tolist() == [[2.0, 0.0], [0.0, 3.0]]


@pytest.mark.parametrize("name", ["precision_matrix", "scale_tril"])
def test_other_matrices_and_many_dimensions_are_left_to_other_ways(name):
    p, _ = pair(2, 1.0, torch.float64, count=5)
    matrix = torch.linalg.cholesky(p.covariance_matrix)
    other = MultivariateNormal(p.loc, **{name: matrix @ matrix.mT if name[0] == "p" else matrix})
    assert (kl_of_covariances(p, other) is None) == (name == "precision_matrix")
    assert kl_of_covariances(*pair(13, 1.0, torch.float64, count=5)) is None


def test_a_covariance_stays_one_after_torch_was_asked_for_its_factor():
    p, q = pair(3, 1e-2, torch.float32, count=20)
    expected = kldiv.divergence(p, q).value
    assert p.scale_tril is not None
    assert (kldiv.divergence(p, q).value == expected).all()


def test_batches_broadcast():
    p, q = pair(2, 1.0, torch.float64, count=4)
    one = MultivariateNormal(q.loc[0], covariance_matrix=q.covariance_matrix[0])
    wide = MultivariateNormal(p.loc[:, None], covariance_matrix=p.covariance_matrix[:, None])
    found = kldiv.divergence(wide, q)
    assert found.value.shape == found.error.shape == (4, 4)
    torch.testing.assert_close(kldiv.divergence(p, one).value, found.value[:, 0])
