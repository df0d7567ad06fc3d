"""Rows that ended together, as groups: their numbers, and the first row of each."""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["first_of", "together"]

_NEAR = 1e-2  # nats, and of real parameters: ends that more draws would not tell apart


def together(theta: Tensor, loss: Tensor) -> Tensor:
    """The number of the group of each row, with shape (S); rows of a group ended together."""
    near = ((theta.unsqueeze(1) - theta).abs() <= _NEAR * (1 + theta.abs())).all(-1)
    near = near & ((loss.unsqueeze(1) - loss).abs() <= _NEAR)
    near = near.reshape(*near.shape[:2], -1).all(-1)
    first = near.int().argmax(1)
    groups: Tensor = torch.unique(first, return_inverse=True)[1]
    return groups


def first_of(groups: Tensor) -> Tensor:
    """The first row of each group."""
    return torch.stack([(groups == k).int().argmax() for k in range(int(groups.max()) + 1)])
