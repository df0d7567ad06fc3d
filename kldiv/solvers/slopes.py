"""Log densities of a target and their gradients, all points at once."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.errors import NotAvailable
from kldiv.solvers.objective import Objective

__all__ = ["log_density_and_slope"]

_AT_ONCE = 1 << 19  # numbers of points: what is made of more on the way falls out of the cache


def log_density_and_slope(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The target's log density and its gradient, which is 0 where the log density is infinite.

    Very many points are taken in blocks.

    Arguments:
        objective: What counts the evaluations.
        x: Points, with shape :math:`(K, *, D)`.

    Returns:
        The log densities, with shape :math:`(K, *)`, and the gradients, with that of the points.

    Raises:
        NotAvailable: If the log density has no gradient.
    """
    objective.evaluations += x.shape[:-1].numel()
    count = max(1, _AT_ONCE // max(1, x[0].numel()))
    if len(x) <= count:
        return _derived(objective, x)
    values, slopes = zip(*(_derived(objective, part) for part in x.split(count)), strict=True)
    return torch.cat(values), torch.cat(slopes)


def _derived(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same at points that are taken at once.

    They are laid out anew: torch multiplies each by a matrix alone where it is one of a batch of
    1 that was moved behind.
    """
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
