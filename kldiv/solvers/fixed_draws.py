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

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument
from kldiv.solvers.groups import first_of, together
from kldiv.solvers.limited_memory import LimitedMemory, State
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["FixedDraws"]

_GROWTH = 8
_LEARNT = 64  # parameters of a network
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

    Example:
        >>> import kldiv
        >>> import torch
        >>> target = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
        >>> found = kldiv.fit(target, "diagonal_normal", direction="reverse")
        >>> found.solver, [round(float(scale), 4) for scale in found.parameters["scale"]]
        ('fixed_draws', [0.7071, 0.7071, 0.7071])
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
        size = objective.family.space.size
        if size > _LEARNT and not objective.family.batched:
            return f"a module of {size} parameters would learn the draws instead of the target"
        return objective.why_not_held()

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows with few draws, then with more, until these change nothing."""
        moved, end = starts, None
        with recorder.watching():
            moved, end = nearer(objective, starts, recorder)
        if end is not None:
            return end
        count = self.first
        objective.hold(count, objective.seed + count)
        starts = _lower(objective, starts, moved)
        state, home = self._settle(objective, starts, recorder)
        excess = torch.full_like(state[1], torch.inf)
        while count * _GROWTH <= self.most and not recorder.stopped:
            count *= _GROWTH
            objective.hold(count, objective.seed + count)
            before = objective(state[0]).detach()
            state, again = self._settle(objective, state[0], recorder, home)
            excess = ((before - state[1][again]).clamp_min(0.0) / _GROWTH)[first_of(again)]
            home = again[home]
            if bool((excess.amin(0) <= self.tolerance).all()):
                break
        objective.hold(min(count, _FOR_CURVATURE), objective.seed)
        theta, loss, gradient = (each[home] for each in state)
        return Run(theta, loss, gradient, recorder.steps, recorder.stopped, excess=excess[home])

    def _settle(
        self,
        objective: Objective,
        theta: Tensor,
        recorder: Recorder,
        home: Tensor | None = None,
    ) -> tuple[State, Tensor]:
        """Where rows end; those that ended together become one. And which became which."""
        rows = torch.arange(len(theta), device=theta.device)
        home = rows if home is None else home
        with recorder.watching():
            for state in LimitedMemory().states(objective, theta):
                last = state
                parameters = objective.family.space.constrain(state[0][home])
                recorder.record(state[1][home], parameters, state[2][home])
                if recorder.stopped:
                    break
        same = together(last[0], last[1])
        kept = first_of(same)
        return (last[0][kept], last[1][kept], last[2][kept]), same


def _lower(objective: Objective, first: Tensor, second: Tensor) -> Tensor:
    """Of two real vectors for each row that where the objective is lower."""
    if second is first:
        return first
    better = objective(second).detach() < objective(first).detach()
    return torch.where(better.unsqueeze(-1), second, first)
