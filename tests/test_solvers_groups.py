"""Ends that are one are grouped, and the first of each group stands for it."""

import torch

from kldiv.solvers.groups import first_of, homes, together


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


def test_normals_that_are_one_have_one_home_in_each_problem():
    loc = torch.tensor([[0.0], [0.0], [0.01], [5.0], [0.0], [5.001]]).double()
    root = torch.ones(6, 1, 1).double()
    assert homes(loc, root, 3).tolist() == [0, 1, 0, 3, 0, 3]
    assert homes(loc, root, 1).tolist() == list(range(6))


def test_normals_of_other_widths_are_not_one():
    root = torch.tensor([1.0, 1.1, 1.001]).double().reshape(3, 1, 1)
    assert homes(torch.zeros(3, 1).double(), root, 3).tolist() == [0, 1, 0]
