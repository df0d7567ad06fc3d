r"""Rules whose nodes serve all starts of a fit.

Where the target p is 0, the integrand of most divergences is a multiple of the member's density q,
:math:`g(0, q) = c\,q`. Then

.. math:: \int g(p, q)\,dx = c + \int \bigl(g(p, q) - c\,q\bigr)\,dx,

and the last integrand is 0 where p is: its nodes are laid under p, once, wherever q moves.
Likewise nodes under the members alone will do where the integrand is a multiple of p wherever q is
0. Else they are laid under both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.estimators import Problem
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.solvers.node_levels import finest_scale
from kldiv.solvers.rules import GAP, MASS, Rule, Summed

__all__ = ["NARROW", "Ground", "SharedRule", "ground_for"]

NARROW = 0.4
"""Steps: a normal so narrow may be missed."""

_BESIDE = 20.0  # times what is at the rim may lie beyond it
_DOMINATED = 0.05, 0.25  # worse than the best, and relative to it: it need not be well known;
_UNSEEN, _ROUGHER = 1e3, 10.0  # so many times as much may not be seen, or be seen roughly
_HIDDEN = 1e4  # of a narrow member, too rough except for a start that is dominated
_SLIGHT = 1e-12


@dataclass(frozen=True)
class Ground:
    """What nodes are laid under.

    Arguments:
        target: Whether under the target.
        members: Whether under the members.
        multiples: Of the density of the other side, where there is one, what each integrand is
            where there are no nodes.
    """

    target: bool
    members: bool
    multiples: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SharedRule(Rule):
    r"""A rule for many members.

    Arguments:
        ground: What its nodes are laid under.
        rim: 1 at the nodes beside those left out, 0 elsewhere, with shape :math:`(N, *)`.
        step: How far apart neighbours are at most.
        unit: What counts as 1 of the divergence.
    """

    ground: Ground
    rim: Tensor
    step: Tensor
    unit: float = 1.0
    shared: ClassVar[bool] = True
    by_rows: ClassVar[bool] = True
    blur: ClassVar[float] = 0.0
    """What it may be wrong by where it is as rough as it may be, beyond what else it may be."""

    def judged(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, and how many times too rough the rule is for it, of shape :math:`(*)`.

        A member may have a part so narrow that no node meets it.
        """
        loss, unseen, gaps = super().judged(divergence, member, forward=forward)
        hidden = _HIDDEN * (finest_scale(landmarks(member)) < NARROW * self.step)
        return loss, torch.maximum(unseen, hidden), gaps

    def serves(
        self, divergence: Summed, member: Target, best: float, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, how many times too rough the rule is, and which are worth finer nodes.

        Of members that are far worse than others it need not be known as well. All have shape
        :math:`(*)`.

        Arguments:
            divergence: The divergence.
            member: The members.
            best: The least divergence that is known of other members.
            forward: Whether the target is the first side.
        """
        loss, unseen, gaps = self.judged(divergence, member, forward=forward)
        with torch.no_grad():
            least = torch.where(loss.isnan(), torch.inf, loss).amin().clamp_max(best)
            dominated = loss > least + _DOMINATED[0] * self.unit + _DOMINATED[1] * least.abs()
            share = 1 + dominated * (_UNSEEN - 1), 1 + dominated * (_ROUGHER - 1)
            doubts = torch.maximum(unseen / share[0], gaps / share[1]).nan_to_num(nan=torch.inf)
        return loss, doubts, ~dominated

    def roughness_for(self, problem: Problem, best: float, *, fine: bool, forward: bool) -> float:
        """How many times too rough it is for members, and to see the target.

        Arguments:
            problem: The divergence between the target and members.
            best: The least divergence that is known of other members.
            fine: Whether the members are where they are to stay: some are not worth it.
            forward: Whether the target is the first side.
        """
        divergence, member = problem.divergence, problem.q if forward else problem.p
        if not isinstance(divergence, Summed):
            return torch.inf
        _, doubts, count = self.serves(divergence, member, best, forward=forward)
        doubts = torch.where(count, doubts, 0.0) if fine else doubts
        return float(torch.maximum(doubts.max(), self.unseen()))

    def unseen(self) -> Tensor:
        """What is missing of the target's mass, where nodes lie under it."""
        return super().unseen() if self.ground.target else torch.zeros_like(self.step)

    def _widened(self, extra: int) -> Self:
        wide = super()._widened(extra)
        return replace(wide, rim=self.rim.reshape(wide.weights.shape))

    def _values(
        self,
        divergence: Any,  # noqa: ANN401 (one of integrands; a rule of its own has scores)
        member: Target,
        *,
        forward: bool,
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        values, log_q = super()._values(divergence, member, forward=forward)
        other = (log_q if self.ground.target else self.log_p).exp()
        pairs = zip(values, self.ground.multiples, strict=True)
        return tuple(value - c * other if c else value for value, c in pairs), log_q

    def _integrals(self, values: tuple[Tensor, ...]) -> list[Tensor]:
        mass = 1.0 if self.ground.target or self.mass is None else self.mass
        pairs = zip(super()._integrals(values), self.ground.multiples, strict=True)
        return [integral + c * mass for integral, c in pairs]

    def _doubts(
        self,
        values: tuple[Tensor, ...],
        integrals: list[Tensor],
        log_q: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """What may lie beyond the rim, and the gap to the coarser rule, as shares."""
        beyond = gaps = torch.zeros_like(integrals[0])
        if self.ground.members:
            beyond = ((log_q.exp() * self.weights).sum(0) - 1).abs() / MASS
        for value, integral in zip(values, integrals, strict=True):
            size = self.unit + integral.abs()
            rim = _BESIDE * (value * self.weights * self.rim).abs().sum(0)
            gap = (value * self._doubt).sum(0).abs()
            beyond = torch.maximum(beyond, rim / (MASS * size))
            gaps = torch.maximum(gaps, gap / (GAP[2] * size))
        return beyond, gaps


def ground_for(divergence: Summed, *, forward: bool) -> Ground:
    """What nodes are to lie under, as little as will do.

    Arguments:
        divergence: The divergence.
        forward: Whether the target is the first side.
    """
    if isinstance(divergence, ScoreDivergence):
        return Ground(target=forward, members=not forward, multiples=(0.0,))
    found = _multiples(divergence, first_vanishes=forward)
    if found is not None:
        return Ground(target=True, members=False, multiples=found)
    found = _multiples(divergence, first_vanishes=not forward)
    if found is not None:
        return Ground(target=False, members=True, multiples=found)
    nothing = torch.full((1,), -torch.inf, dtype=torch.float64)
    count = len(divergence.integrands(nothing, nothing))
    return Ground(target=True, members=True, multiples=(0.0,) * count)


@torch.no_grad()
def _multiples(
    divergence: IntegralDivergence, *, first_vanishes: bool
) -> tuple[float, ...] | None:
    """Of the density of one side, what each integrand is where the other is 0; if it is one."""
    logs = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    nothing = torch.full_like(logs, -torch.inf)
    values = divergence.integrands(*((nothing, logs) if first_vanishes else (logs, nothing)))
    if any(each.shape != logs.shape or not bool(each.isfinite().all()) for each in values):
        return None
    apart = [each - each[0] * logs.exp() for each in values]
    if any(bool((each.abs() > _SLIGHT).any()) for each in apart):
        return None
    return tuple(float(each[0]) for each in values)
