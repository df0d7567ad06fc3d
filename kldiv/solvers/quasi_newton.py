r"""BFGS on a deterministic objective, all starts and all problems of a batch at once.

Every row keeps its own inverse Hessian :math:`H` and its own step length; a row that has settled
waits for the others. :math:`H` begins, and every so often begins again, as the inverse of the
Hessian with all its eigenvalues made positive, by differences of gradients, so that saddles repel.
The direction is :math:`d = -H g`, cut to a length that a change of scale may bear, the step is
halved until the objective has fallen by Armijo's rule, and

.. math:: H \leftarrow (I - \rho s y^\top) H (I - \rho y s^\top) + \rho s s^\top, \qquad
    \rho = 1 / s^\top y.

A few Newton steps with the Hessian by differences of gradients then take the last digits. Of
divergences with kinks, rows that ended at the edge of a plateau go on beyond it, and the lowest
are moved to kinks where they are minima.

References:
    Numerical Optimization (Nocedal and Wright, 2006), algorithms 3.1 and 6.1, equation 6.17,
    doi:10.1007/978-0-387-40065-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument
from kldiv.solvers.curvature import absolute_inverse, hessian, newton_step
from kldiv.solvers.finer_nodes import relaid
from kldiv.solvers.groups import together
from kldiv.solvers.kinks import at_kinks, has_kinks
from kldiv.solvers.line_search import backtrack
from kldiv.solvers.objective import Objective
from kldiv.solvers.plateaus import beyond_plateaus
from kldiv.solvers.problem_blocks import ProblemBlocks, State
from kldiv.solvers.run import Recorder, Run
from kldiv.solvers.steep import Steepness

__all__ = ["QuasiNewton"]

_LONGEST = 2.0  # of a step, in each real parameter: a factor of 7 in a scale
_LONGER = 4.0  # times as long may be a step after one that was cut and gained what it should,
_UNFORESEEN = 0.1  # more or less: else there is no parabola
_POLISH = 4
_ROUNDING = 1e-14  # a fall that counts as progress, of 1 + |loss|,
_PROGRESS = 0.05  # on shared nodes a share of the objective's resolution,
_ZIGZAG = 200.0  # with kinks, across which a descent goes to and fro, many of it
_EXACT = 2e-3  # of that resolution: a gradient that is not made smaller
_FINER = 4  # times that finer nodes may be asked for
_NEAR = 1e-6  # a gradient that other nodes may leave where a row has settled
_REFRESH = 10  # steps between two Hessians
_MANY = 64  # parameters: beyond, the identity must do
_MOST = 2_000
_EDGES = 4  # of plateaus that a row may leave
_STALLED = 6  # steps without progress after which a row rests


@dataclass(frozen=True)
class QuasiNewton:
    """Batched BFGS with a Newton finish, for objectives without noise.

    Arguments:
        steps: The most steps taken.
        tolerance: The largest component of the gradient at which a row has settled.

    Raises:
        InvalidArgument: If no step is allowed or the tolerance is not positive.
    """

    steps: int = 300
    tolerance: float = 1e-9

    name = "quasi_newton"

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.tolerance > 0:
            raise InvalidArgument(
                f"steps and tolerance must be positive, got {self.steps} and {self.tolerance}"
            )

    def why_not(self, objective: Objective) -> str | None:
        """Any objective without noise and of not too many parameters."""
        size = objective.family.space.size
        if size > _MOST:
            return f"it keeps a matrix of {size} x {size} numbers, too large above {_MOST}"
        return "the objective is drawn anew at each step" if objective.stochastic else None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows until each has settled."""
        blocks = ProblemBlocks.of(objective, starts)
        with recorder.watching():
            for state in blocks.states(starts, self._states):
                last = theta, loss, gradient = state
                recorder.record(loss, objective.family.space.constrain(theta), gradient)
                if recorder.stopped:
                    break
        left, signs = blocks.ends(last) if blocks.split else (None, None)
        run = Run(*last, recorder.steps, recorder.stopped, decrement=left, signature=signs)
        whole = not blocks.split or blocks.by_start
        return at_kinks(objective, run) if whole and not recorder.stopped else run

    def _states(self, objective: Objective, starts: Tensor) -> Iterator[State]:
        """The starts, then every step of the descent and of its Newton finish."""
        last = (starts, *objective.value_and_gradient(starts))
        yield last
        for _ in range(_EDGES):
            for state in self._settled(objective, last):
                last = state
                yield last
            if not has_kinks(objective):
                return
            theta, lower = beyond_plateaus(objective, *last[:2])
            if not lower.any():
                return
            last = (theta, *objective.value_and_gradient(theta))

    def _settled(self, objective: Objective, state: State) -> Iterator[State]:
        """Every step of a descent and of its Newton finish."""
        last = state
        for turn in range(_FINER):
            for step in self._descend(objective, last, fine=turn > 0):
                last = step
                yield last
            if not relaid(objective, last[0], fine=True):
                break
            theta = _as_one(*last[:2])
            last = (theta, *objective.value_and_gradient(theta))
        yield from _polish(objective, last)

    def _descend(self, objective: Objective, state: State, *, fine: bool) -> Iterator[State]:
        theta, loss, gradient = state
        settled = ~(loss.isfinite() & gradient.isfinite().all(-1))
        settled = settled | (gradient.abs().amax(-1) <= (_NEAR if fine else 0.0))
        stalled, inverse = torch.zeros_like(loss), None
        least, reach = _progress(objective), torch.ones_like(loss)
        steep = Steepness.of(objective.divergence, loss)
        for index in range(self.steps):
            settled = settled | (gradient.abs().amax(-1) <= self.tolerance) | (stalled >= _STALLED)
            if settled.all():
                return
            if inverse is None or index % _REFRESH == _REFRESH - 1:
                if index and not fine and relaid(objective, theta, fine=False):
                    loss, gradient = objective.value_and_gradient(theta)
                steep = Steepness.of(objective.divergence, loss)
                inverse = _fresh(objective, (theta, loss, gradient), ~settled, steep)
            slope = steep.gradient(loss, gradient)
            direction, share = _direction(inverse, slope, reach)
            if objective.kept.shared:
                fall = -(direction * gradient).sum(-1)
                settled = settled | (fall <= least * (1 + loss.abs()))
                if settled.all():
                    return
            moved = backtrack(objective, (theta, loss, gradient), direction, ~settled)
            gain = steep.loss(loss) - steep.loss(moved.loss)
            reach = _farther(reach, share, (direction * slope).sum(-1), gain)
            settled = settled | ~moved.fell
            progress = loss - moved.loss > least * (1 + loss.abs())
            stalled = torch.where(progress, 0.0, stalled + 1)
            change = steep.gradient(moved.loss, moved.gradient) - slope
            inverse = _updated(inverse, moved.point - theta, change)
            theta, loss, gradient = moved.point, moved.loss, moved.gradient
            yield theta, loss, gradient


def _as_one(theta: Tensor, loss: Tensor) -> Tensor:
    """Starts of a problem that have come together, all where the lowest of them is."""
    if theta.ndim > 2:
        return theta
    groups = together(theta, loss)
    low = torch.where(groups.unsqueeze(1) == groups, loss, torch.inf).argmin(1)
    return theta[low]


def _progress(objective: Objective) -> float:
    """A fall that counts as progress, relative to 1 + |loss|."""
    if objective.kept.shared:
        return _PROGRESS * objective.resolution
    return _ZIGZAG * objective.resolution if has_kinks(objective) else _ROUNDING


def _fresh(objective: Objective, state: State, moving: Tensor, steep: Steepness) -> Tensor:
    """An inverse Hessian to begin with, of the rows that move."""
    theta, loss, gradient = state
    identity = torch.eye(theta.shape[-1], dtype=theta.dtype, device=theta.device)
    inverse = identity.expand(*theta.shape, -1).clone()
    if theta.shape[-1] > _MANY:
        return inverse
    asked = _asked(objective, moving)
    matrix = hessian(objective, theta[asked])
    matrix = steep.of_starts(asked).hessian(loss[asked], gradient[asked], matrix)
    inverse[asked] = absolute_inverse(matrix)
    return inverse


def _asked(objective: Objective, moving: Tensor) -> Tensor:
    """The starts that some row of which still moves, all where that costs no more."""
    some = moving.reshape(len(moving), -1).any(1)
    return some if objective.by_rows and bool(some.any()) else torch.ones_like(some)


def _direction(inverse: Tensor, gradient: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Downhill, and of bearable length; and how much that is of the whole way."""
    direction = -(inverse @ gradient.unsqueeze(-1)).squeeze(-1)
    uphill = (direction * gradient).sum(-1, keepdim=True) >= 0
    direction = torch.where(uphill, -gradient, direction)
    longest = direction.abs().amax(-1).clamp_min(1e-300)
    share = (_LONGEST * reach / longest).clamp_max(1)
    return direction * share.unsqueeze(-1), share


def _farther(reach: Tensor, share: Tensor, slope: Tensor, gain: Tensor) -> Tensor:
    """How far the next steps may go: farther where one that was cut gained what it should."""
    promised = (share / 2 - 1) * slope
    foreseen = (gain - promised).abs() <= _UNFORESEEN * promised
    return torch.where((share < 1) & foreseen, _LONGER * reach, 1.0)


def _updated(inverse: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """The BFGS update where the curvature is positive."""
    curvature = (step * change).sum(-1)
    usable = (curvature > 1e-12 * step.norm(dim=-1) * change.norm(dim=-1))[..., None, None]
    safe = torch.where(usable, curvature[..., None, None], 1.0)
    identity = torch.eye(step.shape[-1], dtype=step.dtype, device=step.device)
    left = identity - step.unsqueeze(-1) * change.unsqueeze(-2) / safe
    new = left @ inverse @ left.mT + step.unsqueeze(-1) * step.unsqueeze(-2) / safe
    return torch.where(usable, new, inverse)


def _polish(objective: Objective, state: State) -> Iterator[State]:
    """Newton steps, each kept where it makes the gradient smaller and the loss no larger."""
    theta, loss, gradient = state
    better = torch.ones_like(loss, dtype=torch.bool)
    for _ in range(_POLISH):
        # the same step from the same place would be no better another time
        moving = gradient.abs().amax(-1) > _EXACT * objective.resolution * (1 + loss.abs())
        if not bool((moving & better).any()):
            return
        asked = _asked(objective, moving & better)
        trial, trial_loss, trial_gradient = theta.clone(), loss.clone(), gradient.clone()
        step = newton_step(hessian(objective, theta[asked]), gradient[asked])
        trial[asked] += step
        trial_loss[asked], trial_gradient[asked] = objective.value_and_gradient(trial[asked])
        better = (trial_gradient.norm(dim=-1) < gradient.norm(dim=-1)) & (
            trial_loss <= loss + 1e-10 * (1 + loss.abs())
        )
        if not better.any():
            return
        theta = torch.where(better.unsqueeze(-1), trial, theta)
        loss = torch.where(better, trial_loss, loss)
        gradient = torch.where(better.unsqueeze(-1), trial_gradient, gradient)
        yield theta, loss, gradient
