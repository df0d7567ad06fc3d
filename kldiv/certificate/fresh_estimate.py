"""The divergence at the end of a fit, made afresh: a loss is made small by chance too."""

from __future__ import annotations

from collections.abc import Callable

import torch

from kldiv.estimate import Estimate, finished
from kldiv.estimators import Estimator, Ladder
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run
from kldiv.solvers.threads import few_threads

__all__ = ["fresh_estimate"]


def fresh_estimate(
    objective: Objective, estimator: Estimator | Ladder, run: Run, ends: Endpoints
) -> Estimate | Callable[[], Estimate]:
    """The estimate at the best end, or what makes it where that takes many draws.

    Arguments:
        objective: What was made small.
        estimator: What estimates it.
        run: Where each start ended, perhaps with estimates.
        ends: What the Hessian says of the ends.
    """
    dtype, unit, made = objective.target.dtype, objective.divergence.unit, run.estimate
    if made is not None:
        return finished(ends.of(made), unit, dtype).detach()
    theta = ends.pick(run.theta)

    @torch.no_grad()
    def estimated() -> Estimate:
        problem = objective.problem(theta)
        with few_threads(objective.target):
            return finished(estimator.estimate(problem), unit, dtype).detach()

    return estimated if objective.sampled and objective.free else estimated()
