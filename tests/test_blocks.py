"""Blocks cover a matrix once, and arrays are the memory of tensors."""

import numpy as np
import pytest
import torch

from kldiv.blocks import BLOCK, LARGE, arrays_of, blocks, even_blocks, tensors_of


@pytest.mark.parametrize("shape", [(1, LARGE + 1), (3, BLOCK), (BLOCK + 7, 3), (5, BLOCK // 3)])
@pytest.mark.parametrize("times", [1, 2])
def test_every_number_is_in_one_block_and_no_block_is_too_large(shape, times):
    seen = np.zeros(shape, int)
    for rows, columns in blocks(*shape, times=times):
        seen[rows, columns] += 1
        assert seen[rows, columns].size <= times * BLOCK
    assert (seen == 1).all()


def test_arrays_share_the_memory_of_tensors():
    tensor = torch.zeros(LARGE)
    (array,) = arrays_of([tensor])
    tensor += 1
    assert array.sum() == LARGE


def test_tensors_share_the_memory_of_arrays():
    arrays = np.zeros((2, 6))
    tensors = tensors_of(tuple(arrays), torch.Size((2, 3)))
    arrays += 1
    assert all(each.shape == (2, 3) and each.sum() == 6 for each in tensors)


@pytest.mark.parametrize(
    "others",
    [
        torch.zeros(LARGE).int(),
        torch.zeros(LARGE).double(),
        torch.zeros(LARGE, requires_grad=True),
    ],
    ids=["integers", "of another type", "followed"],
)
def test_what_is_not_plain_memory_is_left_to_torch(others):
    plain = torch.zeros(LARGE)
    assert arrays_of([others]) is None or arrays_of([plain, others]) is None


def test_without_autograd_what_asks_for_gradients_is_plain():
    tensor = torch.zeros(LARGE, requires_grad=True)
    with torch.no_grad():
        assert arrays_of([tensor]) is not None


@pytest.mark.parametrize("count", [1, 7, 8, 9, 20, 64])
def test_even_blocks_are_of_one_length_and_cover_all_rows(count):
    length, starts = even_blocks(count, 8)
    assert length <= 8
    rows = {start + k for start in starts for k in range(length)}
    assert rows == {*range(count)}
