"""From two targets to the integrands of a divergence, and from their integrals to an estimate.

What sums, quadrature and Monte Carlo share: normalisers, the masses of measures, the rounding
noise of log densities, and the propagation of errors through the divergence's combination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import InvalidType, NotFinite, ToleranceNotMet
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Problem
from kldiv.lazy import deferred

__all__ = ["Densities", "Tolerance", "densities", "finish", "in_sight", "past_poles", "unsuited"]

_score_terms = deferred("kldiv.estimators.scores:score_terms")

_ROUNDING = 4 * torch.finfo(torch.float64).eps
_VANISHED = -745.0  # the logarithm of what is 0 in float64
_OF_DENSITIES = (IntegralDivergence, ScoreDivergence, EnvelopeDivergence, SupremumDivergence)

Mass = Callable[[Target], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Densities:
    r"""Two log densities, normalised where that was asked for, under one divergence.

    Arguments:
        problem: The problem that they belong to.
        log_mass_p: What is subtracted from the log density of p, with shape :math:`(*)`.
        log_mass_q: Likewise for q.
        mass_error: The relative error of the two masses together.
        measures: Whether a side is a measure of any mass, so that masses are integrated too.
    """

    problem: Problem
    log_mass_p: Tensor
    log_mass_q: Tensor
    mass_error: Tensor
    measures: bool

    def logs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""Both log densities, each with shape :math:`(N, *)`."""
        log_p = self.problem.p.log_prob(x) - self.log_mass_p
        log_q = self.problem.q.log_prob(x) - self.log_mass_q
        return in_sight(log_p, log_q, self.stack)

    def integrands(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""The integrands and the noise of rounding in them, with shape :math:`(k, N, *)`."""
        if isinstance(self.problem.divergence, ScoreDivergence):
            terms: tuple[Tensor, Tensor] = _score_terms(self.problem, self.log_mass_p, x)
            return terms
        log_p, log_q = self.logs(x)
        values = self.stack(log_p, log_q)
        with torch.no_grad():
            noise = values.abs() * _ROUNDING
            for shifted in ((_nudge(log_p), log_q), (log_p, _nudge(log_q))):
                noise = noise + torch.nan_to_num(
                    (self.stack(*shifted) - values).abs(), nan=0.0, posinf=0.0
                )
        return values, noise

    def stack(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""All integrands, with shape :math:`(k, N, *)`."""
        return self.checked(self.raw(log_p, log_q))

    def raw(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""The same, which may be NaN, with shape :math:`(k, N, *)`.

        Raises:
            InvalidType: If the divergence gives no tuple of tensors.
        """
        found = self.problem.divergence.integrands(log_p, log_q)  # type: ignore[attr-defined]
        values = list(found) if isinstance(found, tuple | list) else [None]
        if not values or not all(isinstance(each, Tensor) for each in values):
            raise InvalidType(
                f"integrands of {self.problem.divergence} must return a tuple of tensors, one for "
                f"each integral, got {type(found).__name__}: {found!r}"
            )
        if self.measures:
            values += [log_p.exp(), log_q.exp()]
        return torch.stack(torch.broadcast_tensors(*values))

    def checked(self, values: Tensor) -> Tensor:
        """The same values.

        Raises:
            NotFinite: If one of them is NaN.
        """
        if values.isnan().any():
            raise NotFinite(
                f"the integrand of {self.problem.divergence} is NaN where p / q is very large or "
                "very small; define integrand(log_p, log_q) in a form that does not overflow"
            )
        return values

    def forced(self) -> Tensor:
        r"""Which integrals, of shape :math:`(k, *)`, are infinite beyond one support."""
        beyond_q, beyond_p = self.problem.uncovered()
        if isinstance(self.problem.divergence, ScoreDivergence):
            return beyond_q.unsqueeze(0)
        zero = torch.zeros(beyond_q.shape, dtype=torch.float64, device=beyond_q.device)
        only_p = self.stack(zero, zero - torch.inf).isinf()
        only_q = self.stack(zero - torch.inf, zero).isinf()
        return (only_p & beyond_q) | (only_q & beyond_p)

    def combine(self, integrals: Tensor) -> Tensor:
        """The divergence from its integrals."""
        divergence = self.problem.divergence
        if not self.measures:
            return divergence.combine(*integrals)  # type: ignore[attr-defined,no-any-return]
        *own, mass_p, mass_q = integrals
        return divergence.combine_measures(*own, mass_p=mass_p, mass_q=mass_q)  # type: ignore[attr-defined,no-any-return]


@dataclass(frozen=True)
class Tolerance:
    """How close a value must be: within ``atol`` or ``rtol`` of itself, whichever is wider."""

    rtol: float | None = None
    atol: float = 0.0

    def check(self, estimate: Estimate) -> None:
        """Raises ``ToleranceNotMet`` where a tolerance was asked for and the error is above it."""
        if self.rtol is None:
            return
        allowed = (self.rtol * estimate.value.detach().abs()).clamp_min(self.atol)
        unmet = (estimate.error > allowed) & estimate.value.isfinite()
        if unmet.any():
            worst = float((estimate.error / allowed.clamp_min(1e-300))[unmet].max())
            raise ToleranceNotMet(
                f"{estimate.method} reached {estimate!r}, {worst:.1g} times the tolerance "
                f"rtol={self.rtol:g}, atol={self.atol:g}; allow more evaluations or a wider "
                "tolerance (the estimate is in .estimate)",
                estimate.detach(),
            )


def unsuited(problem: Problem) -> str | None:
    """Why a divergence cannot be integrated over two densities: what all rungs share."""
    for name, side in (("p", problem.p), ("q", problem.q)):
        if isinstance(side, SampleTarget):
            return f"{name} is only samples and has no density"
    if not isinstance(problem.divergence, _OF_DENSITIES):
        return f"{problem.divergence} is no integral of a function of the two densities"
    if isinstance(problem.divergence, ScoreDivergence) and problem.discrete:
        return f"{problem.divergence} compares the gradients of densities, and integers have none"
    return None


def densities(problem: Problem, mass: Mass) -> Densities:
    """Prepares both sides, dividing those by their mass that ask for it."""
    log_p, error_p = _log_mass(problem.p, mass)
    if isinstance(problem.divergence, ScoreDivergence):
        return Densities(problem, log_p, torch.zeros_like(log_p), error_p, measures=False)
    log_q, error_q = _log_mass(problem.q, mass)
    measures = not (problem.p.normalize and problem.q.normalize)
    return Densities(problem, log_p, log_q, error_p + error_q, measures)


def finish(
    sides: Densities,
    integrals: Tensor,
    errors: Tensor,
    diverges: Tensor,
    tolerance: Tolerance,
    made_by: str,
    cost: int,
) -> Estimate:
    """Combines integrals of shape (k, *) into an estimate, carrying their errors along."""
    integrals = torch.where(diverges | sides.forced(), torch.inf, integrals)
    value = sides.combine(integrals)
    with torch.no_grad():
        error = sides.mass_error * (1 + value.abs())
        for index, one in enumerate(errors):
            moved = [integrals.clone(), integrals.clone()]
            moved[0][index] += one
            moved[1][index] -= one
            shifts = [
                torch.nan_to_num((sides.combine(each) - value).abs(), nan=torch.inf)
                for each in moved
            ]
            error = error + torch.maximum(*shifts)
        error = torch.where(value.isinf(), 0.0, error + _ROUNDING * value.abs())
    if value.isnan().any():
        raise NotFinite(
            f"{sides.problem.divergence} is NaN: its integrals are {integrals.tolist()}"
        )
    shape = sides.problem.batch_shape
    estimate = Estimate(
        value.expand(shape),
        error.expand(shape),
        made_by,
        evaluations=cost,
        reason=sides.problem.why_infinite if value.isinf().any() else "",
        unit=sides.problem.divergence.unit,
    )
    tolerance.check(estimate)
    return estimate


def in_sight(
    log_p: Tensor, log_q: Tensor, integrands: Callable[[Tensor, Tensor], Iterable[Tensor]]
) -> tuple[Tensor, Tensor]:
    """Both log densities, ``-inf`` at points that no integral and no gradient needs.

    They are those on a pole of a density, and, where gradients are asked for, those so far out
    that both densities and all integrands are 0: their weights may be beyond all numbers.
    """
    log_p, log_q = past_poles(log_p, log_q)
    if not (torch.is_grad_enabled() and (log_p.requires_grad or log_q.requires_grad)):
        return log_p, log_q
    with torch.no_grad():
        gone = torch.maximum(log_p, log_q) < _VANISHED
        if not gone.any():
            return log_p, log_q
        values = integrands(*(torch.where(gone, log, -torch.inf) for log in (log_p, log_q)))
        idle = gone & torch.stack(torch.broadcast_tensors(*values)).eq(0).all(0)
    return torch.where(idle, -torch.inf, log_p), torch.where(idle, -torch.inf, log_q)


def past_poles(log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """Both log densities, broadcast, ``-inf`` at points on which one of them is infinite."""
    first, second = torch.broadcast_tensors(log_p, log_q)
    pole = first.isposinf() | second.isposinf()
    if not pole.any():
        return first, second
    return torch.where(pole, -torch.inf, first), torch.where(pole, -torch.inf, second)


def _log_mass(target: Target, mass: Mass) -> tuple[Tensor, Tensor]:
    zero = torch.zeros((), dtype=torch.float64, device=target.device)
    if target.normalized or not target.normalize:
        return zero, zero
    value, error = mass(target)
    if not (value.isfinite() & (value > 0) & error.isfinite()).all():
        raise NotFinite(
            f"{target!r} cannot be normalised, the integral of its density is {value.tolist()} "
            f"± {error.tolist()}; normalize=False takes it as a measure, as it stands"
        )
    return value.log(), error.detach() / value.detach()


def _nudge(log_density: Tensor) -> Tensor:
    return log_density + _ROUNDING * torch.where(
        log_density.isfinite(), 1 + log_density.abs(), 0.0
    )
