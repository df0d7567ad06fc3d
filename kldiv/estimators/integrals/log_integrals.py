r"""Divergences of logarithms of power integrals, however large or small these are.

:math:`\log \int p^a q^b \,dx` is a number where the integral itself is beyond all floating-point
numbers. The integrand is divided by its largest value, which is looked for first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.estimate import Estimate
from kldiv.estimators.extrema.zooming import best_starts, zoom
from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.estimators.integrals.scan import width_of
from kldiv.estimators.integrals.search import search
from kldiv.estimators.problem import Problem

__all__ = ["PowerIntegral", "by_logarithms"]

_TRUSTED = 1e-3  # noise of an exponent
_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class PowerIntegral(IntegralDivergence):
    r"""The logarithm of :math:`\int p^a q^b \,dx`, as a divergence.

    Arguments:
        a: The power of p.
        b: The power of q.
        log_scale: The logarithm of what the integrand is divided by, with shape :math:`(*)`.
    """

    a: float
    b: float
    log_scale: Tensor

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor]:
        r""":math:`p^a q^b`, scaled; 0 where it vanishes."""
        exponent = self.exponent(log_p, log_q)
        usable = exponent > -torch.inf
        safe = torch.where(usable, exponent, 0.0)
        return (torch.where(usable, (safe - torch.where(usable, self.log_scale, 0.0)).exp(), 0.0),)

    def combine(self, *integrals: Tensor) -> Tensor:
        """The logarithm."""
        return integrals[0].log() + self.log_scale

    def exponent(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`a \log p + b \log q`, ``-inf`` where one of them vanishes that counts."""
        counted = [(c, log) for c, log in ((self.a, log_p), (self.b, log_q)) if c != 0]
        gone = torch.stack([log.isneginf() for _, log in counted]).any(0)
        total = torch.stack([c * torch.where(gone, 0.0, log) for c, log in counted]).sum(0)
        return torch.where(gone, -torch.inf, total)

    def noise(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """The rounding in it."""
        sizes = [c * log for c, log in ((self.a, log_p), (self.b, log_q)) if c != 0]
        return _EPS * torch.stack(sizes).abs().sum(0)


def by_logarithms(
    problem: Problem,
    found: Estimate,
    where: Tensor,
    estimate: Callable[[Problem, Landmark], Estimate],
) -> Estimate:
    r"""An estimate with what left the range of numbers taken from logarithms of integrals.

    Arguments:
        problem: The problem, whose divergence states its ``logarithms``.
        found: The estimate of it.
        where: Which elements to replace, with shape :math:`(*)`.
        estimate: How to estimate a divergence with most of its mass at some place.
    """
    value, error, cost = torch.zeros_like(found.value), torch.zeros_like(found.error), 0
    for weight, a, b in problem.divergence.logarithms:
        plain = PowerIntegral(a, b, torch.zeros(()))
        largest, place = _summit(problem, plain)
        scaled = replace(plain, log_scale=torch.where(where, largest, 0.0))
        part = estimate(replace(problem, divergence=scaled), place)
        value, error = value + weight * part.value, error + abs(weight) * part.error
        cost += part.evaluations
    usable = where & value.isfinite()
    return replace(
        found,
        value=torch.where(usable, value, found.value),
        error=torch.where(usable, error, found.error),
        evaluations=found.evaluations + cost,
    )


def _summit(problem: Problem, power: PowerIntegral) -> tuple[Tensor, Landmark]:
    """The largest exponent anywhere, with shape (*), and where it is how wide."""
    start = search(problem.p, problem.q)
    chart = start.coordinates

    def height(u: Tensor) -> Tensor:
        x = chart.to_x(u.clamp(*chart.limits))
        x = x if problem.event_shape else x.squeeze(-1)
        log_p, log_q = torch.broadcast_tensors(problem.p.log_prob(x), problem.q.log_prob(x))
        exponent = power.exponent(log_p, log_q)
        known = exponent.isfinite() & (power.noise(log_p, log_q) < _TRUSTED)
        return torch.where(known, exponent, -torch.inf)

    with torch.no_grad():
        starts = best_starts(start.nodes, height(start.nodes), start.gaps)
        u, largest, *_ = zoom(height, *starts)
        u = u.clamp(*chart.limits)
        centre = chart.to_x(u.unsqueeze(0)).squeeze(0)
        steps = width_of(height, u.unsqueeze(0), largest.unsqueeze(0)).squeeze(0)
        ends = [chart.to_x((u + sign * steps).unsqueeze(0)).squeeze(0) for sign in (1, -1)]
        scale = (ends[0] - ends[1]).abs().clamp_min(1e-300) / 2
    return torch.where(largest.isfinite(), largest, 0.0), Landmark(centre, scale)
