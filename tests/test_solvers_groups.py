"""Ends that are one are grouped, and the first of each group stands for it."""

import torch

from kldiv.solvers.groups import first_of, together


def test_rows_that_ended_together_have_one_number():
    theta = torch.tensor([[0.0, 1.0], [3.0, 1.0], [0.001, 1.0], [3.0, 1.0]]).double()
    loss = torch.tensor([1.0, 2.0, 1.001, 5.0]).double()
    groups = together(theta, loss)
    assert groups.tolist() == [0, 1, 0, 2]
    assert first_of(groups).tolist() == [0, 1, 3]


def test_problems_of_a_batch_must_all_agree():
    theta = torch.zeros(2, 2, 1).double()
    loss = torch.tensor([[1.0, 1.0], [1.0, 2.0]]).double()
    assert together(theta, loss).tolist() == [0, 1]
