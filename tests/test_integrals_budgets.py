"""What integrals may cost, and who has paid."""

import torch

from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.groups import Group

GROUP = Group(torch.tensor([0, 1, 1]), 2)


def test_nodes_are_charged_to_the_integral_of_their_line():
    budget = Budget.of(GROUP, 100)
    budget.charge(GROUP.of_line, 10)
    assert budget.spent.tolist() == [10, 20]
    assert budget.left.tolist() == [90, 80]


def test_lines_of_one_integral_must_all_be_affordable():
    budget = Budget.of(GROUP, 100)
    lines = torch.arange(3)
    assert budget.affords(lines, 50).tolist() == [True, True, True]
    assert budget.affords(lines, 51).tolist() == [True, False, False]
    assert budget.affords(lines[1:2], 51).tolist() == [True]
    assert budget.affords(lines, torch.tensor([101, 60, 40])).tolist() == [False, True, True]


def test_nothing_is_left_once_too_much_was_spent():
    budget = Budget.of(GROUP, 5)
    budget.charge(GROUP.of_line, 10)
    assert budget.left.tolist() == [0, 0]
    assert not budget.affords(torch.arange(3), 1).any()


def test_a_node_of_a_plane_may_cost_as_much_as_the_dearest_so_far():
    budget = Budget.of(GROUP, 1000)
    budget.charge_lines(torch.tensor([0, 0, 1]), torch.tensor([30, 50, 10]))
    assert budget.spent.tolist() == [80, 10]
    assert budget.affords(torch.tensor([0]), 18).tolist() == [True]
    assert budget.affords(torch.tensor([0]), 19).tolist() == [False]


def test_what_is_left_is_shared_by_the_nodes_of_an_integral():
    budget = Budget.of(GROUP, 100)
    assert budget.shares(torch.tensor([0, 1, 1, 1])).tolist() == [100, 33, 33, 33]


def test_what_has_been_paid_is_free():
    budget = Budget.of(GROUP, 5).anew()
    assert budget.affords(torch.arange(3), 10**9).all()
