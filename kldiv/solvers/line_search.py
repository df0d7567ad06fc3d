"""Armijo's rule for many rows at once: the step of each is halved until its loss has fallen."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.solvers.objective import Objective

__all__ = ["Moved", "backtrack"]

_ARMIJO = 1e-4
_HALVINGS = 25
_NOISE = 1e-14  # of 1 + |loss|: what rounding may raise


@dataclass(frozen=True)
class Moved:
    r"""Where a step has led.

    Arguments:
        theta: The real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.
        gradient: Its gradient, with shape :math:`(S, *, P)`.
        fell: Which rows have moved, or were at rest, with shape :math:`(S, *)`.
    """

    theta: Tensor
    loss: Tensor
    gradient: Tensor
    fell: Tensor


def backtrack(
    objective: Objective,
    state: tuple[Tensor, Tensor, Tensor],
    direction: Tensor,
    active: Tensor,
) -> Moved:
    """Moves the active rows along their directions; without a fall a row stays.

    Arguments:
        objective: What is to fall.
        state: The real vectors, the objective there and its gradient.
        direction: Downhill, with the shape of the real vectors.
        active: Which rows may move, with shape :math:`(S, *)`.

    References:
        Numerical Optimization (Nocedal and Wright, 2006), algorithm 3.1,
        doi:10.1007/978-0-387-40065-5.
    """
    theta, loss, gradient = state
    slope, noise = (direction * gradient).sum(-1), _NOISE * (1 + loss.abs())
    length, waiting = active.to(theta.dtype), active.clone()
    moved, new_loss, new_gradient = state
    for _ in range(_HALVINGS):
        trial = theta + length.unsqueeze(-1) * direction
        trial = torch.where(waiting.unsqueeze(-1), trial, moved)
        trial_loss, trial_gradient = objective.value_and_gradient(trial)
        enough = trial_loss <= loss + _ARMIJO * length * slope + noise
        taken = waiting & enough & trial_gradient.isfinite().all(-1)
        moved = torch.where(taken.unsqueeze(-1), trial, moved)
        new_loss = torch.where(taken, trial_loss, new_loss)
        new_gradient = torch.where(taken.unsqueeze(-1), trial_gradient, new_gradient)
        waiting = waiting & ~taken
        if not waiting.any():
            break
        length = torch.where(waiting, length / 2, length)
    fell = active & ~waiting & (moved != theta).any(-1)
    return Moved(moved, new_loss, new_gradient, fell | ~active)
