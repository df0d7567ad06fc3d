"""Whether the nodes that a fit keeps are fine enough for where its starts are."""

from __future__ import annotations

from torch import Tensor

from kldiv.estimators import Quadrature
from kldiv.solvers.objective import Objective

__all__ = ["relaid", "resolved"]


def relaid(objective: Objective, theta: Tensor, *, fine: bool) -> bool:
    r"""Whether other nodes were laid: finer ones for an end, fewer where these will do.

    Arguments:
        objective: The objective.
        theta: Where the starts are, real vectors of shape :math:`(S, *, P)`.
        fine: Whether they are to stay there.
    """
    kept = objective.kept
    estimator = objective.estimator(theta) if kept.shared else None
    if not isinstance(estimator, Quadrature):
        return False
    problem, before = objective.problem(theta), kept.rule
    if fine and kept.is_fine(problem):
        return False
    return kept.lay(problem, estimator, objective.unit, fine=fine) is not before


def resolved(objective: Objective, theta: Tensor) -> Tensor | None:
    r"""Which starts the nodes are fine enough for; ``None`` where there are no finer ones.

    Arguments:
        objective: The objective.
        theta: Where the starts are, real vectors of shape :math:`(S, *, P)`.
    """
    return objective.kept.resolved(objective.problem(theta)) if objective.kept.shared else None
