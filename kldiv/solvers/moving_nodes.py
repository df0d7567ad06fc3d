r"""Newton's method for normals under the reverse Kullback-Leibler divergence, on nodes that move.

For a normal q with nodes :math:`x_k = \mu + L z_k` the divergence is a plain sum,

.. math:: D(q \parallel p) = -H(q) - \sum_k w_k \log p(x_k),

and the gradients of :math:`\log p` there give all its derivatives. Equally spaced :math:`z_k`
converge exponentially. Rows begin with few nodes, and go on with twice as many along each axis
until these change nothing; rows that have ended together go on as one, those that have settled
are left out, and blocks of rows are as large as the cache. Densities with kinks, and rows that no
number of nodes settles, are left to a quasi-Newton method on rules of its own.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 5,
    doi:10.1137/130932132.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import is_whole
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.lazy import deferred
from kldiv.solvers.node_levels import finest_scale
from kldiv.solvers.node_search import NodeSearch
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["MovingNodes"]

_quasi_newton = deferred("kldiv.solvers.quasi_newton:QuasiNewton")


@dataclass(frozen=True)
class MovingNodes:
    """Reverse ``kl`` from normal members to densities on the whole line or plane."""

    name = "moving_nodes"

    def why_not(self, objective: Objective) -> str | None:
        """Reverse ``kl`` of normals in one or two dimensions, a density without ends."""
        target = objective.target
        if objective.divergence.name != "kl" or objective.forward:
            return f"it is for the reverse kl, not for {objective.divergence} in this direction"
        if not objective.by_quadrature or not (target.normalize and is_whole(target.support)):
            return f"{target!r} is not integrated over the whole line or plane"
        if isinstance(target, SampleTarget) or objective.chart is None:
            return f"the members of {objective.family!r} are not normal"
        return None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows, level by level."""
        chart, marks = objective.chart, landmarks(objective.target)
        if chart is None or any(each.sharp for each in marks):
            return _by_quasi_newton(objective, starts, recorder)
        with torch.no_grad():
            search = NodeSearch.begun(objective, chart, starts, finest_scale(marks))
            with recorder.watching():
                search.run(recorder)
        search.tell()
        run = search.end(recorder)
        if recorder.stopped or bool(search.trusted.all()):
            return run
        return _by_quasi_newton(objective, run.theta, recorder)


def _by_quasi_newton(objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
    run: Run = _quasi_newton().solve(objective, starts, recorder)
    return run
