"""What a family of densities on the line is: log density, score, support, features and ends.

A *feature* says where a density lives, so that quadrature finds it: a centre and a width on the
axis, or (for densities on the half line) a centre and a width on the axis of log x. An *end* is
where a support ends or the axis does; the logarithm of the density there is a sum of growing
functions of y, which is the distance for an infinite end and 1 / distance for a finite one:

    e^(b y)  >  y^k  >  (log y)^2  >  log y

`Family.at_low` and `Family.at_high` hold their coefficients, by ``("exp", b)``, ``("power", k)``,
``("log2",)`` and ``("log",)``. From them the rules of `finiteness` decide what is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from mpmath import mpf

Terms = dict[tuple, mpf]
INFINITY = mpf("inf")


class Feature(NamedTuple):
    """Where a density lives: ``centre ± width``, of log x where ``of_log``."""

    centre: mpf
    width: mpf
    of_log: bool = False


@dataclass(frozen=True)
class Family:
    """One distribution.

    Arguments:
        log_density: Of x and 1 - x (which is exact near 1), inside the support.
        score: The derivative of the log density, likewise.
        low: The lower end of the support.
        high: The upper end.
        features: Where it lives.
        at_low: What the log density is like at the lower end.
        at_high: And at the upper.
        kinks: Points inside where it is not smooth.
    """

    log_density: Callable[[mpf, mpf], mpf]
    score: Callable[[mpf, mpf], mpf]
    low: mpf
    high: mpf
    features: tuple[Feature, ...]
    at_low: Terms = field(default_factory=dict)
    at_high: Terms = field(default_factory=dict)
    kinks: tuple[mpf, ...] = ()

    def holds(self, x: mpf, y: mpf) -> bool:
        """Whether x is inside the support, with y = 1 - x where x itself is rounded."""
        above = y < 0 if self.low == 1 else self.low < x
        return above and (y > 0 if self.high == 1 else x < self.high)
