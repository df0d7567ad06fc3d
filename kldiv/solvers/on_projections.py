"""Fits of normals in reverse to targets of linear combinations."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.estimate import Estimate
from kldiv.solvers.groups import first_of, together
from kldiv.solvers.limited_memory import LimitedMemory
from kldiv.solvers.line_search import State
from kldiv.solvers.normal_charts import chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.projections import Projections
from kldiv.solvers.run import Recorder, Run

__all__ = ["OnProjections"]

_SPACINGS = (0.8, 0.4, 0.2, 0.1, 0.05)  # of nodes, in standard deviations
_STEPS = 40  # of the natural gradient
_GAP = 1e-9  # to the nodes before, relative: more would change nothing
_TOLERANCE = 1e-12
_SHORTEST = 1e-2  # share of a step, below which it is a step of another method's
_LITTLE = 1e-13  # nats, relative, that a step may gain when another method takes over
_ROUNDING = 1e-13


@dataclass(frozen=True)
class OnProjections:
    """Natural gradient steps and L-BFGS on expectations that have no variance."""

    name = "on_projections"

    def why_not(self, objective: Objective) -> str | None:
        """Reverse ``kl`` of normals to a :class:`kldiv.ProjectedTarget`."""
        if objective.divergence.name != "kl" or objective.forward:
            return f"it is for the reverse kl, not for {objective.divergence} in this direction"
        if not (isinstance(objective.target, ProjectedTarget) and objective.free):
            return f"{objective.target!r} is no sum of functions of linear combinations"
        if chart_of(objective.family) is None:
            return f"the members of {objective.family!r} are not normal"
        return None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows on few nodes, then on more until these change nothing."""
        chart, target = chart_of(objective.family), objective.target
        if chart is None or not isinstance(target, ProjectedTarget):
            return LimitedMemory().solve(objective, starts, recorder)
        theta, home = starts, torch.arange(len(starts), device=starts.device)
        gap = torch.full((len(starts),), torch.inf)
        for spacing in _SPACINGS:
            lines = Projections(target, chart, spacing)
            if spacing == _SPACINGS[0]:
                objective.project(lines)
                theta, loss = _nearer(objective, lines, theta)
                theta, home = _merged(theta, loss, home)[1:]
            else:
                before = objective(theta).detach()
                objective.project(lines)
                gap = (objective(theta).detach() - before).abs() / (1 + before.abs())
            state = _settled(objective, theta, recorder, home)
            index, theta, home = _merged(state[0], state[1], home)
            state = state[0][index], state[1][index], state[2][index]
            if recorder.stopped or bool((gap <= _GAP).all()):
                break
        theta, loss, gradient = (each[home] for each in state)
        error = (gap.amax() + _ROUNDING) * (1 + loss.abs())
        count = objective.evaluations
        made = Estimate(loss, error, "quadrature", evaluations=count, up_to_constant=True)
        return Run(theta, loss, gradient, recorder.steps, recorder.stopped, estimate=made)


def _nearer(objective: Objective, lines: Projections, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Natural gradient steps, shorter ones where they do not make the divergence less."""
    loss = objective(theta).detach()
    share = torch.ones_like(loss)
    for _ in range(_STEPS):
        moved = theta + share.unsqueeze(-1) * (lines.stepped(theta) - theta)
        after = objective(moved).detach()
        better = after < loss
        gain = torch.where(better, loss - after, 0.0)
        theta = torch.where(better.unsqueeze(-1), moved, theta)
        loss = torch.where(better, after, loss)
        moving = torch.where(better, gain > _LITTLE * (1 + loss.abs()), share > _SHORTEST)
        share = torch.where(better, (2 * share).clamp_max(1.0), share / 4)
        if not bool(moving.any()):
            break
    return theta, loss


def _merged(theta: Tensor, loss: Tensor, home: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first of the rows that are together, where these are, and the new home of all."""
    same = together(theta, loss)
    kept = first_of(same)
    return kept, theta[kept], same[home]


def _settled(objective: Objective, theta: Tensor, recorder: Recorder, home: Tensor) -> State:
    """Where L-BFGS leads, all starts in the record."""
    with recorder.watching():
        for state, _ in LimitedMemory(tolerance=_TOLERANCE).states(objective, theta):
            last = state
            parameters = objective.family.space.constrain(state[0][home])
            recorder.record(state[1][home], parameters, state[2][home])
            if recorder.stopped:
                break
    return last
