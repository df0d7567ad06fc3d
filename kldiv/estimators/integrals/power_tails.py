r"""Densities that are powers of the distance, continued beyond all floating-point numbers.

Where both log densities are linear in the outward coordinate o, they are continued and what lies
beyond the outermost place is integrated as any other part, by a double exponential rule; the
integral diverges where the integrand does not fall however far out. Where only the integrand G is
a power, the rest is :math:`G / r`, r being its last slope. How far slopes still change is part of
the error, by Aitken's extrapolation.
"""

from __future__ import annotations

import math

from dataclasses import dataclass, replace
from typing import Protocol

import torch

from torch import Tensor

from kldiv.estimators.integrals.charts import Chart

__all__ = [
    "Continuable",
    "Outermost",
    "PowerTail",
    "doubt_of",
    "outermost",
    "power_tail",
    "powers_of",
    "rest_of",
]

Logs = tuple[Tensor, ...]

_EPS = torch.finfo(torch.float64).eps
_FLAT = 1e-9  # a power this close to the critical one is the critical one
_LINEAR = 0.1  # the greatest doubt about a slope, relative to the slope of the integrand
_FARTHEST = 31  # doublings of the distance, in o
_VANISHED = -600.0
_BESIDE = -47 * math.log(2)  # ln of how near to an end points have digits, relative to it
_STRIDES = 4 * math.log(2), 60.0  # in o, beside an end that is not 0, and elsewhere


class Continuable(Protocol):
    """Integrands on lines, some of them functions of log densities."""

    @property
    def chart(self) -> Chart:
        """The coordinates of the lines."""

    @property
    def continues(self) -> bool:
        """Whether they are known where only the log densities are."""

    def logs_at(self, x: Tensor, line: Tensor) -> Logs:
        """What they are made of at points of lines, each with shape (N, C)."""

    def densities(self, x: Tensor, logs: Logs, log_slope: Tensor, line: Tensor) -> Tensor:
        """The integrands there, times a slope, with shape (k, N, C)."""


@dataclass(frozen=True)
class Outermost:
    r"""The outermost places of some lines on one side, the last one first.

    Arguments:
        line: The lines, with shape :math:`(C)`.
        x: The places, with shape :math:`(n, C)`.
        outward: The coordinate o there, likewise.
        sign: Whether the distance grows or shrinks outwards, 1 or -1, with shape :math:`(C)`.
    """

    line: Tensor
    x: Tensor
    outward: Tensor
    sign: Tensor

    @property
    def log_distance(self) -> Tensor:
        """The logarithm of the distance, which is the slope dx/do too."""
        return self.sign * self.outward

    def beyond(self, function: Continuable, logs: Logs, steps: Tensor) -> Tensor:
        """The integrands at steps of shape (N, C) beyond the last place, with shape (k, N, C)."""
        share = steps / (self.outward[0] - self.outward[1])
        continued = tuple(_continued(log, share) for log in logs)
        slope = self.sign * (self.outward[0] + steps)
        return function.densities(torch.zeros_like(steps), continued, slope, self.line)


@dataclass(frozen=True)
class PowerTail:
    r"""The integrals from the outermost places of some lines on.

    Arguments:
        places: These places.
        reach: Over how much of o the integrands fall by a factor e, with shape :math:`(C)`.
        known: Where both densities are powers, with shape :math:`(C)`.
        rises: Which integrals are then infinite, with shape :math:`(k, C)`.
        best: The integrals, likewise; 0 where they are infinite.
        errors: Their errors.
    """

    places: Outermost
    reach: Tensor
    known: Tensor
    rises: Tensor
    best: Tensor
    errors: Tensor

    @property
    def line(self) -> Tensor:
        """The lines."""
        return self.places.line

    def without(self, diverges: Tensor) -> PowerTail:
        """The same but for integrals that are infinite, of which shape (k, M) tells."""
        rises = diverges[:, self.line]
        best, errors = (torch.where(rises, 0.0, each) for each in (self.best, self.errors))
        return replace(self, rises=rises, best=best, errors=errors)

    def integrals(self, function: Continuable) -> Tensor:
        """The integrals, with shape (k, C)."""
        places = self.places
        logs = function.logs_at(places.x[:3], self.line)
        ends = function.densities(places.x[:3], logs, places.log_distance[:3], self.line)
        rest = rest_of(ends, places.outward[:3])
        if function.continues:
            last = tuple(log[:2] for log in logs)
            rest = torch.where(self.known, self.continued(function, last), rest)
        return torch.where(self.rises, 0.0, rest)

    def continued(self, function: Continuable, logs: Logs) -> Tensor:
        """The integrals of densities that are powers, from their logarithms at two places."""
        steps, weights = _exponential_rule(self.reach)
        values = self.places.beyond(function, logs, steps.unsqueeze(-1) * self.reach)
        usable = self.known & ~self.rises.unsqueeze(1)
        return (torch.where(usable, values, 0.0) * weights.unsqueeze(-1)).sum(1) * self.reach


def rest_of(values: Tensor, outward: Tensor, beyond: Tensor | float = 0.0) -> Tensor:
    r"""The integral from the last place on of :math:`(a + b\,o)\,e^{-r o}`, with shape (k, C).

    Logarithms of densities that are powers make integrands of this form. With
    :math:`q = e^{-r g}` and g the spacing, three neighbouring values have
    :math:`G_0 - 2 q G_1 + q^2 G_2 = 0`.

    Arguments:
        values: G at three equally spaced places, the last one first, with shape (k, 3, C).
        outward: The coordinates o of these, with shape (3, C).
        beyond: How far beyond the last place to begin.
    """
    last, before, earlier = values.unbind(1)
    step = (outward[0] - outward[2]) / 2
    usable = (last != 0) & (before != 0) & (earlier != 0) & values.isfinite().all(1)
    safe = [torch.where(usable, each, 1.0) for each in (last, before, earlier)]
    ratio, later = safe[1] / safe[2], safe[0] / safe[1]
    bend = 1 - later / ratio
    root = torch.where(bend > 0, torch.where(bend > 0, bend, 1.0).sqrt(), 0.0)
    bends = torch.where(later < ratio, -root, root)
    rate = -(ratio * (1 + bends)).log() / step
    slope = (safe[0] - safe[1] * ratio * (1 + bends)) / step
    falls = usable & (rate > 0)
    rate = torch.where(falls, rate, 1.0)
    rest = (-rate * beyond).exp() * ((safe[0] + slope * beyond) / rate + slope / rate.square())
    return torch.where(falls, rest, 0.0)


def power_tail(function: Continuable, line: Tensor, outward: Tensor, *, lower: bool) -> PowerTail:
    r"""What lies beyond the outermost places of lines on one side.

    Arguments:
        function: The integrands.
        line: The lines, with shape :math:`(C)`.
        outward: How far out the outermost places are, likewise.
        lower: Which side it is.
    """
    places = outermost(function.chart.pick(line), line, outward, lower=lower)
    logs = function.logs_at(places.x, line)
    values = function.densities(places.x, logs, places.log_distance, line)
    none = torch.zeros_like(values[:, 0])
    never = torch.zeros_like(none, dtype=torch.bool)
    tail = PowerTail(places, torch.ones_like(outward), never[0], never, none, none)
    doubts = [doubt_of(log, places.outward) for log in logs] if function.continues else []
    if doubts:
        tail = _of_powers(tail, function, logs, torch.stack(doubts).sum(0))
    best = tail.integrals(function)
    step = places.outward[0] - places.outward[1]
    earlier = rest_of(values[:, 1:], places.outward[1:], step)
    errors = torch.where(tail.known | tail.rises, 0.0, 4 * (best - earlier).abs())
    for k, doubt in enumerate(doubts):
        moved = [log[:2] for log in logs]
        moved[k] = torch.stack([logs[k][0], logs[k][1] - doubt * step])
        change = (tail.continued(function, tuple(moved)) - best).abs()
        errors = errors + torch.where(tail.known, torch.nan_to_num(change, nan=0.0), 0.0)
    return replace(tail, best=best, errors=errors + 1e-14 * best.abs())


def _of_powers(tail: PowerTail, function: Continuable, logs: Logs, doubt: Tensor) -> PowerTail:
    """With what becomes of the integrands where both densities are powers."""
    last = tuple(log[:2] for log in logs)
    rises, rate = _far_slope(tail.places, function, last, doubt)
    known = doubt <= _LINEAR * torch.where(rises.any(0), 1e-6, rate)
    return replace(tail, reach=1 / rate, known=known, rises=rises & known)


def outermost(chart: Chart, line: Tensor, outward: Tensor, *, lower: bool) -> Outermost:
    """Four places on the way out, close together beside an end where digits are few."""
    end, side = (chart.lower, -1.0) if lower else (chart.upper, 1.0)
    finite = end.isfinite()
    short = finite & (end != 0)
    other = chart.upper if lower else chart.lower
    origin = torch.where(finite, end, torch.where(other.isfinite(), other, chart.centre[:, 0]))
    sign = torch.where(finite, -1.0, 1.0).to(outward)
    back = torch.where(short, _STRIDES[0], _STRIDES[1]) * torch.arange(4).unsqueeze(-1).to(outward)
    x = origin + side * sign * (sign * (outward - back)).exp()
    return Outermost(line, x, sign * (x - origin).abs().log(), sign)


def powers_of(function: Continuable) -> Tensor:
    r"""The power of the distance from each end that each density is, with shape (2, k, M).

    It is NaN where the end is infinite or 0, where no digits are lost, or where the density is no
    power.
    """
    chart, powers = function.chart, []
    line = torch.arange(len(chart.lower), device=chart.lower.device)
    for end, lower in ((chart.lower, True), (chart.upper, False)):
        short = end.isfinite() & (end != 0)
        size = torch.where(short, end.abs(), 1.0)
        places = outermost(chart, line, -(size.log() + _BESIDE), lower=lower)
        logs = function.logs_at(places.x, line) if bool(short.any()) else (places.x, places.x)
        step = places.outward[0] - places.outward[1]
        good = [short & (doubt_of(log, places.outward) < 1e-4) for log in logs]
        slopes = [(log[1] - log[0]) / step for log in logs]
        powers.append(
            torch.stack(
                [
                    torch.where(g & s.isfinite(), s, torch.nan)
                    for g, s in zip(good, slopes, strict=True)
                ]
            )
        )
    return torch.stack(powers)


def _far_slope(
    places: Outermost, function: Continuable, logs: Logs, doubt: Tensor
) -> tuple[Tensor, Tensor]:
    """Which integrands do not fall however far out, and how fast the slowest of others does."""
    steps = 2.0 ** torch.arange(_FARTHEST + 1, dtype=doubt.dtype, device=doubt.device)
    far = places.beyond(function, logs, steps.unsqueeze(-1).expand(-1, len(doubt))).abs()
    log = far.log()
    live = (log > _VANISHED) & log.isfinite()
    index = torch.where(live, torch.arange(len(steps), device=steps.device).unsqueeze(-1), 0)
    last = index.amax(1, keepdim=True).clamp_min(1)
    slope = torch.take_along_dim(log, last, 1) - torch.take_along_dim(log, last - 1, 1)
    slope = (slope / steps[last - 1]).squeeze(1)
    ends = last.squeeze(1) == len(steps) - 1
    rises = far.isinf().any(1) | (ends & (slope > -_FLAT - 2 * doubt))
    rate = torch.where(slope.isfinite() & ~rises & (slope < 0), -slope, torch.inf).amin(0)
    return rises, torch.where(rate.isfinite(), rate, 1.0)


def doubt_of(log: Tensor, outward: Tensor) -> Tensor:
    """How far the last slope may be from its limit: the next change of a geometric sequence."""
    slopes = log.diff(dim=-2) / outward.diff(dim=0)
    later = (slopes.select(-2, 0) - slopes.select(-2, 1)).abs()
    earlier = (slopes.select(-2, 1) - slopes.select(-2, 2)).abs()
    ratio = torch.where(earlier > later, later / earlier.clamp_min(1e-300), 1.0)
    rounding = 4 * _EPS * (1 + log.select(-2, 0).abs()) / (outward[0] - outward[1])
    return torch.nan_to_num(later * ratio, nan=0.0) + torch.nan_to_num(rounding, posinf=0.0)


def _continued(log: Tensor, share: Tensor) -> Tensor:
    """The straight line through the two outermost places, at steps beyond the last."""
    gone = log.isneginf().any(0)
    safe = torch.where(gone, 0.0, log)
    return torch.where(gone, -torch.inf, safe[0] + (safe[0] - safe[1]) * share)


def _exponential_rule(like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights of a double exponential rule from 0 on, for what falls as e^-o."""
    z = torch.linspace(-4.5, 5.0, 153, dtype=like.dtype, device=like.device)
    nodes = (z - (-z).exp()).exp()
    return nodes, nodes * (1 + (-z).exp()) * (z[1] - z[0])
