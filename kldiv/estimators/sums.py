r"""The sum rung: distributions on the integers and on lists of points, with a bound on the tail.

On the integers the terms are summed over runs that are as long as they are smooth, and as far out
as there are terms; whether a series converges is decided by the decay of its own terms there.
Vectors of counts are listed one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import NotFinite
from kldiv.estimate import Estimate
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Densities, Tolerance, finish, unsuited
from kldiv.estimators.options import check_count, check_tolerance
from kldiv.estimators.problem import Problem
from kldiv.lazy import deferred

if TYPE_CHECKING:
    from kldiv.estimators.summation.series import Series
    from kldiv.estimators.terms import Terms

__all__ = ["Sum"]

_add_up = deferred("kldiv.estimators.summation.series:add_up")
_all_points = deferred("kldiv.estimators.summation.listed:all_points")
_count_of = deferred("kldiv.estimators.summation.listed:count_of")
_ends_of = deferred("kldiv.estimators.summation.lattice_lines:ends_of")
_has_no_end = deferred("kldiv.estimators.summation.listed:has_no_end")
_lattice_supremum = deferred("kldiv.estimators.extrema.lattice_suprema:lattice_supremum")
_lines_of = deferred("kldiv.estimators.summation.lattice_lines:lines_of")
_listed = deferred("kldiv.estimators.summation.listed:listed")
_listed_supremum = deferred("kldiv.estimators.extrema.lattice_suprema:listed_supremum")
_series_of = deferred("kldiv.estimators.summation.series:Series")
_terms_of = deferred("kldiv.estimators.terms:terms_of")
_terms_of_statistics = deferred("kldiv.estimators.terms:terms_of_statistics")


@dataclass(frozen=True)
class Sum:
    r"""The sum over a set of integers, or over a support that can be listed.

    Arguments:
        rtol: The relative tolerance; where it is given and not reached, ``ToleranceNotMet`` is
            raised.
        max_terms: The most terms evaluated, for each element of the batch. A first look at all
            places with mass is always taken, of some hundred terms; what was not paid for is in
            the error.

    Raises:
        InvalidArgument: If ``rtol`` is not between 0 and 1 or no term is allowed.
    """

    rtol: float | None = None
    max_terms: int = 2_000_000

    name = "sum"

    def __post_init__(self) -> None:
        if self.rtol is not None:
            check_tolerance("rtol", self.rtol)
        check_count("max_terms", self.max_terms)

    def why_not(self, problem: Problem) -> str | None:
        """Discrete supports that can be listed."""
        reason = unsuited(problem)
        if reason is not None:
            return reason
        if not problem.discrete:
            return "the support is continuous"
        if not problem.event_shape:
            return None
        supremum = isinstance(problem.divergence, SupremumDivergence)
        if supremum and _has_no_end(problem.p, problem.q):
            return f"{problem.divergence} is a supremum, and the support has no end"
        count = _count_of(problem.p, problem.q)
        if count <= self.max_terms:
            return None
        support, shape = problem.p.support, tuple(problem.event_shape)
        if count == float("inf"):
            return f"the support {support} of event shape {shape} cannot be listed"
        return f"the support {support} of event shape {shape} has {count:.3g} points"

    def estimate(self, problem: Problem) -> Estimate:
        """The sums of the divergence's terms, then their combination."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, problem.divergence)
        sides = self._sides(problem)
        if isinstance(problem.divergence, SupremumDivergence):
            return self._supremum(sides)
        series = self._series(_terms_of(sides), problem.p, problem.q, problem)
        with_masses = replace(sides, measures=True)  # the densities are summed as well
        totals, noise = _totals(_terms_of(with_masses), series)
        missing = _imbalance(problem, totals[-2:].detach())
        if not sides.measures:
            totals, noise = totals[:-2], noise[:-2]
        size = totals.detach().abs()
        errors = series.errors + noise + missing * (size + size.sqrt())
        diverges = series.diverges | totals.isinf()
        cost = int((series.weights != 0).sum(0).max())
        found = finish(sides, totals, errors, diverges, Tolerance(self.rtol), self.name, cost)
        return replace(found, reason=_why_infinite(found.value, totals, sides, series))

    def _supremum(self, sides: Densities) -> Estimate:
        p, q = sides.problem.p, sides.problem.q
        tolerance = Tolerance(self.rtol)
        if p.event_shape:
            points = _all_points(p, q, self.max_terms)
            found: Estimate = _listed_supremum(sides, points, tolerance, self.name)
        else:
            found = _lattice_supremum(sides, _ends_of(p, q), tolerance, self.name)
        return found

    def nodes(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """Points and weights with which the sum for a problem is taken."""
        terms = _terms_of(self._sides(problem))
        series = self._series(terms, problem.p, problem.q, problem)
        return series.points, series.weights

    def _sides(self, problem: Problem) -> Densities:
        """Both sides, those divided by their mass that ask for it, however large it is."""
        (log_p, error_p), (log_q, error_q) = (
            self._log_mass(side) for side in (problem.p, problem.q)
        )
        measures = not (problem.p.normalize and problem.q.normalize)
        return Densities(problem, log_p, log_q, error_p + error_q, measures)

    def _log_mass(self, target: Target) -> tuple[Tensor, Tensor]:
        """The logarithm of the mass and its error, 0 where the density is taken as it stands."""
        if target.normalized or not target.normalize:
            zero = torch.zeros((), dtype=torch.float64, device=target.device)
            return zero, zero
        height = _height(target)
        terms = _terms_of_statistics(target, _nothing, height)
        series = self._series(terms, target, target)
        (value,), (noise,) = _totals(terms, series)
        error = series.errors[0] + noise
        if not (value.isfinite() & (value > 0) & ~series.diverges[0]).all():
            raise NotFinite(
                f"{target!r} cannot be normalised, the sum of its density is "
                f"{torch.where(series.diverges[0], torch.inf, value).tolist()}; "
                "normalize=False takes it as a measure, as it stands"
            )
        return height + value.log(), error / value.detach()

    def mass(self, target: Target) -> tuple[Tensor, Tensor]:
        """The sum of a density, with its error."""
        values, errors = self.expectations(target, _nothing)
        return values[0], errors[0]

    def expectations(
        self, target: Target, statistics: Callable[[Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, Tensor]:
        r"""The sums of a density and of its product with each statistic, with their errors.

        Both have shape :math:`(1 + k, *)`.
        """
        terms = _terms_of_statistics(target, statistics, 0.0)
        series = self._series(terms, target, target)
        values, noise = _totals(terms, series)
        return torch.where(series.diverges, torch.inf, values), series.errors + noise

    def _series(
        self, terms: Terms, p: Target, q: Target, problem: Problem | None = None
    ) -> Series:
        if p.event_shape:
            found: Series = _listed(terms, p, q, problem, self.max_terms)
            return found
        bare = p.distribution is None or q.distribution is None
        parts = [
            _add_up(terms, line, everywhere=not bare, max_terms=self.max_terms)
            for line in _lines_of(p, q)
        ]
        joined: Series = _series_of(
            torch.cat([part.points for part in parts]),
            torch.cat([part.weights for part in parts]),
            torch.stack([part.errors for part in parts]).sum(0),
            torch.stack([part.diverges for part in parts]).any(0),
        )
        return joined


def _nothing(x: Tensor) -> tuple[Tensor, ...]:
    """No statistics."""
    return ()


def _height(target: Target) -> Tensor:
    """The greatest log density at the landmarks of a target of unknown mass; 0 for others."""
    zero = torch.zeros((), dtype=torch.float64, device=target.device)
    if target.normalized or not target.normalize or target.event_shape:
        return zero
    with torch.no_grad():
        heights = [
            target.log_prob(line.origin + line.direction * line.centres).amax(0)
            for line in _lines_of(target, target)
        ]
        return torch.stack(heights).amax(0).nan_to_num(neginf=0.0)


def _totals(terms: Terms, series: Series) -> tuple[Tensor, Tensor]:
    """The sums, differentiable, and the rounding noise in them, with shape (k, *)."""
    values, noise = terms(series.points, series.weights.log())
    return values.sum(1), noise.sum(1)


def _imbalance(problem: Problem, masses: Tensor) -> Tensor:
    """How far normalised densities are from a sum of 1: their own rounding, or mass not seen."""
    gaps = (masses - 1).abs()
    known = [side.normalized for side in (problem.p, problem.q)]
    return gaps[torch.tensor(known, device=gaps.device)].sum(0)


@torch.no_grad()
def _why_infinite(value: Tensor, totals: Tensor, sides: Densities, series: Series) -> str:
    """Why values are infinite, one reason for all of them."""
    if not value.isinf().any():
        return ""
    if series.diverges.any():
        return "the sum diverges: its terms do not fall fast enough"
    if not totals.isinf().any() or sides.forced().any() or _apart(sides, series.points):
        return sides.problem.why_infinite
    return "the sum is beyond the largest floating-point number"


def _apart(sides: Densities, points: Tensor) -> bool:
    """Whether a term is infinite since one side vanishes."""
    log_p, log_q = sides.logs(points)
    infinite = sides.stack(log_p, log_q).isinf().any(0)
    return bool((infinite & (log_p.isneginf() | log_q.isneginf())).any())
