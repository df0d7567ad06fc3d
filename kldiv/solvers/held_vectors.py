"""A sampled objective on draws that are held, as a function of a family's real vectors."""

from __future__ import annotations

from torch import Tensor

from kldiv.solvers.lanczos import signature_of_many
from kldiv.solvers.line_search import State
from kldiv.solvers.objective import Objective

__all__ = ["HeldVectors"]


class HeldVectors:
    """Any objective whose draws can be held; its points are the real vectors themselves.

    Arguments:
        objective: The objective.
    """

    by_rows = True

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def at_once(self, theta: Tensor) -> int:
        """How many draws take hardly longer than one: more than one are not known to."""
        return 1

    def hold(self, count: int, seed: int) -> None:
        """From now on these are the draws."""
        self.objective.hold(count, seed)

    def begin(self, point: Tensor) -> tuple[State, None]:
        """The state at points; nothing is known of the Hessian there."""
        return (point, *self.value_and_gradient(point)), None

    def point(self, theta: Tensor) -> Tensor:
        """The points of real vectors."""
        return theta

    def theta(self, point: Tensor) -> Tensor:
        """The real vectors of points."""
        return point

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """The family's parameters by name."""
        return self.objective.family.space.constrain(point)

    def real_gradient(self, point: Tensor, gradient: Tensor) -> Tensor:
        """The gradient in the family's real vectors."""
        return gradient

    def moved(self, point: Tensor, step: Tensor) -> Tensor:
        """Where steps lead."""
        return self.objective.moved(point, step)

    def bounded(self, step: Tensor) -> Tensor:
        """A step of a length that the objective may bear."""
        return self.objective.bounded(step)

    def value_and_gradient(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient."""
        return self.objective.value_and_gradient(point)

    def signature(self, point: Tensor) -> Tensor:
        """The signs of some of the Hessian's eigenvalues."""
        return signature_of_many(self.objective, point)
