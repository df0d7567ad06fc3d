r"""Ways down from the edge of a plateau, where derivatives at a point say nothing.

A divergence with kinks, such as total variation, has nearly flat places that end at a kink. A
Hessian by differences straddles it and is large, the gradient is tiny, and their Newton decrement
too, as at a minimum. What is told apart here is a longer step: a direction in which the objective
does not rise, and at the end of which it is lower.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.solvers.objective import Objective

__all__ = ["beyond_plateaus"]

_STEPS = (0.01, 0.05, 0.2, 0.5)  # in each real parameter
_NOTICED = 10.0  # resolutions of the objective: a lower value


def beyond_plateaus(objective: Objective, theta: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
    r"""Lower places that are reached from others without a rise, along one parameter each.

    Arguments:
        objective: The objective.
        theta: Real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.

    Returns:
        Real vectors, and which of them are new.
    """
    size = theta.shape[-1]
    axes = torch.eye(size, dtype=theta.dtype, device=theta.device)
    ways = torch.cat([axes, -axes]).reshape(2 * size, *(1,) * (theta.ndim - 1), size)
    places = torch.stack([theta + step * ways for step in _STEPS])
    with torch.no_grad():
        values = objective(places.flatten(0, 2)).reshape(places.shape[:-1])
    noticed = _NOTICED * objective.resolution * (1 + loss.abs())
    level = (values <= loss + noticed).int().cumprod(0).bool()
    lowest, which = torch.where(level, values, torch.inf).flatten(0, 1).min(0)
    lower = lowest < loss - noticed
    found = places.flatten(0, 1).take_along_dim(which[None, ..., None], 0).squeeze(0)
    return torch.where(lower.unsqueeze(-1), found, theta), lower
