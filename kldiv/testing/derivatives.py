"""Derivatives of a divergence in all parameters of a pair, by torch and by differences."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.testing.law import Subject, scatter
from kldiv.testing.pair import Pair
from kldiv.testing.stencil import OFFSETS, STEP, derivative

__all__ = ["Point", "differences", "with_gradient"]


@dataclass(frozen=True, eq=False)
class Point:
    r"""A divergence of a batch of B pairs with its derivatives in M parameters.

    Arguments:
        value: The divergence, with shape :math:`(B)`.
        slack: By how much it may be off, with shape :math:`(B)`.
        gradient: The derivatives, with shape :math:`(B, M)`.
    """

    value: Tensor
    slack: Tensor
    gradient: Tensor

    def away_from(self, other: Point) -> Tensor:
        """How far the value is from another's, 0 between infinities."""
        return torch.where(self.value == other.value, 0.0, (self.value - other.value).abs())


def with_gradient(subject: Subject, pair: Pair, estimator: str = "auto") -> Point:
    """The divergence of a pair, with its derivatives by torch."""
    p, q = pair.p.leaves(), pair.q.leaves()
    found = subject.of(pair.p.members(p), pair.q.members(q), estimator)
    leaves = [*p.values(), *q.values()]
    parts: tuple[Tensor | None, ...] = (None,) * len(leaves)
    if found.value.requires_grad:
        parts = torch.autograd.grad(found.value.sum(), leaves, allow_unused=True)
    gradient = [
        torch.zeros_like(leaf) if part is None else part
        for leaf, part in zip(leaves, parts, strict=True)
    ]
    return Point(found.value.detach(), scatter(found), _side_by_side(gradient))


def differences(subject: Subject, pair: Pair, estimator: str) -> tuple[Tensor, Tensor]:
    r"""The derivatives by finite differences, and by how much they may be off.

    All values are had in one batch. They may be off by what the errors of the values make of
    them, too.

    Returns:
        Both with shape :math:`(B, M)`.
    """
    found = subject.of(*_moved(pair), estimator)
    value, slack = (
        each.reshape(len(OFFSETS), -1, len(pair)) for each in (found.value, scatter(found))
    )
    slope, doubt = derivative(value, STEP, slack.amax(0))
    return slope.mT, doubt.mT


def _moved(pair: Pair) -> tuple[Distribution, Distribution]:
    """Both sides with each parameter moved alone, by each offset of the stencil."""
    own = [*pair.p.parameters.values(), *pair.q.parameters.values()]
    flat = _side_by_side(own)
    moves = torch.eye(flat.shape[-1], dtype=flat.dtype).unsqueeze(1) * STEP
    moved = torch.cat([flat + offset * moves for offset in OFFSETS])
    columns = moved.split([each[0].numel() for each in own], -1)
    values = [
        column.reshape(len(moved), *each.shape) for column, each in zip(columns, own, strict=True)
    ]
    split = len(pair.p.parameters)
    p = dict(zip(pair.p.parameters, values[:split], strict=True))
    q = dict(zip(pair.q.parameters, values[split:], strict=True))
    return pair.p.members(p), pair.q.members(q)


def _side_by_side(tensors: list[Tensor]) -> Tensor:
    r"""Tensors of shape :math:`(B, \dots)` as one of shape :math:`(B, M)`."""
    return torch.cat([each.reshape(len(each), -1) for each in tensors], -1)
