"""Rows that ended together, as groups: their numbers, and the first row of each."""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["distinct_rows", "first_of", "homes", "together"]

_NEAR = 1e-2  # nats, and of real parameters: ends that more draws would not tell apart
_AS_ONE = 2e-2  # standard deviations between two normals that are one


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


def distinct_rows(theta: Tensor) -> tuple[Tensor, Tensor]:
    """The first of equal rows, and for each row its number among these."""
    _, home = torch.unique(theta.flatten(1), dim=0, return_inverse=True)
    return first_of(home), home


def homes(loc: Tensor, root: Tensor, starts: int) -> Tensor:
    r"""For each row the first one of its problem that is the same normal vector.

    Arguments:
        loc: The means of R rows, the starts first, with shape :math:`(R, D)`.
        root: The triangular factors of their covariances, with shape :math:`(R, D, D)`.
        starts: How many rows each problem has.
    """
    rows = torch.arange(len(loc), device=loc.device).reshape(starts, -1)
    if starts == 1:
        return rows.reshape(-1)
    loc, root = (each.reshape(starts, rows.shape[1], -1) for each in (loc, root))
    width = _AS_ONE * root.abs().amax(-1)
    near = (loc.unsqueeze(1) - loc).abs().amax(-1) <= width
    near = near & ((root.unsqueeze(1) - root).abs().amax(-1) <= width)
    leads = torch.ones_like(rows, dtype=torch.bool)
    for low in range(1, starts):
        same = near[low, :low] & leads[:low]
        leads[low] = ~same.any(0)
        first = rows[:low].gather(0, same.int().argmax(0, keepdim=True)).squeeze(0)
        rows[low] = torch.where(leads[low], rows[low], first)
    return rows.reshape(-1)
