"""Armijo's rule for many rows at once: the step of each is halved until its loss has fallen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from torch import Tensor

__all__ = ["Moved", "State", "Surface", "backtrack", "chosen"]

_ARMIJO = 1e-4
_HALVINGS = 25
_NOISE = 1e-14  # of 1 + |loss|: what rounding may raise


State = tuple[Tensor, Tensor, Tensor]
"""Points, the loss there and its gradient."""


class Surface(Protocol):
    """What is to fall, as a function of points that steps lead away from."""

    @property
    def by_rows(self) -> bool:
        """Whether some of the rows cost less than all of them."""

    def value_and_gradient(self, point: Tensor, /) -> tuple[Tensor, Tensor]:
        """The loss of shape (S, *) and its gradient in steps, (S, *, P), at points (S, *, K)."""

    def moved(self, point: Tensor, step: Tensor, /) -> Tensor:
        """Where steps of shape (S, *, P) lead."""

    def bounded(self, step: Tensor, /) -> Tensor:
        """The same direction, its parts as long as the surface may bear at most."""


@dataclass(frozen=True)
class Moved:
    r"""Where a step has led.

    Arguments:
        point: The points, with shape :math:`(S, *, K)`.
        loss: The loss there, with shape :math:`(S, *)`.
        gradient: Its gradient, with shape :math:`(S, *, P)`.
        step: What was taken of the direction, with shape :math:`(S, *, P)`.
        fell: Which rows have moved, or were at rest, with shape :math:`(S, *)`.
    """

    point: Tensor
    loss: Tensor
    gradient: Tensor
    step: Tensor
    fell: Tensor


def backtrack(surface: Surface, state: State, direction: Tensor, active: Tensor) -> Moved:
    """Moves the active rows along their directions; without a fall a row stays.

    Arguments:
        surface: What is to fall.
        state: The points, the loss there and its gradient.
        direction: Downhill, with the shape of the gradient.
        active: Which rows may move, with shape :math:`(S, *)`.

    References:
        Numerical Optimization (Nocedal and Wright, 2006), algorithm 3.1,
        doi:10.1007/978-0-387-40065-5.
    """
    point, loss, gradient = state
    slope, most = (direction * gradient).sum(-1), loss + _NOISE * (1 + loss.abs())
    length, waiting, moved = active.to(loss.dtype), active, state
    step, fall = direction, slope
    for _ in range(_HALVINGS):
        trial, whole = surface.moved(point, step), bool(waiting.all())
        if not whole:
            trial = torch.where(waiting.unsqueeze(-1), trial, moved[0])
        found = trial, *_evaluated(surface, trial, waiting, moved[1:], whole=whole)
        taken = (found[1] <= most + _ARMIJO * fall) & found[2].isfinite().all(-1)
        if whole and bool(taken.all()):
            fell = (trial != point).any(-1)
            return Moved(*found, fell.unsqueeze(-1) * step, fell)
        moved = chosen(taken & waiting, found, moved)
        waiting = waiting & ~taken
        if not waiting.any():
            break
        length = torch.where(waiting, length / 2, length)
        step, fall = length.unsqueeze(-1) * direction, length * slope
    fell = active & ~waiting & (moved[0] != point).any(-1)
    step = (length * fell).unsqueeze(-1) * direction
    return Moved(*moved, step, fell | ~active)


def chosen(first: Tensor, one: State, other: State) -> State:
    """Of two states the first for each row where that is said, else the other."""
    if bool(first.all()):
        return one
    wide = first.unsqueeze(-1)
    point, gradient = (torch.where(wide, one[part], other[part]) for part in (0, 2))
    return point, torch.where(first, one[1], other[1]), gradient


def _evaluated(
    surface: Surface,
    trial: Tensor,
    waiting: Tensor,
    known: tuple[Tensor, Tensor],
    *,
    whole: bool,
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient at the starts that wait, what is known of the others."""
    if whole or not surface.by_rows:
        return surface.value_and_gradient(trial)
    asked = waiting.flatten(1).any(1) if waiting.ndim > 1 else waiting
    if bool(asked.all()):
        return surface.value_and_gradient(trial)
    found = surface.value_and_gradient(trial[asked])
    loss, gradient = (each.clone() for each in known)
    loss[asked], gradient[asked] = found
    return loss, gradient
