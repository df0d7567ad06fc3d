"""Exact sampling by rejection, many points at once."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["accepted"]


def accepted(propose: Callable[[Tensor], tuple[Tensor, Tensor]], count: int) -> Tensor:
    r"""Points that were each proposed until they were accepted, with shape :math:`(N, *)`.

    Arguments:
        propose: Takes the numbers :math:`(M)` of the points that are still wanted, and returns
            proposals of shape :math:`(M, *)` with their chances of acceptance, of shape
            :math:`(M)`.
        count: The number N of points.

    References:
        Various techniques used in connection with random digits (von Neumann, 1951).
    """
    waiting = torch.arange(count)
    points, chance = propose(waiting)
    while len(waiting):
        waiting = waiting[torch.rand(len(waiting)).to(chance) >= chance]
        proposed, chance = propose(waiting)
        points[waiting] = proposed
    return points
