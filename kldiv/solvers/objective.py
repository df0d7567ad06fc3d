"""A divergence as a function of a family's real parameters: what solvers make small."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.family import Family
from kldiv.definitions.randomness import as_seed
from kldiv.definitions.tally import Tally
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import InvalidArgument, KldivError, NotFinite
from kldiv.estimate import Estimate
from kldiv.estimators import Estimator, Ladder, MonteCarlo, Problem, Quadrature, Samples, Sum
from kldiv.lazy import deferred
from kldiv.solvers.choice import Choice
from kldiv.solvers.differentiating import of_each, value_and_gradient
from kldiv.solvers.kept_rule import KeptRule
from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.under_target import UnderTarget

if TYPE_CHECKING:
    from kldiv.solvers.held_draws import HeldDraws
    from kldiv.solvers.projections import Projections

__all__ = ["Objective"]

_held_draws = deferred("kldiv.solvers.held_draws:held_draws")
_why_not_held = deferred("kldiv.solvers.held_draws:why_not_held")

_LONGEST = 2.0  # of a step, in each real parameter: a factor of 7 in a scale
_AGAIN = 3  # times
_OVERFLOWING = 100.0  # a real parameter: the logarithm of a scale


class Objective:
    r"""The function :math:`\theta \mapsto D(p \parallel q_\theta)`, or its reverse.

    Arguments:
        target: The target p.
        family: The family, fitted to the target's event shape.
        divergence: The divergence.
        forward: Whether p is the first side.
        estimator: An estimator, or the ladder.
        seed: What randomness follows.

    ``unit`` is what counts as 1 where it is called: see :mod:`kldiv.solvers.unit`.
    """

    def __init__(
        self,
        target: Target,
        family: Family,
        divergence: Divergence,
        *,
        forward: bool,
        estimator: Estimator | Ladder,
        seed: int = 0,
    ) -> None:
        self.target, self.family, self.divergence = target, family, divergence
        self.forward, self.seed = forward, as_seed(seed)
        self.evaluations = self.gradients = self._draws = 0
        self.unit = 1.0
        self.tally = Tally(target)
        self.choice = Choice(estimator)
        self.kept = KeptRule(forward)
        self._held: HeldDraws | None = None
        self._projected: Projections | None = None
        self._moves: bool | None = None

    def of(self, target: Target) -> Objective:
        """The same objective of another target."""
        sides, estimator = (target, self.family, self.divergence), self.choice.asked
        found = Objective(*sides, forward=self.forward, estimator=estimator, seed=self.seed)
        found.unit = self.unit
        return found

    @cached_property
    def member(self) -> Distribution:
        """The members that the family has at first, one for each problem: others are alike."""
        theta = self.family.present().expand((*self.target.batch_shape, -1))
        return self.family.at(theta.to(self.target.device))

    def problem(self, theta: Tensor | None = None) -> Problem:
        """The divergence at real vectors, or at first, as a problem for an estimator."""
        member = self.member if theta is None else self.family.at(theta)
        return self._problem(DistributionTarget(member))

    def move(self, family: Family) -> None:
        """From now on the real vectors are those of another declaration of the same family."""
        self.family = family
        vars(self).pop("chart", None)

    @cached_property
    def chart(self) -> NormalChart | None:
        """The chart of its members where they are normal."""
        return chart_of(self.family)

    def estimator(self, theta: Tensor | None = None) -> Estimator:
        """The estimator that is used, chosen once."""
        return self.choice.of(self.problem(theta))

    def estimate(self, theta: Tensor) -> Estimate:
        """The divergence at real vectors with its error, by itself."""
        problem, found = self.problem(theta), None
        while found is None:
            found = self.choice.tried(problem)
            if found is not None and found.undefined and self.choice.passes_on(problem):
                found = None
        self.evaluations += max(found.evaluations, 1)
        return found

    def paid(self) -> int:
        """How many log densities and gradients of the target were evaluated so far.

        The target tells what was asked of it, solvers what they have by formulas of their own.
        """
        asked = -(-self.tally.values // max(1, self.target.batch_shape.numel()))
        return max(self.evaluations, asked) + self.gradients

    @cached_property
    def under(self) -> UnderTarget:
        """The integrals under the target alone."""
        return UnderTarget(self.target)

    @property
    def free(self) -> bool:
        """Whether how it is computed was left to choose."""
        return self.choice.free

    @property
    def sampled(self) -> bool:
        """Whether it is an average over draws."""
        return isinstance(self.choice.made, MonteCarlo) and self._projected is None

    @property
    def by_quadrature(self) -> bool:
        """Whether it is an integral on a line or a plane."""
        return isinstance(self.choice.made, Quadrature)

    @property
    def on_nodes(self) -> bool:
        """Whether it is an integral on nodes laid for it."""
        return self.by_quadrature and self._held is None and self._projected is None

    @property
    def stochastic(self) -> bool:
        """Whether two calls at the same point differ."""
        return self.sampled and self._held is None

    def why_not_held(self) -> str | None:
        """Why draws cannot be held fixed, in one sentence; ``None`` where they can."""
        sides = self.target, self.member, self.divergence
        return _why_not_held(*sides, forward=self.forward)  # type: ignore[no-any-return]

    def hold(self, count: int, seed: int) -> None:
        """From now on the objective is an average over so many draws that stay the same."""
        self._held = self._moving_draws(count, seed)

    def _moving_draws(self, count: int, seed: int) -> HeldDraws:
        sides = self.target, self.member, self.divergence
        return _held_draws(*sides, count, seed, forward=self.forward)  # type: ignore[no-any-return]

    def project(self, projections: Projections) -> None:
        """From now on the objective is made of integrals over linear combinations."""
        self._projected = projections

    @property
    def resolution(self) -> float:
        """The relative error of the objective: what a fit may still have to gain unseen."""
        if self.sampled or isinstance(self.choice.made, Samples):
            return 1e-7
        if not isinstance(self.choice.made, Quadrature) or self.target.event_shape.numel() != 2:
            return 5e-11
        return 1e-5 if self.kept.blurs else 1e-7

    def __call__(self, theta: Tensor) -> Tensor:
        r"""The divergence at real vectors :math:`(S, *, P)`, with shape :math:`(S, *)`."""
        if self._projected is not None:
            return self._projected.at_real_vectors(theta)[0]
        if not self.family.batched and theta.shape[:-1].numel() != 1:
            rows = theta.reshape(-1, theta.shape[-1])
            return torch.stack([self(row) for row in rows]).reshape(theta.shape[:-1])
        first, *others = [self._at(part) / self.unit for part in self.kept.parts(theta)]
        return torch.cat([first, *others]) if others else first

    def value_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        r"""The divergence :math:`(S, *)` and its gradient :math:`(S, *, P)`, without a graph.

        Where the divergence is infinite its gradient is 0.
        """
        if self._projected is not None:
            return self._projected.at_real_vectors(theta)
        self.gradients += 1
        return of_each(self._in_parts, theta) if self.by_rows else self._in_parts(theta)

    def _in_parts(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        for _ in range(_AGAIN):  # differences between parts want one rule for all
            rule = self.kept.rule
            found = [self._differentiated(part) for part in self.kept.parts(theta)]
            if len(found) == 1 or self.kept.rule is rule:
                break
        return torch.cat([each[0] for each in found]), torch.cat([each[1] for each in found])

    def _differentiated(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        def refusal() -> str:
            return (
                f"{self.divergence} by {self.estimator(theta).name!r} has no gradient in the "
                f"parameters of {self.family!r}: the points drawn do not move with them; a "
                "family whose points are a smooth map of uniform numbers has one"
            )

        return value_and_gradient(self, theta, refusal)

    @property
    def by_rows(self) -> bool:
        """Whether some starts cost less than all of them: a rule for integrals serves them all."""
        return self.kept.by_rows

    def moved(self, theta: Tensor, step: Tensor) -> Tensor:
        """Where a step in the real vectors leads."""
        return theta + step

    def bounded(self, step: Tensor) -> Tensor:
        """A step in the real vectors of a length that an objective may bear."""
        longest = step.abs().amax(-1, keepdim=True).clamp_min(1e-300)
        return step * (_LONGEST / longest).clamp_max(1)

    def of_parameters(self, parameters: Mapping[str, Tensor], batch: torch.Size) -> Tensor:
        r"""The divergence at constrained parameters that share a batch shape, with that shape."""
        return self._of(self.family.member(parameters, batch))

    def _at(self, theta: Tensor) -> Tensor:
        try:
            member = self.family.at(theta)
        except (NotFinite, ValueError) as error:  # out of a module's domain, or overflowed
            if isinstance(error, KldivError) and not isinstance(error, NotFinite):
                raise
            return self._in_halves(theta)
        try:
            return self._of(member)
        except NotFinite as error:  # an integral is NaN
            self.choice.failure = error
        except InvalidArgument:  # a log density is NaN where parameters overflow
            if bool((theta.abs() < _OVERFLOWING).all()):
                raise
        return self._in_halves(theta)

    def _in_halves(self, theta: Tensor) -> Tensor:
        """Each start by itself in the end: one that is out of the domain is infinite alone."""
        starts = theta.shape[: theta.ndim - 1 - len(self.target.batch_shape)]
        axis = next((axis for axis, size in enumerate(starts) if size > 1), None)
        if axis is None:
            return torch.nan_to_num(0 * theta).sum(-1) + torch.inf  # as far as autograd can tell
        return torch.cat([self._at(half) for half in theta.chunk(2, axis)], axis)

    def _of(self, member: Distribution) -> Tensor:
        q = DistributionTarget(member)
        if self._held is not None:
            self.evaluations += self._held.count * max(q.batch_shape.numel(), 1)
            return self._held.value(self._problem(q))
        if (kept := self.kept.value(self.divergence, q)) is not None:
            return kept
        problem = self._problem(q)
        estimator = self.choice.of(problem)
        if isinstance(estimator, Quadrature | Sum) and self.kept.serves(problem):
            rule = self.kept.lay(problem, estimator, self.unit, fine=False)
            self.evaluations += len(rule.points)
            return rule.first(problem, estimator, forward=self.forward)
        if isinstance(estimator, MonteCarlo):
            self._draws += 2
            self.evaluations += estimator.samples
            return self._drawn(problem, estimator)
        if isinstance(estimator, Samples):
            self.evaluations += 1
            return estimator.value(problem)
        estimate = self.choice.tried(problem)
        if estimate is None:
            return self._of(member)
        self.evaluations += max(estimate.evaluations, 1)
        return estimate.value

    def _drawn(self, problem: Problem, estimator: MonteCarlo) -> Tensor:
        """An average over draws made anew, with the derivative of their paths if they have it."""
        if self._moves is None:
            self._moves = self.why_not_held() is None
        if not self._moves:
            return estimator.value(problem)
        return self._moving_draws(estimator.samples, self.seed + self._draws).value(problem)

    def _problem(self, q: Target) -> Problem:
        first, second = (self.target, q) if self.forward else (q, self.target)
        return Problem(self.divergence, first, second, self.seed + self._draws)
