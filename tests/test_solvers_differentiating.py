"""Values and gradients of many rows at once."""

import math

import pytest
import torch

import kldiv

from kldiv.solvers.differentiating import value_and_gradient

F64 = torch.float64


def test_each_row_has_its_own_gradient_and_none_where_it_is_infinite():
    theta = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=F64)

    def function(rows):
        return torch.where(rows[:, 1] > 0, rows.square().sum(-1), math.inf)

    value, gradient = value_and_gradient(function, theta, lambda: "never said")
    assert value.tolist() == [5.0, math.inf]
    assert gradient.tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert not value.requires_grad


def test_what_has_no_gradient_is_refused_unless_it_is_infinite():
    theta = torch.ones(2, 1, dtype=F64)
    with pytest.raises(kldiv.NotAvailable, match="it is level"):
        value_and_gradient(lambda _: torch.ones(2, dtype=F64), theta, lambda: "it is level")
    value, gradient = value_and_gradient(
        lambda _: torch.full((2,), math.inf), theta, lambda: "it is level"
    )
    assert value.isinf().all()
    assert gradient.tolist() == [[0.0], [0.0]]
