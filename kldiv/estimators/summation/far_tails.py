r"""Whether a series converges, and what lies beyond its last run.

Far out the summand is looked at alone, at indices :math:`i` that double up to :math:`10^{300}`:
:math:`m = i\,|t_i|` is of the order of the sum over the run that begins there. What falls like a
power or faster is negligible or ends below the smallest number. Where it is still seen at the
end, the series is compared with those of Bertrand,

.. math:: |t_i| \sim \frac{C}{i^{1 + \sigma} (\log i)^a},

which converge for :math:`\sigma > 0`, and for :math:`\sigma = 0` if :math:`a > 1`.

References:
    Theory and Application of Infinite Series (Knopp, 1951), sections 14 and 37.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimators.summation.half_lines import HalfLine
from kldiv.estimators.summation.integer_rules import SIZE
from kldiv.estimators.terms import Terms

__all__ = ["Far", "look_far"]

_EXACT = 49  # doubling runs that begin at integers of which float64 knows the neighbours
_LAST = 992
_STEP = 8  # by which runs are passed over beyond the exact ones
_FLAT = 1e-3  # an exponent that cannot be told from 0
_BERTRAND = 1.05  # the power of the logarithm from which on a series is said to converge


@dataclass(frozen=True)
class Far:
    r"""What was seen far out, by the number of the doubling run, in increasing order.

    Arguments:
        runs: The numbers of the runs.
        sizes: :math:`i\,|t_i|` at their first integers, with shape :math:`(k, J, *)`.
    """

    runs: list[int]
    sizes: Tensor

    @property
    def end(self) -> int:
        """The number of the last run looked at."""
        return self.runs[-1] if self.runs else 0

    def last_seen(self, floor: Tensor) -> int:
        """The number of the last run that is not negligible beside a floor of shape (k, *)."""
        others = (0, *range(2, self.sizes.ndim))
        found = (self.sizes > floor.unsqueeze(1)).any(others).nonzero()
        if not len(found):
            return -1
        return self.runs[min(int(found[-1]) + 1, len(self.runs) - 1)]

    def tail(self, beyond: int, floor: Tensor) -> tuple[Tensor, Tensor]:
        """Which series diverge, and a bound on what is beyond a run, with shape (k, *)."""
        later = [index for index, run in enumerate(self.runs) if run > beyond]
        bound = self.sizes[:, later].nan_to_num(posinf=0.0).sum(1) * 2**_STEP
        if self.end < _LAST:
            return torch.zeros_like(bound, dtype=torch.bool), bound
        last = self.sizes[:, -1]
        diverges, remainder = _bertrand(*(self._at(share) for share in (0.5, 0.75, 1.0)))
        open_ended = last > floor
        return open_ended & diverges, torch.where(open_ended, remainder, bound)

    def _at(self, share: float) -> tuple[float, Tensor]:
        """The logarithm of an index and of the size there."""
        index = min(range(len(self.runs)), key=lambda i: abs(self.runs[i] - share * _LAST))
        return (self.runs[index] + 3) * math.log(2), self.sizes[:, index].log()


def look_far(terms: Terms, line: HalfLine, first: int, *, everywhere: bool) -> Far:
    """The sizes of the terms from a run on, as far as they go.

    Arguments:
        terms: The summands.
        line: Where they are.
        first: The number of the first run to look at.
        everywhere: Whether they can be computed where integers are no longer exact.
    """
    end = min(_LAST, int((line.count.max() / SIZE).clamp(0.5, 2.0**_LAST).log2().ceil()))
    runs = list(range(max(first, 1), min(end, _EXACT) + 1))
    if everywhere:
        runs += reversed(range(end, max(first, _EXACT + 1) - 1, -_STEP))
    number = torch.tensor(runs, dtype=torch.float64, device=line.origin.device)
    index = (SIZE * torch.exp2(number - 1)).reshape(-1, *(1,) * line.origin.ndim)
    here = (index < line.count).expand(len(runs), *line.origin.shape)
    points = line.origin + line.direction * torch.where(here, index, 0.0)
    with torch.no_grad():
        sizes = terms(points, index.log().expand(here.shape))[0].abs()
    return Far(runs, torch.where(here, sizes, 0.0))


def _bertrand(
    near: tuple[float, Tensor], middle: tuple[float, Tensor], far: tuple[float, Tensor]
) -> tuple[Tensor, Tensor]:
    """Whether log m = c - sigma x - a log x, known at three x, diverges; and its remainder."""
    (x0, y0), (x1, y1), (x2, y2) = near, middle, far
    s0, s1 = (y0 - y1) / (x1 - x0), (y1 - y2) / (x2 - x1)
    r0, r1 = (math.log(b / a) / (b - a) for a, b in ((x0, x1), (x1, x2)))
    power = ((s0 - s1) / (r0 - r1)).nan_to_num()
    sigma = s1 - power * r1
    falls = sigma > _FLAT
    slowly = ~falls & (sigma > -_FLAT) & (power > _BERTRAND)
    size = far[1].exp()
    remainder = torch.where(falls, size / torch.where(falls, sigma, 1.0), torch.inf)
    remainder = torch.where(slowly, size * x2 / torch.where(slowly, power - 1, 1.0), remainder)
    return ~(falls | slowly) | y2.isposinf(), torch.where(remainder.isfinite(), remainder, 0.0)
