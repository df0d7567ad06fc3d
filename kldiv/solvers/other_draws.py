r"""Fits on one sample of each distribution: what they would still gain on others.

A divergence of samples is made small on draws that are held. The gradients :math:`g_k` on other
draws at the lowest end, and the Hessian H there, say how far the expected divergence is above its
minimum:

.. math:: \mathbb E D(\theta) - \min \mathbb E D \approx \tfrac12 \bar g^\top H^{-1} \bar g,
    \qquad \bar g = \frac1K \sum_k g_k .

Where that is too much, the fit goes on with four times as many draws.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.definitions.sample_divergence import DrawnDivergence
from kldiv.estimators import Samples
from kldiv.solvers.curvature import decrement, hessian
from kldiv.solvers.endpoints import EXCESS
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run, Solver

__all__ = ["on_enough_draws", "sample_of"]

_TIMES = 4  # other samples, and more draws
_TURNS = 2  # with more draws
_APART = 1_000  # between seeds
_MANY = 64  # parameters: beyond, no matrix of them is made


def sample_of(objective: Objective) -> Samples | None:
    """The estimator where an objective compares samples, drawn once; else ``None``."""
    drawn = isinstance(objective.divergence, DrawnDivergence)
    return objective.choice.made if drawn and isinstance(objective.choice.made, Samples) else None


def on_enough_draws(objective: Objective, solver: Solver, run: Run, recorder: Recorder) -> Run:
    """A run that says what it would gain on other draws, gone on with more where that is much.

    Arguments:
        objective: What was made small.
        solver: How.
        run: Where each start ended.
        recorder: What takes note of the steps.
    """
    made = sample_of(objective)
    if made is None or run.theta.shape[-1] > _MANY:
        return run
    run = _seen_on_others(objective, run)
    for _ in range(_TURNS if made.points is None else 0):
        if run.stopped or run.excess is None or float(run.excess.max()) <= EXCESS:
            break
        made = replace(made, points=_TIMES * (made.points or objective.divergence.draws))  # type: ignore[attr-defined]
        objective.choice.made = made
        run = _seen_on_others(objective, solver.solve(objective, run.theta, recorder))
    return run


def _seen_on_others(objective: Objective, run: Run) -> Run:
    lowest = run.loss.nan_to_num(torch.inf).argmin(0)[None, ..., None]
    theta = run.theta.take_along_dim(lowest, 0)
    others = [_other(objective, turn) for turn in range(_TIMES)]
    slopes = [other.value_and_gradient(theta)[1] for other in others]
    objective.evaluations += sum(other.evaluations for other in others)
    objective.gradients += sum(other.gradients for other in others)
    matrix, slope = hessian(objective, theta), torch.stack(slopes).mean(0)
    excess: Tensor = decrement(matrix, slope).square() / 2
    seen = bool((excess > objective.resolution).any())
    return replace(run, excess=excess.expand_as(run.loss)) if seen else run


def _other(objective: Objective, turn: int) -> Objective:
    """The same where randomness follows another seed."""
    found = objective.of(objective.target)
    found.seed, found.choice.made = objective.seed + _APART * (turn + 1), objective.choice.made
    return found
