r"""Solving in what counts as 1 of a divergence whose values have a unit.

What a solver may leave to be gained, and what curvature it takes for none, is relative to 1. For
nats and plain numbers that is right. A divergence of degree k in x, with
:math:`D(cX \parallel cY) = c^k D(X \parallel Y)`, is as small or as large as the unit of x makes
it: of it 1 is :math:`s^k`, where s is how wide the target is. And where one that grows as the
exponential of another is large at its least, the ends are judged in units of that.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.support import unwrap
from kldiv.errors import NotFinite
from kldiv.solvers.descent import Descent
from kldiv.solvers.endpoints import Endpoints, endpoints
from kldiv.solvers.moment_matching import MomentMatching
from kldiv.solvers.objective import Objective
from kldiv.solvers.other_draws import on_enough_draws
from kldiv.solvers.run import Recorder, Run, Solver
from kldiv.solvers.starts import check_supports, elsewhere
from kldiv.solvers.steep import grows

__all__ = ["solved"]


def solved(
    objective: Objective,
    solver: Solver,
    starts: Tensor,
    recorder: Recorder,
    *,
    found: bool = False,
) -> tuple[Run, Endpoints]:
    """Where starts have ended, and what is known of their ends, in the unit of the divergence.

    A descent takes the very steps that a loop of its own would; only its end is judged.

    Arguments:
        objective: What is to be made small.
        solver: How.
        starts: Real vectors, with shape :math:`(S, *, P)`.
        recorder: What takes note of the steps.
        found: Whether nobody gave the starts: others do as well where these are of no use.

    Raises:
        NotFinite: If the objective is finite at no start.
    """
    check_supports(objective)
    try:
        return _solved(objective, solver, starts, recorder)
    except NotFinite:
        others = elsewhere(objective, starts) if found else None
        if others is None:
            raise
        return _solved(objective, solver, others, recorder)


def _solved(
    objective: Objective, solver: Solver, starts: Tensor, recorder: Recorder
) -> tuple[Run, Endpoints]:
    unit = 1.0 if isinstance(solver, MomentMatching) else _unit_of(objective)
    if isinstance(solver, Descent):
        run = solver.solve(objective, starts, recorder).counted_in(1 / unit)
        objective.unit = unit
    else:
        objective.unit = recorder.unit = unit
        run = solver.solve(objective, starts, recorder)
        run = on_enough_draws(objective, solver, run, recorder)
    large = _least_of_large(objective, run)
    run, objective.unit = run.counted_in(1 / large), unit * large
    ends = endpoints(objective, run)
    objective.unit = 1.0
    return run.counted_in(unit * large), ends.counted_in(unit * large)


def _least_of_large(objective: Objective, run: Run) -> float:
    """What counts as 1 at the ends of a divergence that grows as an exponential: its least."""
    finite = run.loss[run.loss.isfinite()]
    if not grows(objective.divergence) or not len(finite):
        return 1.0
    return max(1.0, float(finite.min()))


@torch.no_grad()
def _unit_of(objective: Objective) -> float:
    """What counts as 1; of a batch of targets the middle counts."""
    target = objective.target
    degree = objective.divergence.degree_in_x(target.event_shape.numel())
    if degree == 0 or unwrap(target.support).is_discrete:
        return 1.0
    place = objective.under.place
    if place is None:
        return 1.0
    log_width = place.variance.log() / 2
    if target.event_shape:
        log_width = log_width.mean(-1)
    unit = float((degree * log_width.median()).exp())
    return unit if 0 < unit < torch.inf else 1.0
