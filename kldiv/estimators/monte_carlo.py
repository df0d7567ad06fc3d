r"""The Monte Carlo rung: importance sampling from the mixture of both sides.

Half of the points come from p, half from q. With :math:`m = (p + q) / 2`,

.. math:: \int g(\log p, \log q)\,dx = \mathbb E_m\!\left[\frac{g(\log p, \log q)}{m}\right],

and :math:`p/m` and :math:`q/m` never exceed 2, so that no weight can run away. The points and the
density in the denominator are held fixed, hence the gradient of the estimate is an unbiased
estimate of the gradient of the integral, for discrete and for continuous distributions, in p and
in q.

References:
    Safe and effective importance sampling (Owen and Zhou, 2000), equation 4,
    doi:10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, NotAvailable, NotFinite
from kldiv.estimate import Estimate
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Densities, Tolerance, densities, unsuited
from kldiv.estimators.problem import Problem
from kldiv.estimators.scores import expectand
from kldiv.numerics import log_mean, product

__all__ = ["MonteCarlo"]

_CONFIDENCE = 3.0  # standard errors: 99.7 % of a normal law


@dataclass(frozen=True)
class MonteCarlo:
    r"""Independent draws from p and q, with standard errors.

    Arguments:
        samples: The number of points, for each element of the batch.
        rtol: The relative tolerance; where it is given and not reached, ``ToleranceNotMet`` is
            raised.

    Raises:
        InvalidArgument: If there are fewer than 16 samples, or ``rtol`` is not between 0 and 1.
    """

    samples: int = 100_000
    rtol: float | None = None

    name = "monte_carlo"

    def __post_init__(self) -> None:
        if self.samples < 16:
            raise InvalidArgument(f"samples must be at least 16, got {self.samples}")
        if self.rtol is not None and not 0 < self.rtol < 1:
            raise InvalidArgument(f"rtol must be between 0 and 1, got {self.rtol}")

    def why_not(self, problem: Problem) -> str | None:
        """Two densities of known mass that can be sampled from."""
        reason = unsuited(problem)
        if reason is not None:
            return reason
        if isinstance(problem.divergence, SupremumDivergence):
            return (
                f"{problem.divergence} is a supremum, of which a sample shows no more than a "
                "lower bound"
            )
        sides = {"p": problem.p, "q": problem.q}
        if isinstance(problem.divergence, ScoreDivergence):
            sides.pop("q")  # its score is enough
        for name, side in sides.items():
            if not side.has_sampler:
                return f"{name} = {side!r} has no sampler"
            if not side.normalized:
                return f"the mass of {name} = {side!r} is not known and cannot be integrated here"
        return None

    def estimate(self, problem: Problem) -> Estimate:
        """The means of the weighted integrands, combined; a standard error by linearisation."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, problem.divergence)
        sides = densities(problem, _no_mass)
        if isinstance(problem.divergence, ScoreDivergence):
            return self._from_p(problem, problem.divergence)
        half = self.samples // 2
        x = torch.cat([_draw(problem.p, problem, half, 0), _draw(problem.q, problem, half, 1)])
        weighted = _weighted(sides, x)
        means = weighted.mean(1)
        value = sides.combine(means)
        if value.isnan().any():
            raise NotFinite(f"{problem.divergence} is NaN: its integrals are {means.tolist()}")
        stderr = _standard_error(sides, weighted.detach(), half)
        error = torch.where(value.isinf(), 0.0, _CONFIDENCE * stderr)
        reason = problem.why_infinite if value.isinf().any() else ""
        estimate = Estimate(value, error, self.name, stderr, 2 * half, reason)
        Tolerance(self.rtol).check(estimate)
        return estimate

    def _from_p(self, problem: Problem, divergence: ScoreDivergence) -> Estimate:
        """The mean of a function of the scores over draws from p."""
        x = _draw(problem.p, problem, self.samples, 0)
        zero = torch.zeros((), dtype=torch.float64, device=x.device)
        found = expectand(problem, zero, x)
        shift = found.log_scale + (found.log_p - found.log_p.detach())
        values = product(found.value, shift.exp())
        mean = values.mean(0)
        value = divergence.combine(mean)
        with torch.enable_grad():
            variable = mean.detach().requires_grad_()
            (slope,) = torch.autograd.grad(divergence.combine(variable).sum(), variable)
        spread = (slope * values.detach()).std(0) / self.samples**0.5
        stderr = torch.where(value.isfinite(), spread, 0.0)
        reason = problem.why_infinite if value.isinf().any() else ""
        estimate = Estimate(value, _CONFIDENCE * stderr, self.name, stderr, self.samples, reason)
        Tolerance(self.rtol).check(estimate)
        return estimate


def _draw(side: Target, problem: Problem, count: int, stream: int) -> Tensor:
    """Points from one side for every element of the problem's batch."""
    shape = (*problem.batch_shape, *problem.event_shape)
    missing = len(problem.batch_shape) - len(side.batch_shape)
    repeats = torch.Size(
        wanted if missing > axis or side.batch_shape[axis - missing] != wanted else 1
        for axis, wanted in enumerate(problem.batch_shape)
    )
    points = side.sample(torch.Size([count, *repeats]), problem.seed + stream)
    if missing == 0 and repeats.numel() == 1:
        return points.reshape(count, *shape)
    own = (1,) * missing + tuple(side.batch_shape)
    axes = [axis for pair in range(len(own)) for axis in (1 + pair, 1 + len(own) + pair)]
    points = points.reshape(count, *repeats, *own, *problem.event_shape)
    rest = range(1 + 2 * len(own), points.ndim)
    return points.permute(0, *axes, *rest).reshape(count, *shape)


def _weighted(sides: Densities, x: Tensor) -> Tensor:
    """The integrands over the fixed density of the mixture, with shape (k, N, *)."""
    log_p, log_q = sides.logs(x)
    values = sides.stack(log_p, log_q)
    with torch.no_grad():
        proposal = _log_mixture(log_p, log_q).exp()
    return torch.where(values == 0, values * 0.0, values / proposal)


def _log_mixture(log_p: Tensor, log_q: Tensor) -> Tensor:
    floor = torch.finfo(log_p.dtype).min / 4
    return log_mean(log_p.clamp_min(floor), log_q.clamp_min(floor), 0.5)


def _standard_error(sides: Densities, weighted: Tensor, half: int) -> Tensor:
    """The delta method: the spread of the combination's linear part within each half."""
    means = weighted.mean(1)
    with torch.enable_grad():
        variable = means.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(sides.combine(variable).sum(), variable)
    linear = (slopes.unsqueeze(1) * weighted).sum(0)
    strata = torch.stack([linear[:half], linear[half:]])
    spread = torch.nan_to_num(strata.var(1), nan=0.0, posinf=0.0)
    return (spread.sum(0) / half).sqrt() / 2


def _no_mass(target: Target) -> tuple[Tensor, Tensor]:
    raise NotAvailable(f"the mass of {target!r} cannot be had by sampling")
