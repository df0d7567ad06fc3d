"""Which numbers make sense for which fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from kldiv.certificate.diagnostics import Diagnostics
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.lazy import deferred
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run
from kldiv.solvers.threads import few_threads

__all__ = ["certify"]

_crossing_of = deferred("kldiv.estimators.crossing:crossing_of")
_effective_size = deferred("kldiv.certificate.proposal:effective_size")
_log_weights = deferred("kldiv.certificate.proposal:log_weights")
_natural_norm = deferred("kldiv.certificate.natural_norm:natural_norm")
_sandwich = deferred("kldiv.certificate.sandwich:sandwich")
_tail_shape = deferred("kldiv.certificate.proposal:tail_shape")

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
        "gap": ends.gap,
    }
    if ends.excess is not None:
        found["excess"] = ends.pick(ends.excess)
    later = _later(objective, theta, gradient)
    small = partial(_on_few_threads, objective.target)
    return Diagnostics(found, {name: partial(small, each) for name, each in later.items()})


def _on_few_threads(target: Target, function: Callable[[], Tensor]) -> Tensor:
    with few_threads(target):
        return function()


def _later(
    objective: Objective, theta: Tensor, gradient: Tensor
) -> dict[str, Callable[[], Tensor]]:
    found: dict[str, Callable[[], Tensor]] = {}
    if objective.family.batched:
        found["natural_gradient_norm"] = partial(_natural_norm, objective, theta, gradient)
    if isinstance(objective.target, SampleTarget):
        few = theta.shape[-1] <= _MANY
        if _crossing_of(objective.divergence) and few and objective.family.batched:
            found["covariance"] = partial(_sandwich, objective, theta)
    elif DistributionTarget(objective.member).has_sampler:
        weights = partial(_log_weights, objective, theta)
        found["pareto_k"] = lambda: _tail_shape(weights())
        found["effective_sample_size"] = lambda: _effective_size(weights())
    return found
