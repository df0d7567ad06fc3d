r"""The Monte Carlo rung: importance sampling from the mixture of both sides.

Half of the points come from p, half from q. With :math:`m = (p + q) / 2`,

.. math:: \int g(\log p, \log q)\,dx = \mathbb E_m\!\left[\frac{g(\log p, \log q)}{m}\right],

and :math:`p/m` and :math:`q/m` never exceed 2, so that no weight can run away. Where one side
alone can be drawn from, m is that side. The points and the density in the denominator are held
fixed, hence the gradient of the estimate is an unbiased estimate of the gradient of the integral,
for discrete and for continuous distributions, in p and in q.

Three things make the noise small and known: points that fill space evenly where a side allows
it; the quantity :math:`p/m - 1` of known mean, which takes its share of the noise along; and
independent replicates of both, whose spread is the error. What their spread cannot show is counted
too: what rare points would add, what the known mean of :math:`p/m - 1` says was missed, and draws
that lie where floating-point numbers end. Where that cannot be told, or the tail of what is
averaged is too heavy for any average, the error is infinite, and the reason says why.

References:
    Safe and Effective Importance Sampling (Owen and Zhou, 2000), equation 4,
    doi:10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.errors import InvalidArgument, NotAvailable, NotFinite
from kldiv.estimate import Estimate
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Tolerance
from kldiv.estimators.options import check_count, check_tolerance
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.proposals import Proposals, proposals, why_none
from kldiv.lazy import deferred

if TYPE_CHECKING:
    from kldiv.estimators.sampling.averages import Average

__all__ = ["MonteCarlo"]

_average_of = deferred("kldiv.estimators.sampling.averages:average_of")
_moving_average = deferred("kldiv.estimators.sampling.reparameterised:moving_average")
_why_not_moving = deferred("kldiv.estimators.sampling.reparameterised:why_not_moving")

_kinks_in = deferred("kldiv.estimators.integrals.jumps:kinks_in")

_GRADIENTS = ("score", "pathwise", "doubly_reparameterised")
_MANY = 32  # replicates tell an error
_FEW = 8  # are enough for the slope of a control variate


@dataclass(frozen=True)
class MonteCarlo:
    r"""Randomised quasi-random points, or independent draws, from p and q, with standard errors.

    Arguments:
        samples: The most points, for each element of the batch; the error of fewer than 50 is
            infinite.
        rtol: The relative tolerance; where it is given and not reached, ``ToleranceNotMet`` is
            raised.
        gradient: How the value is derived, by an unbiased estimate in any case. ``"score"``:
            through the densities at points that stand still, with control variates; it takes any
            distribution. ``"pathwise"``: through the points as well, which move with the
            parameters. ``"doubly_reparameterised"``: through the points alone, which has the
            least noise near q = p; for ``kl`` it is known as sticking the landing.

    Raises:
        InvalidType: If ``samples`` is no integer, or ``rtol`` no number.
        InvalidArgument: If there are fewer than 16 samples, ``rtol`` is not between 0 and 1, or
            ``gradient`` is none of the three.
    """

    samples: int = 100_000
    rtol: float | None = None
    gradient: str = "score"

    name = "monte_carlo"

    def __post_init__(self) -> None:
        check_count("samples", self.samples, 16)
        if self.rtol is not None:
            check_tolerance("rtol", self.rtol)
        if self.gradient not in _GRADIENTS:
            raise InvalidArgument(
                f"gradient must be {' or '.join(map(repr, _GRADIENTS))}, got {self.gradient!r}"
            )

    def why_not(self, problem: Problem) -> str | None:
        """A side to draw from, and masses that are known where they are needed."""
        if isinstance(problem.divergence, SupremumDivergence):
            return (
                f"{problem.divergence} is a supremum, of which a sample shows no more than a "
                "lower bound"
            )
        reason = why_none(problem)
        if reason is None and self.gradient != "score":
            reason = _why_not_moving(problem)
        if reason is None and isinstance(problem.divergence, ScoreDivergence):
            reason = _why_no_gradient(problem)
        return reason

    def value(self, problem: Problem) -> Tensor:
        """The value alone, differentiable: all that a step of a fit needs."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return self.estimate(problem).value
        if self.gradient != "score":
            return self._moving(problem)
        average, offset, _ = self._average(problem, _FEW)
        return average.value + offset

    def estimate(self, problem: Problem) -> Estimate:
        """The value with its error by replicates, and the shape of the tail behind it."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, problem.divergence)
        average, offset, pilot = self._average(problem, _MANY)
        value = average.value + offset
        if self.gradient != "score" and torch.is_grad_enabled():
            moving = self._moving(problem)
            value = value.detach() + (moving - moving.detach())
        if value.isnan().any():
            raise NotFinite(
                f"{problem.divergence} is NaN: its integrals are {average.integrals.tolist()}"
            )
        stderr, error, shape = average.errors()
        known = average.infinite.any(0).expand(value.shape)
        stderr, shape = (torch.where(value.isinf(), 0.0, each) for each in (stderr, shape))
        error = torch.where(value.isinf(), torch.where(known, 0.0, torch.inf), error)
        found = Estimate(
            value,
            error,
            self.name,
            stderr,
            average.ratios.control.shape[0] + pilot,
            _reason(problem, average, value, error, shape),
            up_to_constant=bool(_source(problem).slope),
            pareto_k=shape,
            unit=problem.divergence.unit,
        )
        Tolerance(self.rtol).check(found)
        return found

    def _moving(self, problem: Problem) -> Tensor:
        doubly = self.gradient == "doubly_reparameterised"
        found: Tensor = _moving_average(problem, self.samples, doubly=doubly)
        return found

    def _average(self, problem: Problem, least: int) -> tuple[Average, Tensor, int]:
        found: tuple[Average, Tensor, int] = _average_of(
            problem, _source(problem), self.samples, least
        )
        return found


def _source(problem: Problem) -> Proposals:
    source = proposals(problem)
    if source is None:
        raise NotAvailable(f"there is nothing to draw from: {why_none(problem)}")
    return source


def _reason(
    problem: Problem, average: Average, value: Tensor, error: Tensor, shape: Tensor
) -> str:
    """Why values or errors are infinite."""
    if (value.isinf() & (error == 0)).any():
        return problem.why_infinite
    if value.isinf().any():
        return "no point fell where both densities are, or their ratio is beyond all numbers"
    if not error.isinf().any():
        return ""
    if average.too_few:
        return "so few points show no tail of what is averaged; draw 50 at least"
    if (error.isinf() & (shape > average.reliable)).any():
        return (
            f"the tail of what is averaged has the shape {float(shape.max()):.2f}, and above "
            f"{average.reliable:.2g} no sample tells its own error"
        )
    lost = average.ratios.lost
    if lost is not None and lost.any():
        return (
            f"{float(lost.max()):.1%} of the draws lie on an end of the support, where "
            "floating-point numbers end, and tell nothing of what is closer to it"
        )
    return "so little was met of what counts that no more than the order of the value is known"


def _why_no_gradient(problem: Problem) -> str | None:
    """Why points that stand still do not see all of a gradient, ``None`` where they do."""
    jumps = (each for side in (problem.p, problem.q) for each in _kinks_in(side))
    if not (torch.is_grad_enabled() and any(each.requires_grad for each in jumps)):
        return None
    return (
        "a score jumps at places that move with a parameter, and points that stand still do not "
        "see that in its gradient; detach the location of the Laplace distribution"
    )
