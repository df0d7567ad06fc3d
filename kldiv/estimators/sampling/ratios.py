r"""From points to what is averaged: integrands over the density that the points were drawn from.

Ratios of densities are taken in logarithms, so that densities below all numbers, as those in many
dimensions are, do no harm.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import FDivergence
from kldiv.estimators.integrands import Densities, past_poles
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.draws import Plan, draws
from kldiv.estimators.sampling.missed import at_ends
from kldiv.estimators.sampling.proposals import Proposals
from kldiv.estimators.scores import expectand
from kldiv.estimators.terms import is_homogeneous
from kldiv.numerics import log_mean, product

__all__ = ["Ratios", "bounds_of", "is_plain", "levelled", "over", "ratios_at", "score_terms_at"]

_PILOT = Plan(1, 64)  # draws that tell by what an unknown mass is off
_ELSEWHERE = 1 << 31  # their seeds are far from all others in the 32 bits that count


@dataclass(frozen=True)
class Ratios:
    r"""What is averaged, at each point.

    Arguments:
        values: The integrands over the density drawn from, with shape :math:`(k, N, *)`.
        control: A quantity of expectation 0, with shape :math:`(N, *)`.
        lost: The share of points that lie where numbers end, with shape :math:`(*)`; ``None``
            where none can.
    """

    values: Tensor
    control: Tensor
    lost: Tensor | None = None


def ratios_at(sides: Densities, source: Proposals, plan: Plan) -> Ratios:
    """The ratios at points from all sides that are drawn from, one side after the other."""
    problem = sides.problem
    log_p, log_q, lost = _logs(sides, source, plan, problem.seed)
    with torch.no_grad():
        log_m = _log_proposal(log_p, log_q, source)
        control = _control(problem, log_p, log_q, source)
    return Ratios(over(sides, log_p, log_q, log_m, source), control, lost)


def score_terms_at(problem: Problem, plan: Plan) -> Ratios:
    """What the expectation under p of a divergence of scores is of, at points from p."""
    values = torch.cat(
        [_score_terms(problem, x) for x in draws(problem.p, problem, plan, problem.seed)]
    )
    return Ratios(values.unsqueeze(0), torch.zeros_like(values.detach()))


def _score_terms(problem: Problem, x: Tensor) -> Tensor:
    found = expectand(problem, torch.zeros((), dtype=torch.float64, device=x.device), x)
    shift = found.log_scale + (found.log_p - found.log_p.detach())
    return product(found.value, shift.exp())


def levelled(problem: Problem, source: Proposals) -> tuple[Densities, Tensor, int]:
    """Both sides, that of unknown mass about as large as the other; what this adds; its cost.

    The value does not depend on the level, but digits and the noise of gradients do.
    """
    zero = torch.zeros((), dtype=torch.float64, device=problem.p.device)
    whole = problem.p.normalize and problem.q.normalize
    sides = Densities(problem, zero, zero, zero, measures=not whole or source.slope is not None)
    if source.slope is None:
        return sides, zero, 0
    with torch.no_grad():
        log_p, log_q, _ = _logs(sides, source, _PILOT, (problem.seed + _ELSEWHERE) % (1 << 63))
        gap = log_q - log_p if source.from_p else log_p - log_q
        level = torch.where(gap.isfinite(), gap, torch.nan).nanmedian(0).values.nan_to_num()
    masses = (zero, level) if source.from_p else (level, zero)
    sides = Densities(problem, *masses, zero, measures=True)
    return sides, source.slope * level, _PILOT.count


def _logs(
    sides: Densities, source: Proposals, plan: Plan, seed: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Both log densities, at points from one side after the other, and which share is lost.

    Points are met in blocks. What is kept of them is allotted first: scattered among blocks it
    would leave holes in memory that are a little too small for the next.
    """
    problem, done, lost = sides.problem, 0, None
    shape = 2, source.number * plan.count, *problem.batch_shape
    found = torch.empty(shape, dtype=torch.float64, device=problem.p.device)
    for side, used, own in (
        (problem.p, source.from_p, seed),
        (problem.q, source.from_q, seed + 1),
    ):
        for x in draws(side, problem, plan, own) if used else ():
            found[:, done : done + len(x)] = torch.stack(_logs_at(sides, x))
            done += len(x)
            at_end = at_ends(side, x)
            if at_end is not None:
                lost = at_end.sum(0) / found.shape[1] + (0.0 if lost is None else lost)
    log_p, log_q = found
    return log_p, log_q, lost


def _logs_at(sides: Densities, x: Tensor) -> tuple[Tensor, Tensor]:
    log_p = sides.problem.p.log_prob(x) - sides.log_mass_p
    log_q = sides.problem.q.log_prob(x) - sides.log_mass_q
    return past_poles(log_p, log_q)


def _log_proposal(log_p: Tensor, log_q: Tensor, source: Proposals) -> Tensor:
    """The logarithm of the density drawn from."""
    if source.number == 1:
        return (log_p if source.from_p else log_q).detach()
    floor = torch.finfo(log_p.dtype).min / 4
    return log_mean(log_p.clamp_min(floor), log_q.clamp_min(floor), 0.5).detach()


def over(
    sides: Densities, log_p: Tensor, log_q: Tensor, log_m: Tensor, source: Proposals
) -> Tensor:
    """The integrands over the density drawn from, with shape (k, N, *)."""
    divergence = sides.problem.divergence
    if not is_homogeneous(sides):
        values = sides.stack(log_p, log_q)
        return torch.where(values == 0, 0.0 * values, values / log_m.exp())
    drawn = log_m > torch.finfo(log_m.dtype).min / 8
    level = torch.where(drawn, log_m, 0.0)
    log_p, log_q = (torch.where(drawn, log - level, -torch.inf) for log in (log_p, log_q))
    if isinstance(divergence, FDivergence) and is_plain(sides, source):
        vanishes = log_q.isneginf() | log_p.isneginf()
        safe = (torch.where(vanishes, 0.0, log) for log in (log_p, log_q))
        apart = torch.where(drawn & vanishes, torch.inf, 0.0)
        return torch.where(vanishes, apart, divergence.plain_integrand(*safe)).unsqueeze(0)
    return sides.stack(log_p, log_q)


def is_plain(sides: Densities, source: Proposals) -> bool:
    """Whether the definition itself is averaged over p, as no mass is known."""
    known = isinstance(sides.problem.divergence, FDivergence)
    return known and source.from_p and source.slope is not None


def bounds_of(sides: Densities) -> Tensor | None:
    """The largest that integrands can be over the mixture of both sides, with shape (k).

    Convex homogeneous functions of two densities are largest where one of them vanishes, means
    of the densities where these are equal. ``None`` where there is no bound.
    """
    if not is_homogeneous(sides):
        return None
    alone = torch.full((), math.log(2), dtype=torch.float64, device=sides.problem.p.device)
    gone = torch.full_like(alone, -torch.inf)
    level = torch.zeros_like(alone)
    pairs = ((alone, gone), (gone, alone), (level, level))
    ends = torch.stack([sides.stack(*pair) for pair in pairs]).abs()
    largest = ends.amax(0).reshape(ends.shape[1], -1).amax(-1)
    return largest if bool(largest.isfinite().all()) else None


def _control(problem: Problem, log_p: Tensor, log_q: Tensor, source: Proposals) -> Tensor:
    """What p or q has more than the density drawn from: 0 in expectation where masses are 1."""
    none = torch.zeros_like(log_p)
    if not (problem.p.normalized and problem.q.normalized):
        return none
    if source.number == 2:
        return ((log_p - log_q) / 2).tanh().nan_to_num()
    beyond_q, beyond_p = problem.uncovered()
    gap, missed = (log_q - log_p, beyond_p) if source.from_p else (log_p - log_q, beyond_q)
    excess = gap.expm1()
    usable = excess.isfinite().all(0) & ~missed
    return torch.where(usable, excess, none)
