r"""The sum rung: distributions on the integers, with a bound on the tail that is left out.

A window around the mass of both sides grows until the terms beyond it are negligible. Beyond a
window of K terms the tail is bounded by that of a power law with the ratio r seen at its end: with
:math:`|t_k| \propto k^{-s}`, :math:`s = -K \log r`, it is :math:`|t_K|\, K / (s - 1)`, and
infinite for :math:`s \leq 1`. Terms that fall faster are within it. It is part of the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.support import Interval, lattice
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Densities, Tolerance, densities, finish, unsuited
from kldiv.estimators.landmarks import landmarks
from kldiv.estimators.lattice_suprema import lattice_supremum, listed_supremum
from kldiv.estimators.problem import Problem

__all__ = ["Sum"]

_SEEN = 16  # terms that tell how fast a tail falls

Terms = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Sum:
    r"""The sum over a set of integers, or over a support that can be enumerated.

    Arguments:
        rtol: The relative tolerance; where it is given and not reached, ``ToleranceNotMet`` is
            raised.
        max_terms: The most terms summed, for each element of the batch.

    Raises:
        InvalidArgument: If ``rtol`` is not between 0 and 1 or no term is allowed.
    """

    rtol: float | None = None
    max_terms: int = 2_000_000

    name = "sum"

    def __post_init__(self) -> None:
        if self.rtol is not None and not 0 < self.rtol < 1:
            raise InvalidArgument(f"rtol must be between 0 and 1, got {self.rtol}")
        if self.max_terms < 1:
            raise InvalidArgument(f"max_terms must be positive, got {self.max_terms}")

    def why_not(self, problem: Problem) -> str | None:
        """Discrete supports that can be listed."""
        reason = unsuited(problem)
        if reason is not None:
            return reason
        if not problem.discrete:
            return "the support is continuous"
        if problem.event_shape and not _enumerable(problem.p):
            shape = tuple(problem.event_shape)
            return f"the support {problem.p.support} of event shape {shape} cannot be enumerated"
        return None

    def estimate(self, problem: Problem) -> Estimate:
        """The sums of the divergence's terms, then their combination."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, problem.divergence)
        sides = densities(problem, self.mass)
        if isinstance(problem.divergence, SupremumDivergence):
            if problem.event_shape:
                points = _enumerated(problem.p)
                return listed_supremum(sides, points, Tolerance(self.rtol), self.name)
            ends = _ends(problem.p, problem.q)
            return lattice_supremum(sides, ends, Tolerance(self.rtol), self.name)
        totals, errors, points = self._total(sides.integrands, problem.p, problem.q)
        diverges = torch.isinf(errors)
        size = totals.detach().abs()
        errors = errors + _imbalance(sides, points) * (size + size.sqrt())
        tolerance = Tolerance(self.rtol)
        return finish(sides, totals, errors, diverges, tolerance, self.name, points.shape[0])

    def points(self, problem: Problem) -> Tensor:
        """The points at which the sum for a problem is taken."""
        sides = densities(problem, self.mass)
        return self._points(sides.integrands, problem.p, problem.q)[0]

    def mass(self, target: Target) -> tuple[Tensor, Tensor]:
        """The sum of a density, with its error."""
        values, errors = self.expectations(target, lambda x: ())
        return values[0], errors[0]

    def expectations(
        self, target: Target, statistics: Callable[[Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, Tensor]:
        r"""The sums of a density and of its product with each statistic, with their errors.

        Both have shape :math:`(1 + k, *)`.
        """

        def terms(x: Tensor) -> tuple[Tensor, Tensor]:
            density = target.log_prob(x).exp()
            values = torch.stack([density, *(density * statistic for statistic in statistics(x))])
            return values, values.detach().abs() * torch.finfo(values.dtype).eps

        values, errors, _ = self._total(terms, target, target)
        return torch.where(errors.isinf(), torch.inf, values), errors

    def _total(self, terms: Terms, p: Target, q: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Sums and errors with shape (k, *), errors infinite where a sum diverges; the points."""
        points, tail = self._points(terms, p, q)
        values, noise = terms(points)
        return values.sum(1), noise.sum(1) + tail, points

    def _points(self, terms: Terms, p: Target, q: Target) -> tuple[Tensor, Tensor]:
        """Points enough for the terms, and a bound on what lies beyond them."""
        if p.event_shape:
            points = _enumerated(p)
            return points, torch.zeros((), dtype=points.dtype, device=points.device)
        ends = _ends(p, q)
        window = _window(p, q, ends)
        while True:
            points = _integers(window)
            with torch.no_grad():
                values = terms(points)[0]
            total = values.sum(1)
            tail = torch.where(total.isinf(), 0.0, _tail(values, points, ends))
            small = 1e-16 * torch.where(total.isfinite(), total.abs(), 0.0) + 1e-300
            if (tail <= small).all() or points.shape[0] * 2 > self.max_terms:
                return points, tail
            window = _wider(window, ends)


def _ends(p: Target, q: Target) -> Interval:
    first, second = lattice(p.support), lattice(q.support)
    if first is None or second is None:
        raise NotAvailable(f"the supports {p.support} and {q.support} are no sets of integers")
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    lower, upper = (
        torch.minimum(first.lower, second.lower),
        torch.maximum(first.upper, second.upper),
    )
    return Interval(lower.detach().expand(shape), upper.detach().expand(shape))


def _window(p: Target, q: Target, ends: Interval) -> Interval:
    """The integers within 40 standard deviations of a side, a hundred at least."""
    if bool((ends.upper - ends.lower <= 10_000).all()):
        return ends
    places = [
        place for side in (p, q) if side.distribution is not None for place in landmarks(side)
    ]
    if not places:
        start = torch.where(
            ends.lower.isfinite(),
            ends.lower,
            torch.where(ends.upper.isfinite(), ends.upper - 200, -100.0),
        )
        return _clipped(Interval(start, start + 200), ends)
    low = torch.stack(
        [
            (place.centre - 40 * place.scale - 50).squeeze(-1).expand(ends.lower.shape)
            for place in places
        ]
    )
    high = torch.stack(
        [
            (place.centre + 40 * place.scale + 50).squeeze(-1).expand(ends.lower.shape)
            for place in places
        ]
    )
    return _clipped(Interval(low.amin(0).floor(), high.amax(0).ceil()), ends)


def _wider(window: Interval, ends: Interval) -> Interval:
    width = window.upper - window.lower + 1
    return _clipped(Interval(window.lower - width, window.upper + width), ends)


def _clipped(window: Interval, ends: Interval) -> Interval:
    return Interval(
        torch.maximum(window.lower, ends.lower), torch.minimum(window.upper, ends.upper)
    )


def _integers(window: Interval) -> Tensor:
    """Consecutive integers, as many for each element of the batch: some windows are overrun."""
    count = int((window.upper - window.lower).max()) + 1
    steps = torch.arange(count, dtype=torch.float64, device=window.lower.device)
    return window.lower + steps.reshape(-1, *(1,) * window.lower.ndim)


def _tail(values: Tensor, points: Tensor, ends: Interval) -> Tensor:
    """A bound on what lies beyond the window, with shape (k, *); infinite if terms do not fall."""
    above = _power_law(values.abs(), beyond=points[-1] < ends.upper)
    below = _power_law(values.abs().flip(1), beyond=points[0] > ends.lower)
    return above + below


def _power_law(terms: Tensor, beyond: Tensor) -> Tensor:
    """The bound after the last of the terms (k, K, *), where anything is beyond it."""
    count = terms.shape[1]
    if count < 3:
        return torch.zeros_like(terms[:, 0])
    seen = min(_SEEN, count)
    last, before = terms[:, -1], terms[:, -seen]
    positive = (last > 0) & (before > 0)
    ratio = torch.where(positive, last, 1.0) / torch.where(positive, before, 1.0)
    excess = -ratio.log() * (count - seen / 2) / (seen - 1) - 1
    falls = positive & (excess > 2 * seen / count)  # closer to 1 the exponent cannot be told
    bound = torch.where(falls, last * count / torch.where(falls, excess, 1.0), torch.inf)
    return torch.where(beyond & (last > 0), bound, 0.0)


def _imbalance(sides: Densities, points: Tensor) -> Tensor:
    """How far normalised densities are from a sum of 1: their own rounding, or mass not seen."""
    with torch.no_grad():
        found = torch.zeros((), dtype=points.dtype, device=points.device)
        for side, log in zip((sides.problem.p, sides.problem.q), sides.logs(points), strict=True):
            if side.normalized:
                found = found + (log.exp().sum(0) - 1).abs()
        return found


def _enumerable(target: Target) -> bool:
    return bool(target.distribution is not None and target.distribution.has_enumerate_support)


def _enumerated(target: Target) -> Tensor:
    if target.distribution is None:
        raise NotAvailable(f"the support of {target!r} cannot be enumerated")
    return target.distribution.enumerate_support(expand=True).double()
