"""The same calls on tensors and on arrays of numpy, in the same memory."""

import numpy as np
import pytest
import torch

from kldiv.solvers.arrays import as_array, as_tensor, library_of, stacked, taken

NUMBERS = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)


def test_an_array_and_its_tensor_share_their_memory():
    numbers = NUMBERS.clone()
    as_array(numbers)[0, 0] = 7.0
    assert float(numbers[0, 0]) == 7.0
    assert as_tensor(as_array(numbers)).data_ptr() == numbers.data_ptr()
    assert as_tensor(numbers) is numbers


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_taken_is_the_same_by_both_and_a_copy(axis):
    index = torch.tensor([2, 0, 2])
    found = taken(NUMBERS, index, axis)
    assert np.array_equal(taken(NUMBERS.numpy(), index.numpy(), axis), found.numpy())
    found.zero_()
    assert float(NUMBERS.sum()) == 66


def test_the_library_is_that_of_the_numbers():
    assert library_of(NUMBERS) is torch
    assert library_of(NUMBERS.numpy()) is np


def test_numbers_are_stacked_the_same_by_both():
    found = stacked([NUMBERS, NUMBERS + 1])
    assert found.shape == (2, 3, 4)
    assert np.array_equal(stacked([NUMBERS.numpy(), NUMBERS.numpy() + 1]), found.numpy())
    assert stacked([np.float32([1.0])]).dtype == np.float32
