"""Ends that are lower than every minimum: they are the answer, though no minimum.

A divergence in closed form is what it is anywhere: there the lowest end is the answer, certified
or not, as where a variance goes to 0. Else an end must lie on level ground: total variation is
level where a member is above the target wherever that has any mass nearby, for a whole range of
scales. A loss there is believed only if the divergence made afresh is as low: a member between the
nodes of a rule looks near as well.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.errors import KldivError
from kldiv.estimators import Exact
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.objective import Objective

__all__ = ["with_level_ends"]

_LOWER = 1e-6  # relative to 1 + the divergence


@torch.no_grad()
def with_level_ends(objective: Objective, ends: Endpoints) -> Endpoints:
    """The ends, of which the lowest that may be is the answer where no minimum is as low.

    Arguments:
        objective: What was made small.
        ends: What the Hessian says of the ends.
    """
    level = ends.flat & ends.decrement.isfinite()
    if isinstance(objective.choice.made, Exact):
        level = ~ends.settled & ends.loss.isfinite()
    least, which = torch.where(level, ends.loss, torch.inf).min(0)
    loss = ends.pick(ends.loss)
    lower = ends.settled.any(0) & (least < loss - _LOWER * (ends.unit + loss.abs()))
    if objective.sampled or not bool(lower.any()):
        return ends
    chosen = torch.where(lower, which, ends.best)
    found = replace(ends, answer=chosen)
    true = lower & _as_low(objective, found)
    return replace(ends, answer=torch.where(true, chosen, ends.best)) if bool(true.any()) else ends


def _as_low(objective: Objective, ends: Endpoints) -> Tensor:
    """Where the divergence made afresh is what the loss said."""
    loss = ends.pick(ends.loss)
    try:
        estimate = objective.estimate(ends.pick(ends.theta))
    except KldivError:
        return torch.zeros_like(loss, dtype=torch.bool)
    return (estimate.value - loss).abs() + estimate.error <= _LOWER * (ends.unit + loss.abs())
