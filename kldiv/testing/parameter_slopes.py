"""Derivatives of log densities in the real vector behind a family's parameters."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.resolving import as_target
from kldiv.testing.family import Members
from kldiv.testing.law import ROUNDING
from kldiv.testing.stencil import OFFSETS, STEP, derivative

__all__ = ["slopes_by_differences", "slopes_by_torch"]

_EACH = 24  # parameters that are moved one by one


def slopes_by_torch(members: Members, x: Tensor) -> Tensor:
    r"""The derivatives at points along each direction, with shape :math:`(M, N, B)`.

    Arguments:
        members: The members.
        x: Points, with shape :math:`(N, B, E)`; :math:`(N, E)` for one member at a time.
    """
    with torch.enable_grad():
        theta = members.theta.clone().requires_grad_()
        values = _log_densities(members, theta, x)
        rows = [_derivative(row, theta) for row in values]
    return torch.einsum("mp,nbp->mnb", _directions(members), torch.stack(rows))


def slopes_by_differences(members: Members, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same by finite differences, and by how much these may be off."""
    values = torch.stack(
        [
            torch.stack(
                [
                    _log_densities(members, members.theta + offset * STEP * move, x).detach()
                    for offset in OFFSETS
                ]
            )
            for move in _directions(members)
        ],
        1,
    )
    return derivative(values, STEP, ROUNDING * (1 + values.abs().amax(0)))


def _log_densities(members: Members, theta: Tensor, x: Tensor) -> Tensor:
    """Log densities of points at real vectors, with shape :math:`(N, B)`."""
    if members.family.batched:
        return as_target(members.family.at(theta), "member").log_prob(x)
    return as_target(members.family.at(theta[0]), "member").log_prob(x).unsqueeze(-1)


def _derivative(values: Tensor, theta: Tensor) -> Tensor:
    if not values.requires_grad:
        return torch.zeros_like(theta)
    (found,) = torch.autograd.grad(values.sum(), theta, retain_graph=True, allow_unused=True)
    return torch.zeros_like(theta) if found is None else found


def _directions(members: Members) -> Tensor:
    r"""Each parameter alone or, of many, random directions; with shape :math:`(M, P)`."""
    count = members.theta.shape[-1]
    if count <= _EACH:
        return torch.eye(count, dtype=torch.float64)
    generator = torch.Generator().manual_seed(members.seed)
    signs = torch.randint(2, (_EACH, count), generator=generator).double() * 2 - 1
    scale: float = count**0.5
    return signs / scale
