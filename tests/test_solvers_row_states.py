"""Rows are picked and put back by their numbers, in tensors and in arrays of numpy."""

import numpy as np
import pytest
import torch

from kldiv.solvers.row_states import Rest, State

F64 = torch.float64


def state(count, start=0.0):
    loc = start + torch.arange(count, dtype=F64).unsqueeze(-1)
    return State.unseen(loc, torch.ones(count, 1, 1, dtype=F64), 2)


@pytest.mark.parametrize("by_numpy", [False, True])
def test_rows_that_are_put_back_are_those_that_were_picked(by_numpy):
    whole, index = state(4), torch.tensor([3, 1])
    if by_numpy:
        index = index.numpy()
    else:
        whole = whole.tensors()
    part = whole.pick(index)
    part.loc = part.loc + 10
    whole.put(index, part)
    assert whole.tensors().loc.flatten().tolist() == [0, 11, 2, 13]


def test_all_rows_are_put_by_taking_the_other_state():
    whole, other = state(3), state(3, start=5.0)
    whole.put(range(3), other)
    assert whole.loc is other.loc


def test_single_precision_sees_means_from_where_they_are():
    rough = state(3, start=1e9).single()
    assert rough.loc.dtype == np.float32
    assert not rough.loc.any()


def test_rows_rest_below_a_tolerance_however_broad_they_are():
    rest = Rest.below(1e-3, state(3).loss).pick(np.array([0, 2]))
    assert rest.tolerance.tolist() == [1e-3, 1e-3]
    assert all(rest.widest == np.inf)
