"""Where a target has mass: its covariance matrix is what is known of it."""

import dataclasses

import pytest
import torch

from kldiv.definitions.place import Place


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_known_covariance_is_the_matrix():
    covariance = double([2.0, 0.5], [0.5, 1.0])
    place = Place(double(0.0, 1.0), double(2.0, 1.0), covariance)
    assert torch.equal(place.matrix, covariance)


def test_variances_alone_make_a_diagonal_matrix():
    place = Place(double(0.0, 1.0), double(2.0, 3.0))
    assert torch.equal(place.matrix, double([2.0, 0.0], [0.0, 3.0]))


def test_of_a_scalar_the_matrix_is_the_variance():
    variance = torch.tensor(2.0, dtype=torch.float64)
    assert torch.equal(Place(torch.zeros_like(variance), variance).matrix, variance)


def test_each_element_of_a_batch_has_its_own_matrix():
    variance = double([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])
    matrix = Place(torch.zeros_like(variance), variance).matrix
    assert matrix.shape == (3, 2, 2)
    assert torch.equal(matrix[2], double([5.0, 0.0], [0.0, 6.0]))


def test_it_cannot_be_changed():
    place = Place(double(0.0), double(1.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.mean = double(1.0)
