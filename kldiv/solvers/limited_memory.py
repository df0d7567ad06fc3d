r"""L-BFGS on an objective without noise, all starts and all problems of a batch at once.

The inverse Hessian is known by the last m steps :math:`s_i` and changes of the gradient
:math:`y_i` alone, so that many parameters cost no more than their number. Along the direction the
step is halved until the objective has fallen by Armijo's rule.

References:
    Numerical Optimization (Nocedal and Wright, 2006), algorithm 7.4 and equation 7.20,
    doi:10.1007/978-0-387-40065-5.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from torch import Tensor

from kldiv.solvers.line_search import backtrack
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["LimitedMemory", "State"]

_LONGEST = 2.0  # of a step, in each real parameter: a factor of 7 in a scale
_FIRST = 0.5  # the longest component of a step of which nothing is known
_STALLED = 3  # steps without progress after which a row rests

State = tuple[Tensor, Tensor, Tensor]
"""Real vectors, the objective there and its gradient."""


@dataclass(frozen=True)
class LimitedMemory:
    r"""Batched L-BFGS.

    Arguments:
        steps: The most steps taken.
        tolerance: How many nats a row may still have to gain when it rests, relative to
            :math:`1 + |\text{loss}|`.
        memory: How many steps are remembered.
    """

    steps: int = 500
    tolerance: float = 1e-10
    memory: int = 20

    name = "limited_memory"

    def why_not(self, objective: Objective) -> str | None:
        """Any objective without noise."""
        return "the objective is drawn anew at each step" if objective.stochastic else None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows until each has settled."""
        with recorder.watching():
            for state in self.states(objective, starts):
                last = theta, loss, gradient = state
                recorder.record(loss, objective.family.space.constrain(theta), gradient)
                if recorder.stopped:
                    break
        return Run(*last, recorder.steps, recorder.stopped)

    def states(self, objective: Objective, starts: Tensor) -> Iterator[State]:
        """The starts, then where each step has led, with the objective and its gradient there."""
        theta = starts
        loss, gradient = objective.value_and_gradient(theta)
        yield theta, loss, gradient
        pairs = _Pairs(deque(maxlen=self.memory))
        settled, stalled = ~loss.isfinite(), torch.zeros_like(loss)
        for _ in range(self.steps):
            direction = pairs.direction(gradient)
            left = -(direction * gradient).sum(-1) / 2
            settled = settled | (stalled >= _STALLED) | (left <= self.tolerance * (1 + loss.abs()))
            if settled.all():
                return
            moved = backtrack(objective, (theta, loss, gradient), direction, ~settled)
            pairs.remember(moved.theta - theta, moved.gradient - gradient)
            progress = loss - moved.loss > self.tolerance * (1 + loss.abs())
            stalled = torch.where(progress, 0.0, stalled + 1)
            settled = settled | ~moved.fell
            theta, loss, gradient = moved.theta, moved.loss, moved.gradient
            yield theta, loss, gradient


@dataclass
class _Pairs:
    r"""The last steps and changes of the gradient, with :math:`1 / s^\top y`, 0 where unusable."""

    kept: deque[tuple[Tensor, Tensor, Tensor]]
    scale: Tensor | None = field(default=None)

    def remember(self, step: Tensor, change: Tensor) -> None:
        """Takes in one step; a row whose curvature is not positive forgets it."""
        curvature = (step * change).sum(-1, keepdim=True)
        size = change.square().sum(-1, keepdim=True)
        usable = curvature > 1e-12 * step.norm(dim=-1, keepdim=True) * size.sqrt()
        inverse = torch.where(usable, 1 / torch.where(usable, curvature, 1.0), 0.0)
        fresh = torch.where(usable, curvature / torch.where(usable, size, 1.0), torch.nan)
        old = torch.full_like(fresh, torch.nan) if self.scale is None else self.scale
        self.scale = torch.where(usable, fresh, old)
        self.kept.append((step, change, inverse))

    def direction(self, gradient: Tensor) -> Tensor:
        """Downhill, and of bearable length."""
        left, shares = gradient, []
        for step, change, inverse in reversed(self.kept):
            share = inverse * (step * left).sum(-1, keepdim=True)
            left = left - share * change
            shares.append(share)
        first = _FIRST / gradient.abs().amax(-1, keepdim=True).clamp_min(1e-300)
        scale = first.clamp_max(1.0) if self.scale is None else self.scale
        found = torch.where(scale.isnan(), first.clamp_max(1.0), scale) * left
        for (step, change, inverse), share in zip(self.kept, reversed(shares), strict=True):
            found = found + (share - inverse * (change * found).sum(-1, keepdim=True)) * step
        uphill = (found * gradient).sum(-1, keepdim=True) <= 0
        found = -torch.where(uphill, gradient * first.clamp_max(1.0), found)
        longest = found.abs().amax(-1, keepdim=True).clamp_min(1e-300)
        return found * (_LONGEST / longest).clamp_max(1)
