"""Log densities of a target and their gradients, all points at once."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.errors import NotAvailable
from kldiv.solvers.objective import Objective

__all__ = ["log_density_and_slope"]


def log_density_and_slope(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The target's log density and its gradient, which is 0 where the log density is infinite.

    The points are laid out anew: torch multiplies each by a matrix alone where it is one of a
    batch of 1 that was moved behind.

    Arguments:
        objective: What counts the evaluations.
        x: Points, with shape :math:`(K, *, D)`.

    Returns:
        The log densities, with shape :math:`(K, *)`, and the gradients, with that of the points.

    Raises:
        NotAvailable: If the log density has no gradient.
    """
    objective.evaluations += x.shape[:-1].numel()
    with torch.enable_grad():
        x = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        log_density = objective.target.log_prob(x)
        if not log_density.requires_grad:
            raise NotAvailable(
                f"the log density of {objective.target!r} has no gradient; write it in torch "
                "operations"
            )
        (slope,) = torch.autograd.grad(log_density.sum(), x)
    log_density = log_density.detach()
    finite = log_density.isfinite()
    if not bool(finite.all()):
        slope = torch.where(finite.unsqueeze(-1), slope, 0.0)
    return log_density, slope
