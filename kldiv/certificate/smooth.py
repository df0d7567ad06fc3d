"""Whether an objective has derivatives at a point, as none has where supports move."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.solvers.objective import Objective

__all__ = ["is_smooth"]

_STEP = 1e-4


@torch.no_grad()
def is_smooth(objective: Objective, theta: Tensor) -> Tensor:
    r"""Whether it is finite on both sides of real vectors :math:`(*, P)`, with shape :math:`(*)`.

    Every other parameter goes the other way, so that two ends of a support do not move together.
    """
    signs = torch.ones_like(theta)
    signs[..., 1::2] = -1
    steps = _STEP * torch.stack([torch.ones_like(theta), signs])
    finite: Tensor = objective(torch.cat([theta + steps, theta - steps])).isfinite().all(0)
    return finite
