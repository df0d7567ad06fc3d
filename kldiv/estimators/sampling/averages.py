r"""Averages of replicates, combined into a divergence, with an error and the tail behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.estimators.confidence import RARE, students_quantile
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.control_variates import (
    adjusted,
    is_lumped,
    is_strained,
    weights_of,
)
from kldiv.estimators.sampling.draws import Plan
from kldiv.estimators.sampling.missed import beyond_largest, by_lost_draws
from kldiv.estimators.sampling.pareto import pareto_shape, unreliable_above
from kldiv.estimators.sampling.proposals import Proposals
from kldiv.estimators.sampling.ratios import (
    Ratios,
    bounds_of,
    is_plain,
    levelled,
    ratios_at,
    score_terms_at,
)

__all__ = ["Average", "average_of"]

_ROUNDING = 8 * torch.finfo(torch.float64).eps
_FLAT = 1e-12  # of the value: standard errors below are none
_FEWEST = 50  # points that show a tail: the errors of 33 are too small in 7 of 100 cases
_TOP = 0.1  # of the largest that a ratio can be: no tail lies far beyond


@dataclass(frozen=True)
class Average:
    r"""The averages of k ratios, and the divergence that they make.

    Arguments:
        ratios: What is averaged; the points of each side replicate after replicate.
        plan: How many replicates of how many points came from each side.
        infinite: Which averages are known to be infinite, with shape :math:`(k, *)`.
        combine: The divergence from the averages.
        bounds: The largest that each ratio can be, with shape (k): no tail of theirs can spoil an
            average. ``None`` where they have no bound.
    """

    ratios: Ratios
    plan: Plan
    infinite: Tensor
    combine: Callable[[Tensor], Tensor]
    bounds: Tensor | None

    @property
    def value(self) -> Tensor:
        """The divergence, differentiable."""
        return self.combine(self.integrals)

    @cached_property
    def integrals(self) -> Tensor:
        """The averages, with shape (k, *)."""
        means = self._replicates(self.ratios.values)
        found = (means * weights_of(self._controls)).sum(1)
        impossible = (found < 0) & (means >= 0).all(1) | found.isnan()  # weights may be negative
        found = torch.where(impossible, means.mean(1), found)
        return torch.where(self.infinite, torch.inf, found)

    @property
    def reliable(self) -> float:
        """Up to which shape of its tail an average of so many points is trusted."""
        return unreliable_above(len(self.ratios.control))

    @property
    def too_few(self) -> bool:
        """Whether so few points show no tail."""
        return len(self.ratios.control) < _FEWEST

    @torch.no_grad()
    def errors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The standard error, the error and the shape of the tail, each with shape (*)."""
        values = self.ratios.values.detach().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        slopes = self._slopes()
        whole = (slopes.unsqueeze(1) * values).sum(0)
        replicates = self._replicates(values)
        means = adjusted(replicates, self._controls)
        means = torch.where(is_lumped(self._controls), replicates, means)
        count = means.shape[1]
        stderr = (slopes.unsqueeze(1) * means).sum(0).std(0) / count**0.5
        shape = pareto_shape(whole.abs())
        total = (slopes * self.integrals).abs().sum(0).nan_to_num()
        error = stderr * students_quantile(count - 1) + _ROUNDING * (total + 4 * total.sqrt())
        sides = whole.unflatten(0, (-1, self.plan.count))
        error = error + beyond_largest(sides, stderr, shape)
        error = error + self._unseen(slopes, values, stderr <= _FLAT * total)
        error = error + self._lost(slopes, whole)
        error = self._bent(slopes, means, error)
        unreliable = ~self._seen_to_the_top(values) & (shape > self.reliable) | self.too_few
        return stderr, torch.where(unreliable, torch.inf, error), shape

    def _bent(self, slopes: Tensor, means: Tensor, error: Tensor) -> Tensor:
        """The error of the divergence, which is no linear function of the averages.

        The averages move together as they do from replicate to replicate.
        """
        found = self.integrals.detach()
        if len(found) == 1 and torch.equal(self.combine(found), found[0]):
            return error
        deviations = means - means.mean(1, keepdim=True)
        along = (slopes.unsqueeze(1) * deviations).sum(0)
        size = along.square().sum(0)
        part = torch.where(size > 0, (deviations * along).sum(1) / size, 0.0)
        value, least = self.combine(found), torch.where((means >= 0).all(1), 0.0, -torch.inf)
        for sign in (-1, 1):
            moved = self.combine(torch.maximum(found + sign * (error * part), least))
            shift = (moved - value).abs().nan_to_num(nan=torch.inf, posinf=torch.inf)
            error = torch.where(value.isfinite(), torch.maximum(error, shift), error)
        return error

    def _seen_to_the_top(self, values: Tensor) -> Tensor:
        """Whether points fell where ratios are about as large as they can be."""
        largest = values.abs().amax(1)
        if self.bounds is None:
            return torch.zeros_like(largest[0], dtype=torch.bool)
        return (largest >= _TOP * self._bounds(largest)).all(0)

    def _bounds(self, like: Tensor) -> Tensor:
        return self.bounds.reshape(-1, *(1,) * (like.ndim - 1))  # type: ignore[union-attr]

    def _unseen(self, slopes: Tensor, values: Tensor, flat: Tensor) -> Tensor:
        """What may lie where no point fell: ratios that do not vary tell nothing of it.

        Nor do they where the control is off. Of one sign at every point it shows that a whole
        region was missed, and what is there may be as large as anything.
        """
        largest, strained = values.abs().amax(1), is_strained(self._controls)
        if self.bounds is not None:
            largest = torch.maximum(largest, self._bounds(largest))
        unseen = RARE / values.shape[1] * (slopes.abs() * largest).sum(0)
        if self.bounds is None:
            control = self.ratios.control
            whole = (control >= 0).all(0) | (control <= 0).all(0)
            unseen = torch.where(strained & whole, torch.inf, unseen)
        return torch.where(flat | strained, unseen, 0.0)

    def _lost(self, slopes: Tensor, whole: Tensor) -> Tensor:
        """What draws may be off by that lie where numbers end."""
        lost = self.ratios.lost
        if lost is None:
            return torch.zeros_like(whole[0])
        largest, bound = whole.abs().amax(0), None
        if self.bounds is not None:
            bound = (slopes.abs() * self._bounds(slopes)).sum(0)
        return by_lost_draws(lost, largest, bound)

    def _slopes(self) -> Tensor:
        """The derivatives of the divergence in the averages."""
        with torch.enable_grad():
            variable = self.integrals.detach().clone().requires_grad_()
            (slopes,) = torch.autograd.grad(self.combine(variable).sum(), variable)
        found: Tensor = slopes.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        return found

    @cached_property
    def _controls(self) -> Tensor:
        return self._replicates(self.ratios.control.unsqueeze(0)).squeeze(0)

    def _replicates(self, values: Tensor) -> Tensor:
        """The means of replicates, over all sides, with shape (k, R, *)."""
        shape = (-1, self.plan.replicates, self.plan.size)
        replicates: Tensor = values.unflatten(1, shape).mean((1, 3))
        return replicates


def average_of(
    problem: Problem, source: Proposals, samples: int, least: int
) -> tuple[Average, Tensor, int]:
    """The average, what is to be added to it, and how many more points that took.

    Arguments:
        problem: What is to be averaged.
        source: The sides to draw from.
        samples: The most points.
        least: The fewest replicates.
    """
    plan = Plan.of(samples // source.number, least)
    sides, offset, pilot = levelled(problem, source)
    if isinstance(problem.divergence, ScoreDivergence):
        combine = problem.divergence.combine
        ratios = score_terms_at(problem, plan)
        never = torch.zeros_like(ratios.values[:, 0], dtype=torch.bool)
        return Average(ratios, plan, never, lambda found: combine(found[0]), None), offset, 0
    ratios = ratios_at(sides, source, plan)
    if is_plain(sides, source):
        never = torch.zeros_like(ratios.values[:, 0], dtype=torch.bool)
        return Average(ratios, plan, never, lambda found: found[0], None), offset, pilot
    bounds = bounds_of(sides) if source.number == 2 else None
    return Average(ratios, plan, sides.forced(), sides.combine, bounds), offset, pilot
