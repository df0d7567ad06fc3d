"""What is given once is read as often as it is needed."""

import numpy as np
import pytest
import torch

import kldiv

from kldiv.definitions.spooled import Spooled

ARRAYS = [np.arange(6.0).reshape(3, 2), np.zeros((0, 2)), np.ones((1, 2), dtype=np.float32)]


def test_each_iteration_gives_all_arrays_as_they_were():
    spooled = Spooled(iter(ARRAYS))
    for _ in range(2):
        for found, given in zip(spooled, ARRAYS, strict=True):
            assert found.dtype == given.dtype
            assert np.array_equal(found, given)


def test_iterations_do_not_disturb_each_other():
    spooled = Spooled(iter(ARRAYS))
    for one, other in zip(spooled, spooled, strict=True):
        assert np.array_equal(one, other)


def test_tensors_and_lists_are_arrays_too():
    found = list(Spooled(iter([torch.ones(2, requires_grad=True), [1, 2]])))
    assert [each.tolist() for each in found] == [[1.0, 1.0], [1.0, 2.0]]


def test_what_is_no_array_is_refused():
    with pytest.raises(kldiv.InvalidType, match="chunk"):
        Spooled(iter(["words"]))
