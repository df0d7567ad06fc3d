r"""L-BFGS on an objective without noise, all starts and all problems of a batch at once.

The inverse Hessian is known by the last m steps :math:`s_i` and changes of the gradient
:math:`y_i` alone, so that many parameters cost no more than their number. Along the direction the
step is halved until the objective has fallen by Armijo's rule.

References:
    Numerical Optimization (Nocedal and Wright, 2006), algorithm 7.4 and equation 7.20,
    doi:10.1007/978-0-387-40065-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.solvers.curvature_pairs import CurvaturePairs
from kldiv.solvers.line_search import State, Surface, backtrack
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["LimitedMemory"]

_STALLED = 3  # steps without progress after which a row rests


@dataclass(frozen=True)
class LimitedMemory:
    r"""Batched L-BFGS.

    Arguments:
        steps: The most steps taken.
        tolerance: How many nats a row may still have to gain when it rests, relative to
            :math:`1 + |\text{loss}|`.
        memory: How many steps are remembered.
        enough: How many nats it may have to gain in any case.
    """

    steps: int = 500
    tolerance: float = 1e-10
    memory: int = 20
    enough: float = 0.0

    name = "limited_memory"

    def why_not(self, objective: Objective) -> str | None:
        """Any objective without noise."""
        return "the objective is drawn anew at each step" if objective.stochastic else None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows until each has settled."""
        with recorder.watching():
            for (theta, loss, gradient), _ in self.states(objective, starts):
                recorder.record(loss, objective.family.space.constrain(theta), gradient)
                if recorder.stopped:
                    break
        return Run(theta, loss, gradient, recorder.steps, recorder.stopped)

    def states(
        self,
        surface: Surface,
        starts: Tensor | State,
        pairs: CurvaturePairs | None = None,
        resting: Tensor | None = None,
    ) -> Iterator[tuple[State, CurvaturePairs]]:
        """The starts, then where each step has led, and what is known of the curvature there.

        Arguments:
            surface: What is to fall.
            starts: Points, or the state at points.
            pairs: What is known of the curvature beforehand.
            resting: Which rows are not to be moved, with shape :math:`(S, *)`.
        """
        if isinstance(starts, Tensor):
            starts = starts, *surface.value_and_gradient(starts)
        state = _, loss, gradient = starts
        pairs = CurvaturePairs(self.memory) if pairs is None else pairs
        yield state, pairs
        settled, stalled = ~loss.isfinite(), torch.zeros_like(loss)
        settled = settled if resting is None else settled | resting
        for _ in range(self.steps):
            direction, slope = _downhill(surface, pairs, gradient)
            least = self.tolerance * (1 + loss.abs())
            little = slope >= -2 * least.clamp_min(self.enough)
            settled = settled | (stalled >= _STALLED) | little
            if settled.all():
                return
            moved = backtrack(surface, state, direction, ~settled)
            pairs = pairs.with_pair(moved.step, moved.gradient - gradient)
            stalled = torch.where(loss - moved.loss > least, 0.0, stalled + 1)
            settled = settled | ~moved.fell
            loss, gradient = moved.loss, moved.gradient
            state = moved.point, loss, gradient
            yield state, pairs


def _downhill(surface: Surface, pairs: CurvaturePairs, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """A direction of bearable length, and the slope along it."""
    found = surface.bounded(-pairs.times(gradient))
    slope = (found * gradient).sum(-1)
    uphill = slope >= 0
    if bool(uphill.any()):
        steepest = surface.bounded(-pairs.forgotten().times(gradient))
        found = torch.where(uphill.unsqueeze(-1), steepest, found)
        slope = (found * gradient).sum(-1)
    return found, slope
