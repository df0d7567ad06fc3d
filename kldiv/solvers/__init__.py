"""How a family's parameters are moved: one way a file.

A solver is given an :class:`~kldiv.solvers.objective.Objective`, which is a divergence as a
function of real vectors, and starts. It answers with a :class:`~kldiv.solvers.run.Run`: where each
start ended and the way it took.
"""

from kldiv.solvers.descent import Descent
from kldiv.solvers.moment_matching import MomentMatching
from kldiv.solvers.moving_nodes import MovingNodes
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run, Solver, Step

__all__ = [
    "Descent",
    "MomentMatching",
    "MovingNodes",
    "Objective",
    "Run",
    "Solver",
    "Step",
]
