r"""Fits of sampled objectives: draws are held fixed, and more are taken as the fit settles.

With N draws the optimum is off by :math:`O(N^{-1/2})` at most, and its divergence by
:math:`O(1/N)`. What it is off is seen with the next, larger set: the old optimum is above the new
one there by a gap, of which :math:`N_{\text{old}} / N_{\text{new}}` is left at most. The fit ends
where that is small enough.

References:
    Black Box Variational Inference with a Deterministic Objective: Faster, More Accurate, and
    Even More Black Box (Giordano, Ingram and Broderick, 2024), section 3, arXiv:2304.05527.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument
from kldiv.solvers.limited_memory import LimitedMemory
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["FixedDraws"]

_GROWTH = 8
_FOR_CURVATURE = 256  # draws are enough to tell the signs of the Hessian


@dataclass(frozen=True)
class FixedDraws:
    """L-BFGS on draws that are held fixed, then on more of them.

    Arguments:
        first: How many draws to begin with.
        most: How many at most.
        tolerance: How many nats the end may be above the optimum.

    Raises:
        InvalidArgument: If there are fewer than 16 draws or the tolerance is not positive.
    """

    first: int = 64
    most: int = 65_536
    tolerance: float = 1e-4

    name = "fixed_draws"

    def __post_init__(self) -> None:
        if not 16 <= self.first <= self.most or not self.tolerance > 0:
            raise InvalidArgument(
                "first and most must be at least 16, first no more than most, and tolerance "
                f"positive, got {self.first}, {self.most} and {self.tolerance}"
            )

    def why_not(self, objective: Objective) -> str | None:
        """Any sampled objective whose draws can be held."""
        if not objective.sampled:
            return "the objective is no average over draws"
        return objective.why_not_held()

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows with few draws, then with more, until these change nothing."""
        count, theta = self.first, starts
        excess = torch.full(starts.shape[:-1], torch.inf, dtype=torch.float64)
        while True:
            objective.hold(count, objective.seed + count)
            if count == self.first:
                theta = nearer(objective, theta)
            before = objective(theta).detach()
            run = LimitedMemory().solve(objective, theta, recorder)
            if count > self.first:
                excess = (before - run.loss).clamp_min(0.0) / _GROWTH
            theta = run.theta
            done = bool((excess.min(0).values <= self.tolerance).all())
            if done or run.stopped or count * _GROWTH > self.most:
                break
            count *= _GROWTH
        objective.hold(min(count, _FOR_CURVATURE), objective.seed)
        return replace(run, excess=excess)
