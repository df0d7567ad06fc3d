"""Fits of normals in reverse to targets of linear combinations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.errors import NotAvailable
from kldiv.lazy import deferred
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["OnProjections"]

_search = deferred("kldiv.solvers.projection_search:search")


@dataclass(frozen=True)
class OnProjections:
    """Natural gradient steps, then L-BFGS in units of the members, on integrals by nodes."""

    name = "on_projections"

    def why_not(self, objective: Objective) -> str | None:
        """Reverse ``kl`` of normals to a :class:`kldiv.ProjectedTarget`."""
        if objective.divergence.name != "kl" or objective.forward:
            return f"it is for the reverse kl, not for {objective.divergence} in this direction"
        if not isinstance(objective.target, ProjectedTarget):
            return (
                "the target is not declared to be a sum of functions of linear combinations, as a "
                "kldiv.ProjectedTarget is"
            )
        if not objective.free:
            return "another estimator was asked for"
        if objective.chart is None:
            return f"the members of {objective.family!r} are not normal"
        return None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows until they settle, on more nodes until these change nothing."""
        chart, target = objective.chart, objective.target
        if chart is None or not isinstance(target, ProjectedTarget):
            raise NotAvailable(f"solver {self.name!r} does not apply: {self.why_not(objective)}")
        run: Run = _search(objective, target, chart, starts, recorder)
        return run
