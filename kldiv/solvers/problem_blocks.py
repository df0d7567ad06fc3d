r"""Many problems as blocks that fit the cache, or the starts of one, moved in turns.

The problems of a block share nodes, which are laid anew for these alone when one of them asks for
it, and a block whose problems have all settled is left out, whatever the others do. Likewise in
the plane each start has nodes of its own where these lie under the members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimators import Quadrature
from kldiv.estimators.integrals.elements import Elements, picked_target
from kldiv.solvers.endpoints import looked_at
from kldiv.solvers.objective import Objective

__all__ = ["ProblemBlocks", "State"]

_ROWS = 192  # problems times starts of a block

State = tuple[Tensor, Tensor, Tensor]
"""Real vectors, the objective there and its gradient."""


@dataclass(frozen=True)
class ProblemBlocks:
    """The problems of a batch, some in each part, or the starts of a problem, one in each.

    Arguments:
        whole: The objective of all.
        parts: Those of some each, in order; the whole alone where it cannot be split.
        by_start: Whether the parts are starts.
    """

    whole: Objective
    parts: Sequence[Objective]
    by_start: bool = False

    @staticmethod
    def of(objective: Objective, starts: Tensor) -> ProblemBlocks:
        r"""As many problems to a part as the cache holds, with starts :math:`(S, *, P)`."""
        if len(starts) > 1 and _nodes_move(objective, starts):
            parts = [_beside(objective) for _ in starts]
            return ProblemBlocks(objective, parts, by_start=True)
        batch, size = objective.target.batch_shape, max(1, _ROWS // len(starts))
        if batch.numel() <= size or not _splits(objective, starts):
            return ProblemBlocks(objective, [objective])
        numbers = torch.arange(batch.numel(), device=starts.device).split(size)
        targets = [picked_target(objective.target, Elements(each, batch)) for each in numbers]
        parts = [objective.of(each) for each in targets if each is not None]
        return ProblemBlocks(objective, parts if len(parts) == len(numbers) else [objective])

    @property
    def split(self) -> bool:
        """Whether there are several parts."""
        return len(self.parts) > 1

    def states(
        self, starts: Tensor, way: Callable[[Objective, Tensor], Iterator[State]]
    ) -> Iterator[State]:
        """Where all problems stand, while each part goes its own way."""
        if not self.split:
            yield from way(self.whole, starts)
            return
        before = self.whole.evaluations, self.whole.gradients
        ways = [way(part, own) for part, own in zip(self.parts, self._cut(starts), strict=True)]
        last = [next(each) for each in ways]
        moving = list(range(len(ways)))
        while moving:
            yield self._joined(last, starts)
            fresh = {number: next(ways[number], None) for number in moving}
            last = [fresh.get(number) or state for number, state in enumerate(last)]
            moving = [number for number, state in fresh.items() if state is not None]
            self._count(*before)

    def ends(self, state: State) -> tuple[Tensor, Tensor]:
        r"""The Newton decrements :math:`(S, *)` and signatures :math:`(S, *, P)` at ends."""
        theta, _, gradient = state
        pieces = zip(self.parts, self._cut(theta), self._cut(gradient), strict=True)
        found = [looked_at(*piece) for piece in pieces]
        left, signs = (torch.cat(each, self._axis) for each in zip(*found, strict=True))
        return left.reshape(theta.shape[:-1]), signs.reshape(theta.shape)

    @property
    def _axis(self) -> int:
        return 0 if self.by_start else 1

    def _cut(self, theta: Tensor) -> Sequence[Tensor]:
        """Real vectors (S, *, P) by parts."""
        if self.by_start:
            return torch.split(theta, 1)
        sizes = [part.target.batch_shape.numel() for part in self.parts]
        return torch.split(theta.flatten(1, -2), sizes, 1)

    def _count(self, evaluations: int, gradients: int) -> None:
        """Adds to what the whole had cost: the mean of its problems, and the most of a part."""
        sizes = [part.target.batch_shape.numel() for part in self.parts]
        spent = sum(part.evaluations * size for part, size in zip(self.parts, sizes, strict=True))
        problems = 1 if self.by_start else sum(sizes)
        self.whole.evaluations = evaluations - (-spent // problems)
        self.whole.gradients = gradients + max(part.gradients for part in self.parts)

    def _joined(self, states: Sequence[State], starts: Tensor) -> State:
        theta, loss, gradient = (torch.cat(each, self._axis) for each in zip(*states, strict=True))
        return (
            theta.reshape(starts.shape),
            loss.reshape(starts.shape[:-1]),
            gradient.reshape(starts.shape),
        )


def _splits(objective: Objective, starts: Tensor) -> bool:
    """Whether it is an integral on nodes, for a family of whose parameters none has a batch."""
    if not objective.on_nodes or not objective.family.batched:
        return False
    return objective.family.at(starts[(0,) * (starts.ndim - 1)]).batch_shape == ()


def _nodes_move(objective: Objective, starts: Tensor) -> bool:
    """Whether nodes in the plane are laid anew where members have moved."""
    plane = objective.target.event_shape.numel() == 2 and not objective.target.batch_shape
    if not plane or not objective.family.batched:
        return False
    problem = objective.problem(starts)
    estimator = objective.choice.of(problem)
    if not isinstance(estimator, Quadrature) or not objective.on_nodes:
        return False
    return objective.kept.serves(problem) and objective.kept.follows(problem, estimator)


def _beside(objective: Objective) -> Objective:
    """The same objective with nodes of its own."""
    found = objective.of(objective.target)
    found.choice, found.kept = objective.choice, objective.kept.beside()
    return found
