r"""Rules whose nodes lie under the target alone, and so serve all starts of a fit.

Where the target p is 0, the integrand of most divergences is a multiple of the member's density q,
:math:`g(0, q) = c\,q`. Then

.. math:: \int g(p, q)\,dx = c + \int \bigl(g(p, q) - c\,q\bigr)\,dx,

and the last integrand is 0 where p is: its nodes are laid under p, once, wherever q moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.target import Target
from kldiv.estimators import Problem
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.solvers.node_levels import finest_scale
from kldiv.solvers.rules import GAP, MASS, Rule, Summed

__all__ = ["SharedRule", "multiples"]

_BESIDE = 20.0  # times what is at the rim may lie beyond it
_DOMINATED = 0.05, 0.25  # worse than the best, and relative to it: it need not be well known;
_UNSEEN, _ROUGHER = 1e3, 10.0  # so many times as much may not be seen, or be seen roughly
_NARROW = 0.4  # steps: a normal so narrow may be missed,
_HIDDEN = 1e4  # which is too rough except for a start that is dominated
_SLIGHT = 1e-12


@dataclass(frozen=True, kw_only=True)
class SharedRule(Rule):
    r"""A rule for members whose mass it need not see.

    Arguments:
        multiples: The c of each integrand.
        rim: 1 at the nodes beside those left out, 0 elsewhere, with shape :math:`(N, *)`.
        step: How far apart neighbours are at most.
    """

    multiples: tuple[float, ...]
    rim: Tensor
    step: Tensor
    shared: ClassVar[bool] = True
    by_rows: ClassVar[bool] = True

    def judged(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, and how many times too rough the rule is for it, of shape :math:`(*)`.

        A member may have a part so narrow that no node meets it.
        """
        loss, unseen, gaps = super().judged(divergence, member, forward=forward)
        hidden = _HIDDEN * (finest_scale(landmarks(member)) < _NARROW * self.step)
        return loss, torch.maximum(unseen, hidden), gaps

    def serves(
        self, divergence: IntegralDivergence, member: Target, best: float, *, forward: bool
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
            dominated = loss > least + _DOMINATED[0] + _DOMINATED[1] * least.abs()
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
        if not isinstance(divergence, IntegralDivergence):
            return torch.inf
        _, doubts, count = self.serves(divergence, member, best, forward=forward)
        doubts = torch.where(count, doubts, 0.0) if fine else doubts
        return float(torch.maximum(doubts.max(), self.unseen()))

    def _widened(self, extra: int) -> Self:
        wide = super()._widened(extra)
        return replace(wide, rim=self.rim.reshape(wide.weights.shape))

    def _values(
        self, divergence: IntegralDivergence, member: Target, *, forward: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        values, log_q = super()._values(divergence, member, forward=forward)
        q = log_q.exp()
        pairs = zip(values, self.multiples, strict=True)
        return tuple(value - c * q if c else value for value, c in pairs), log_q

    def _integrals(self, values: tuple[Tensor, ...]) -> list[Tensor]:
        pairs = zip(super()._integrals(values), self.multiples, strict=True)
        return [integral + c for integral, c in pairs]

    def _doubts(
        self,
        values: tuple[Tensor, ...],
        integrals: list[Tensor],
        log_q: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """What may lie beyond the rim, and the gap to the coarser rule, as shares."""
        beyond = gaps = torch.zeros_like(integrals[0])
        for value, integral in zip(values, integrals, strict=True):
            size = 1 + integral.abs()
            rim = _BESIDE * (value * self.weights * self.rim).abs().sum(0)
            gap = (value * self._doubt).sum(0).abs()
            beyond = torch.maximum(beyond, rim / (MASS * size))
            gaps = torch.maximum(gaps, gap / (GAP[2] * size))
        return beyond, gaps


@torch.no_grad()
def multiples(divergence: IntegralDivergence, *, forward: bool) -> tuple[float, ...] | None:
    """The c of each integrand; ``None`` where one is no multiple of the member's density.

    Arguments:
        divergence: The divergence.
        forward: Whether the target is the first side.
    """
    logs = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    nothing = torch.full_like(logs, -torch.inf)
    values = divergence.integrands(*((nothing, logs) if forward else (logs, nothing)))
    if any(each.shape != logs.shape or not bool(each.isfinite().all()) for each in values):
        return None
    apart = [each - each[0] * logs.exp() for each in values]
    if any(bool((each.abs() > _SLIGHT).any()) for each in apart):
        return None
    return tuple(float(each[0]) for each in values)
