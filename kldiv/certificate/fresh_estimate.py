"""The divergence at the end of a fit, made afresh: a loss is made small by chance too.

In the plane nodes that pass their own check may still be too few for a density with a cusp, say.
Where the estimate is not what the nodes gave, an optimum may be lower by twice the difference. An
integral that diverges slowly is finite on nodes: where the estimate is infinite, no end counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from kldiv.estimate import Estimate, finished
from kldiv.estimators import Estimator, Ladder
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run
from kldiv.solvers.threads import few_threads

__all__ = ["confirmed", "fresh_estimate"]

_AGREES = 1e-6  # relative to 1 + the divergence


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


def confirmed(
    objective: Objective, ends: Endpoints, estimate: Estimate | Callable[[], Estimate]
) -> Endpoints:
    """The ends, with what finer nodes may gain where an estimate is not what the nodes gave.

    The best end stays the answer: the estimate is of it.

    Arguments:
        objective: What was made small.
        ends: What the Hessian says of the ends.
        estimate: The estimate at the best end.
    """
    if not isinstance(estimate, Estimate):
        return ends
    loss = ends.pick(ends.loss)
    infinite = estimate.value.isinf() & loss.isfinite()
    if bool(infinite.any()):
        loss = torch.where(infinite, torch.inf, ends.loss)
        return replace(ends, loss=loss, proven=False, answer=ends.best)
    plane = objective.target.event_shape.numel() == 2
    if not plane or not objective.on_nodes:
        return ends
    apart = (estimate.value.double() - loss).abs() + estimate.error.double()
    agrees = apart <= _AGREES * (ends.unit + loss.abs())
    if bool(agrees.all()):
        return ends
    unseen = torch.where(agrees, 0.0, 2 * apart).nan_to_num(nan=torch.inf).expand(ends.loss.shape)
    known = torch.zeros_like(ends.loss) if ends.excess is None else ends.excess
    return replace(ends, excess=torch.maximum(known, unseen), answer=ends.best)
