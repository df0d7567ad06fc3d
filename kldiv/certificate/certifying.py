"""Which numbers make sense for which fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from kldiv.certificate.diagnostics import Diagnostics
from kldiv.certificate.natural_norm import natural_norm
from kldiv.certificate.proposal import effective_size, log_weights, tail_shape
from kldiv.certificate.sandwich import sandwich
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.crossing import crossing_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.optima import Endpoints
from kldiv.solvers.run import Run

__all__ = ["certify"]

_MANY = 64  # parameters: beyond, matrices of them are not made


def certify(objective: Objective, run: Run, ends: Endpoints) -> Diagnostics:
    """The diagnostics of a fit, those of its best end.

    Arguments:
        objective: What was made small.
        run: Where each start ended.
        ends: What the Hessian says of the ends.
    """
    theta, gradient = ends.pick(run.theta), ends.pick(run.gradient)
    found = {
        "gradient_norm": gradient.norm(dim=-1),
        "newton_decrement": ends.pick(ends.decrement),
        "signature": ends.pick(ends.signature),
        "gap": _gap(ends),
    }
    if ends.excess is not None:
        found["excess"] = ends.pick(ends.excess)
    return Diagnostics(found, _later(objective, theta, gradient))


def _later(
    objective: Objective, theta: Tensor, gradient: Tensor
) -> dict[str, Callable[[], Tensor]]:
    found: dict[str, Callable[[], Tensor]] = {}
    if objective.family.batched:
        found["natural_gradient_norm"] = partial(natural_norm, objective, theta, gradient)
    if isinstance(objective.target, SampleTarget):
        few = theta.shape[-1] <= _MANY
        if crossing_of(objective.divergence) and few and objective.family.batched:
            found["covariance"] = partial(sandwich, objective, theta)
    elif DistributionTarget(objective.member).has_sampler:
        weights = partial(log_weights, objective, theta)
        found["pareto_k"] = lambda: tail_shape(weights())
        found["effective_sample_size"] = lambda: effective_size(weights())
    return found


def _gap(ends: Endpoints) -> Tensor:
    """How many nats the answer is above the lowest end, which is no minimum then."""
    loss = ends.loss.masked_fill(ends.loss.isnan(), float("inf"))
    gap: Tensor = (ends.pick(loss) - loss.amin(0)).clamp_min(0.0)
    return gap
