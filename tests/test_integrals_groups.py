"""Sums over things that belong together."""

import pytest
import torch

from kldiv.estimators.integrals.groups import Group, ranks
from tests.axis import double

GROUP = Group(torch.tensor([0, 2, 0, 2, 2]), 4)


def test_what_belongs_to_an_element_is_added_up():
    parts = double([1, 2, 4, 8, 16], [0, 0, 1, 0, 1])
    assert GROUP.total(parts).tolist() == [[5, 0, 26, 0], [1, 0, 1, 0]]
    assert GROUP.largest(parts).tolist() == [[4, 0, 16, 0], [1, 0, 1, 0]]


def test_an_element_without_lines_divides_by_1():
    assert GROUP.sizes.tolist() == [2, 1, 3, 1]


@pytest.mark.parametrize("seed", range(3))
def test_ranks_count_those_before(seed):
    index = torch.randint(0, 7, (50,), generator=torch.Generator().manual_seed(seed))
    rank, most = ranks(index, 7)
    expected = [int((index[:at] == index[at]).sum()) for at in range(50)]
    assert rank.tolist() == expected
    assert most == max(expected) + 1
