r"""What lies at the ends of lines: whether integrals are finite, and where they may stop.

Let :math:`o` be the logarithm of the distance from the middle, or minus that of the distance from
a finite end, so that it grows outwards, and :math:`G = g\,|dx/do|`. The integral beyond the last
place is finite where

.. math:: r = -\frac{d \log G}{do} > 0,

the slope of the integrand on doubly logarithmic paper. It is taken at the outermost place at which
the integrand is still known: further out its logarithm, a difference of log densities, is only
rounding. Where all of it is rounding, as of densities that are equal, the integral is finite if
that of the rounding is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.estimators.integrals.lines import Sample
from kldiv.estimators.integrals.power_tails import Continuable, PowerTail, power_tail
from kldiv.estimators.integrals.stretched import outgrown

__all__ = ["Ends", "ends_of"]

_EPS = torch.finfo(torch.float64).eps
_FLAT = 1e-10  # a power this close to the critical one is the critical one
_DOUBTFUL = 0.1  # noise relative to a value that is no longer known
_NOTHING = 1e-18  # of an integral: less than its last digit
_LARGEST = 1e300  # stands for infinity
_DEEPEST = -1e150  # of log densities that are what they are
_OPEN = 1e-13  # of an integral: what must not be cut off where the trapezium rule ends


@dataclass(frozen=True)
class Ends:
    r"""What was found at the ends of M lines.

    Arguments:
        first: The first node of each line that counts, with shape :math:`(M)`.
        last: The last one, likewise.
        diverges: Which integrals are infinite in a tail, with shape :math:`(k, M)`.
        lost: Which are nothing but rounding, likewise.
        hollow: Which are infinite where one density vanishes, likewise.
        open: Lines that do not vanish where their coordinates end, with shape :math:`(M)`.
        beyond: What lies beyond.
    """

    first: Tensor
    last: Tensor
    diverges: Tensor
    lost: Tensor
    hollow: Tensor
    open: Tensor
    beyond: list[PowerTail]


@dataclass(frozen=True)
class _Side:
    """The nodes of lines on the way out to one end, the outermost ones last."""

    log_g: Tensor  # (k, n, M), of the integrands as densities in o; -inf where they are not known
    doubt: Tensor  # (k, n, M), the noise in it
    unknown: Tensor  # (k, n, M)
    endless: Tensor  # (k, n, M), where an integrand is infinite
    outward: Tensor  # (n, M)
    finite: Tensor  # (M)
    flipped: bool

    @property
    def rises(self) -> Tensor:
        """Which integrals do not fall where they are last known and have not vanished."""
        index = torch.arange(self.log_g.shape[1], device=self.log_g.device)
        live = self.log_g > -torch.inf
        last = torch.where(live, index.unsqueeze(-1), 0).amax(1, keepdim=True)
        following = (last + 1).clamp_max(len(index) - 1)
        vanished = (last < len(index) - 1) & ~torch.take_along_dim(self.unknown, following, 1)
        before = (last - 1).clamp_min(0)
        (high, low), (doubt, more) = (
            [torch.take_along_dim(each, place, 1) for place in (last, before)]
            for each in (self.log_g, self.doubt)
        )
        outward = self.outward.expand_as(self.log_g)
        step = torch.take_along_dim(outward, last, 1) - torch.take_along_dim(outward, before, 1)
        slope = (high - low) / step
        at_most = slope + (doubt.log1p() - more.log1p()) / step  # with all rounding added
        rounding = (torch.maximum(doubt, more) > _DOUBTFUL) & (at_most < -_FLAT)
        rises = (slope > -_FLAT - 2 * (doubt + more) / step) & ~rounding
        rises = rises & (low > -torch.inf) & (step > 0)
        rises = rises | torch.take_along_dim(self.endless, last, 1)
        return (rises & ~vanished & live.any(1, keepdim=True)).squeeze(1)

    def outgrown(self, sample: Sample, function: Continuable) -> Tensor:
        """Which integrals are infinite for what lies beyond all numbers."""
        if len(sample.logs) != 2:
            return torch.zeros_like(self.endless[:, 0])
        logs = [log.expand_as(self.endless[0]) for log in sample.logs]
        logs = [log.flip(0) if self.flipped else log for log in logs]
        known = (logs[0] > _DEEPEST) & (logs[1] > _DEEPEST)
        index = torch.arange(len(known), device=known.device).unsqueeze(-1)
        last = torch.where(known, index, 0).amax(0, keepdim=True).clamp_min(2) + index[:3] - 2
        p, q, outward = (
            torch.take_along_dim(each, last, 0) for each in (*logs, self.outward.expand_as(known))
        )
        return outgrown(function, (p, q), outward)

    @cached_property
    def rest(self) -> Tensor:
        """Roughly what lies beyond the last node, with shape (k, M)."""
        fall = (self.log_g[:, -2] - self.log_g[:, -1]) / (self.outward[-1] - self.outward[-2])
        rate = torch.where(fall.isfinite(), fall.clamp_min(1e-9), 1.0)
        return self.log_g[:, -1].exp() / rate


def ends_of(sample: Sample, function: Continuable) -> Ends:
    r"""What lies at both ends of M lines, from nodes spread over the whole of each.

    Arguments:
        sample: The integrands at nodes in ascending order.
        function: What they are nodes of.
    """
    size = torch.where(_known(sample), sample.values.abs(), 0.0).clamp_max(_LARGEST)
    finite = function.chart.lower.isfinite(), function.chart.upper.isfinite()
    sides = [
        _side(sample, size, end, flip) for end, flip in zip(finite, (True, False), strict=True)
    ]
    beyond = [_power_tail(side, size, function) for side in sides]
    diverges = torch.zeros_like(size[:, 0], dtype=torch.bool)
    for side, tail in zip(sides, beyond, strict=True):
        rises = side.rises
        if tail is not None:
            rises[:, tail.line] = torch.where(tail.known, tail.rises, rises[:, tail.line])
        diverges = diverges | rises | side.outgrown(sample, function)
    lost = (size == 0).all(1) & (sample.values != 0).any(1)
    size = torch.where(diverges.unsqueeze(1), 0.0, size)
    total = size.sum(1)
    is_open = torch.zeros_like(diverges[0])
    for side in sides:
        is_open = is_open | ((side.rest > _OPEN * total) & ~diverges).any(0)
    tails = [tail.without(diverges) for tail in beyond if tail is not None]
    return Ends(*_window(size, total), diverges, lost, _hollow(sample), is_open, tails)


def _hollow(sample: Sample) -> Tensor:
    """Which integrands are infinite because one density is 0 where the other is not."""
    if not sample.logs:
        return torch.zeros_like(sample.values[:, 0], dtype=torch.bool)
    empty = sample.logs[0].isneginf() | sample.logs[1].isneginf()
    return (sample.values.isposinf() & empty).any(1)


def _window(size: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last node that count, each with the next one outwards."""
    counts = (size > _NOTHING * total.unsqueeze(1)).any(0)
    number = counts.shape[0] - 1
    index = torch.arange(number + 1, device=counts.device).unsqueeze(-1)
    last = torch.where(counts, index, 0).amax(0)
    first = torch.where(counts, index, last).amin(0)
    some = counts.any(0)
    return torch.where(some, first - 1, 0).clamp_min(0), torch.where(some, last + 1, 0).clamp_max(
        number
    )


def _power_tail(side: _Side, size: Tensor, function: Continuable) -> PowerTail | None:
    """What the lines hold beyond the last node that have not vanished there."""
    lasting = (side.rest > _NOTHING * size.sum(1)).any(0)
    if not bool(lasting.any()):
        return None
    line = lasting.nonzero().squeeze(-1)
    return power_tail(function, line, side.outward[-1, line], lower=side.flipped)


def _known(sample: Sample) -> Tensor:
    """Where an integrand is more than the rounding of its logarithm."""
    known = sample.noise <= _DOUBTFUL * sample.values.abs()
    if sample.logs:
        size = sum(torch.where(log.isfinite(), log.abs(), 0.0) for log in sample.logs)
        small = 8 * _EPS * size < _DOUBTFUL
        known = torch.where(sample.values.isfinite(), known | (8 * _EPS * size < 1e-6), small)
    return known & ~sample.values.isnan()


def _side(sample: Sample, size: Tensor, finite: Tensor, flip: bool) -> _Side:
    places = sample.places
    distance = places.log_distance
    log_g = size.log() - places.log_slope + distance
    doubt = torch.where(size > 0, sample.noise / size, 0.0)
    doubt = torch.where(doubt.isfinite(), doubt, 0.0)
    unknown = (size == 0) & (sample.values != 0)
    outward = torch.where(finite, -distance, distance)
    endless = sample.values.isposinf()
    if flip:
        log_g, doubt, unknown = log_g.flip(-2), doubt.flip(-2), unknown.flip(-2)
        endless, outward = endless.flip(-2), outward.flip(-2)
    return _Side(log_g, doubt, unknown, endless, outward, finite, flip)
