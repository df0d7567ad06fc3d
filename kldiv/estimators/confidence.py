r"""How many standard errors a mean may be off by."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor

__all__ = ["DEVIATIONS", "RARE", "students_quantile"]

DEVIATIONS = 3.5
"""As many standard deviations of a normal law as an error has standard errors."""
RARE = 5.3
"""Over the number of points: a probability that is missed in 1 of 200 cases."""
_CORNISH_FISHER = (DEVIATIONS, 11.59, 34.6, 78.0, 129.2)  # at 99.95 %, in powers of 1 / freedom

Freedom = TypeVar("Freedom", int, Tensor)


def students_quantile(freedom: Freedom) -> float | Freedom:
    """Student's quantile that is 3.5 standard deviations of a normal law.

    Averages of evenly spread points are less normal than those of independent ones: three
    deviations would cover the truth in 99.4 of 100 cases, not in 99.7.

    Arguments:
        freedom: The degrees of freedom.

    References:
        Handbook of Mathematical Functions (Abramowitz and Stegun, 1964), equation 26.7.5.
    """
    return sum(term / (1.0 * freedom) ** power for power, term in enumerate(_CORNISH_FISHER))
