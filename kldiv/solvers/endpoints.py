"""Where the starts of a fit ended, each end with what its Hessian says."""

from __future__ import annotations

import math

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from torch import Tensor

from kldiv.estimate import Estimate
from kldiv.solvers.curvature import decrement_and_signature, hessian_seen
from kldiv.solvers.finer_nodes import resolved
from kldiv.solvers.groups import distinct_rows
from kldiv.solvers.lanczos import decrement_of_many, signature_of_many
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run

__all__ = ["EXCESS", "Endpoints", "endpoints", "looked_at"]

EXCESS = 1e-3  # nats that draws, or the rounding of a large constant, may leave to be gained
_MANY = 64  # parameters: beyond, a few products with the Hessian must do
_NOTHING = 2e-8  # of the most that the objective is, or of 1: as good as 0
_STEEP = 4.0  # a slope, relative to the objective: beyond, it has not come to 0 at infinity


@dataclass(frozen=True)
class Endpoints:
    r"""The ends of all starts.

    Arguments:
        theta: The real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.
        decrement: The Newton decrement, with shape :math:`(S, *)`.
        signature: The signs of the Hessian's eigenvalues, with shape :math:`(S, *, P)`; of some
            of them where parameters are many.
        resolution: What the objective can tell apart, relative to :math:`1 + |\text{loss}|`.
        proven: Whether theory says that they are minima.
        excess: How many nats they may be above the optimum because draws or nodes are few, with
            shape :math:`(S, *)`.
        kink: What may be left to be gained at ends that are minima at kinks, with shape
            :math:`(S, *)`, NaN elsewhere.
        unit: What counts as 1 of the objective: see :mod:`kldiv.solvers.unit`.
        never_negative: Whether nothing is below 0: then an end at 0 is a minimum, whatever bends
            there.
        answer: The start whose end is the answer for each problem, with shape :math:`(*)`;
            ``None`` where that is the lowest minimum.
        vanishing: Which ends come to 0 at infinity or in a cone, with shape :math:`(S, *)`.
    """

    theta: Tensor
    loss: Tensor
    decrement: Tensor
    signature: Tensor
    resolution: float
    proven: bool = False
    excess: Tensor | None = None
    kink: Tensor | None = None
    unit: float = 1.0
    never_negative: bool = False
    answer: Tensor | None = None
    vanishing: Tensor | None = None

    @cached_property
    def settled(self) -> Tensor:
        """Which ends are minima as far as the Hessian can tell, with shape :math:`(S, *)`."""
        if self.proven:
            return torch.ones_like(self.loss, dtype=torch.bool)
        still = self._still & (self.signature >= 0).all(-1) & self.loss.isfinite()
        least = (still & ~self.flat) | self.at_zero
        return least if self.kink is None else least | self.kink.isfinite()

    @cached_property
    def at_zero(self) -> Tensor:
        """Which ends are at 0 where nothing is less, with shape :math:`(S, *)`."""
        zero = self.loss.abs() <= self.resolution * self.unit
        zero = zero if self.vanishing is None else zero | self.vanishing
        return zero if self.never_negative else torch.zeros_like(zero)

    @cached_property
    def flat(self) -> Tensor:
        """Which ends lie on plateaus, with shape :math:`(S, *)`: nothing rises but from 0."""
        above = self._still & (self.loss.abs() > self.resolution * self.unit)
        return (self.signature == 0).all(-1) & (self.decrement.isinf() | above)

    @cached_property
    def _still(self) -> Tensor:
        """Where no more is left to be gained than can be told from nothing."""
        told_apart = self.resolution * (1 + self.loss.abs() / self.unit)
        left = self.decrement.square() / 2 / self.unit
        still = (left <= told_apart.clamp_max(EXCESS)) & (told_apart <= 1)
        return still if self.excess is None else still & (self.excess <= EXCESS * self.unit)

    @cached_property
    def best(self) -> Tensor:
        """The answer: the start that ended lowest, in a minimum where one did."""
        if self.answer is not None:
            return self.answer
        if len(self.loss) == 1:
            return torch.zeros_like(self.loss[0], dtype=torch.long)
        ranked = torch.where(self.settled, self.loss, torch.inf)
        fallback = torch.where(self.loss.isnan(), torch.inf, self.loss)
        return torch.where(self.settled.any(0), ranked.argmin(0), fallback.argmin(0))

    @cached_property
    def gap(self) -> Tensor:
        """By how much the best is above the lowest end, which is no minimum then."""
        loss = self.loss.masked_fill(self.loss.isnan(), torch.inf)
        return (self.pick(loss) - loss.amin(0)).clamp_min(0.0)

    @property
    def below(self) -> Tensor:
        """By how much the answer is below the best minimum, if it is none and one is known."""
        minimum = torch.where(self.settled, self.loss, torch.inf).amin(0)
        higher = torch.where(minimum.isfinite(), minimum - self.pick(self.loss), 0.0)
        return higher.clamp_min(0.0)

    def pick(self, values: Tensor) -> Tensor:
        r"""Of values at all ends, :math:`(S, *, P)` or :math:`(S, *)`, those at the best."""
        if self._alone is not None:
            return values[self._alone]
        inner = (1,) * (values.ndim - 1 - self.best.ndim)
        index = self.best.reshape(1, *self.best.shape, *inner)
        return torch.take_along_dim(values, index, 0).squeeze(0)

    @cached_property
    def _alone(self) -> int | None:
        """The number of the best start where there is a single problem."""
        return None if self.best.ndim else int(self.best)

    def counted_in(self, unit: float) -> Endpoints:
        """The same of an objective that is counted in something else, of which a unit was 1."""
        return replace(
            self,
            loss=self.loss * unit,
            decrement=self.decrement * unit**0.5,
            excess=None if self.excess is None else self.excess * unit,
            kink=None if self.kink is None else self.kink * unit,
            unit=self.unit * unit,
        )

    def of(self, estimate: Estimate) -> Estimate:
        r"""Of estimates :math:`(S, *)` at all ends, those at the best, :math:`(*)`."""
        value, error = self.pick(estimate.value), self.pick(estimate.error)
        stderr = None if estimate.stderr is None else self.pick(estimate.stderr)
        return replace(estimate, value=value, error=error, stderr=stderr)


def endpoints(objective: Objective, run: Run) -> Endpoints:
    """What is known of each end; those of a stochastic objective are else never minima."""
    excess = run.excess
    if run.decrement is not None and run.signature is not None:
        left, signs = run.decrement, run.signature
    elif objective.stochastic:
        left, excess = torch.full_like(run.loss, math.inf), None
        signs = torch.zeros_like(run.theta, dtype=torch.int32)
    else:
        left, signs = looked_at(objective, run.theta, run.gradient)
    found = run.theta, run.loss, left, signs, objective.resolution
    whole = objective.target.normalized or (objective.target.normalize and objective.on_nodes)
    exact = whole and not objective.sampled and excess is None
    ends = Endpoints(*found, run.proven, excess, run.kink, never_negative=exact)
    return replace(ends, vanishing=_vanishing(objective, run)) if exact else ends


def _vanishing(objective: Objective, run: Run) -> Tensor:
    """Which ends come to 0 along parameters without end, as where a probability is 0.

    There all that is left is as small as its own slope, and bends nowhere. A metric comes to 0 in
    the tip of a cone: what is left is as small as the distance.
    """
    first = run.steps[0].loss / objective.unit if run.steps else run.loss
    largest = first.nan_to_num(0.0, posinf=1.0).amax(0)
    most = objective.divergence.upper_bound
    largest = torch.clamp(largest, most if most < math.inf else 0.0, 1.0)
    loss = run.loss.abs()
    level = run.gradient.abs().amax(-1) <= _STEEP * loss
    return (loss <= _NOTHING * largest) & (level | objective.divergence.metric)


def looked_at(objective: Objective, theta: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    r"""The Newton decrement and the signature of each end.

    Arguments:
        objective: The objective.
        theta: The ends as real vectors, with shape :math:`(S, *, P)`.
        gradient: Its gradient there.

    Returns:
        Both with shapes :math:`(S, *)` and :math:`(S, *, P)`.
    """
    rows, home = distinct_rows(theta)
    theta, gradient = theta[rows], gradient[rows]
    if theta.shape[-1] > _MANY:
        left = decrement_of_many(objective, theta, gradient)
        signs = signature_of_many(objective, theta)
    else:
        matrix, known = hessian_seen(objective, theta, gradient)
        left, signs = decrement_and_signature(matrix, gradient)
        left = torch.where(known, left, torch.inf)
    seen = resolved(objective, theta)
    if seen is not None:
        left = torch.where(seen, left, torch.inf)
    return left[home], signs[home]
