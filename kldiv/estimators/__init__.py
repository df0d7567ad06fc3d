"""How a divergence is computed: one rung of the ladder a file.

An estimator answers two questions about a :class:`~kldiv.estimators.problem.Problem`: whether it
applies, in a sentence where it does not, and what the estimate is.
"""

from kldiv.estimators.exact import Exact
from kldiv.estimators.ladder import Explanation, Ladder
from kldiv.estimators.monte_carlo import MonteCarlo
from kldiv.estimators.problem import Estimator, Problem
from kldiv.estimators.quadrature import Quadrature
from kldiv.estimators.samples import Samples
from kldiv.estimators.sums import Sum

__all__ = [
    "Estimator",
    "Exact",
    "Explanation",
    "Ladder",
    "MonteCarlo",
    "Problem",
    "Quadrature",
    "Samples",
    "Sum",
]
