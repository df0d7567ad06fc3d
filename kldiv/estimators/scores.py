r"""The integrand of a divergence of scores, :math:`p\, g(\nabla \log p, \nabla \log q)`.

The scores come from differentiating the log densities at the points, with a graph where gradients
are asked for. Then points that count for nothing are moved to where p is largest before the
scores are taken, since there neither a score nor its gradient can overflow.
"""

from __future__ import annotations

import copy

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable, NotFinite
from kldiv.estimators.problem import Problem

__all__ = ["Expectand", "expectand", "score_of", "score_terms", "within"]

_ROUNDING = 4 * torch.finfo(torch.float64).eps
_VANISHED = -745.0  # the logarithm of what is 0 in float64
_NEGLIGIBLE = -40.0  # the logarithm of what adds nothing to a number of order 1
_HUGE = 230.0  # the logarithm of a score that is about to overflow


@dataclass(frozen=True)
class Expectand:
    r"""What the expectation under p is of, :math:`e^s v`, each with shape :math:`(N, *)`.

    Arguments:
        log_p: The log density of p, ``-inf`` where p vanishes.
        log_scale: The exponent s, which holds what may overflow.
        value: The value v, infinite where only q vanishes, 0 where p does.
        noise: The rounding noise of the value.
    """

    log_p: Tensor
    log_scale: Tensor
    value: Tensor
    noise: Tensor


def score_terms(problem: Problem, log_mass_p: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The integrand and the noise of rounding in it, with shape :math:`(1, N, *)`."""
    found = expectand(problem, log_mass_p, x)
    usable = found.value.isfinite()
    density = (found.log_p + found.log_scale).exp()
    term = torch.where(usable, density * torch.where(usable, found.value, 0.0), torch.inf)
    with torch.no_grad():
        reach = torch.where(found.log_p.isfinite(), 1 + found.log_p.abs(), 0.0)
        noise = torch.where(usable, found.noise + _ROUNDING * reach * found.value, 0.0)
    return term.unsqueeze(0), (density * noise).nan_to_num(nan=0.0, posinf=0.0).unsqueeze(0)


def expectand(problem: Problem, log_mass_p: Tensor, x: Tensor) -> Expectand:
    r"""The function of the scores of which the divergence is the mean, at points.

    Arguments:
        problem: The problem, whose divergence compares scores.
        log_mass_p: What is subtracted from the log density of p, with shape :math:`(*)`.
        x: The points, with shape :math:`(N, *, E)`.
    """
    divergence = _checked(problem.divergence)
    with torch.no_grad():
        sides = _Sides.at(problem, x)
        log_p = sides.log_p - log_mass_p
        largest = sides.size
        size = largest if divergence.degree else torch.ones_like(log_p)
        log_scale = (divergence.degree or 0.0) * size.log()
        present = log_p.isfinite() & ~sides.log_q.isposinf()
        infinite = present & (log_p > _VANISHED) & sides.log_q.isneginf()
        overflown = present & ~infinite & ~sides.differentiable
        counts = _counts(divergence, log_p, largest, overflown, endless=sides.endless)
        infinite = infinite | (overflown & counts)
        used = present & ~infinite & ~overflown & (log_p + log_scale > _VANISHED)
    if torch.is_grad_enabled():
        sides = _Sides.at(problem, _moved(x, used, log_p, len(problem.event_shape)))
        log_p = sides.log_p - log_mass_p
    value, noise = _value_and_noise(divergence, *sides.scores_over(size, used))
    return Expectand(
        torch.where(present, log_p, -torch.inf),
        torch.where(used, log_scale, 0.0),
        torch.where(used, value, torch.where(infinite, torch.inf, 0.0)),
        torch.where(used, noise, 0.0),
    )


def within(p: Target, q: Target) -> Target:
    """The second target as far as the first reaches, where a divergence of scores is decided."""
    seen = copy.copy(q)
    seen.support = p.support
    return seen


def score_of(side: Target, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The log density of shape :math:`(N, *)` and its score of shape :math:`(N, *, D)`.

    Raises:
        NotAvailable: If the log density varies with x, yet torch cannot differentiate it.
    """
    wanted = x.requires_grad or (torch.is_grad_enabled() and side.log_prob(x[:1]).requires_grad)
    with torch.enable_grad():
        point = x if x.requires_grad else x.detach().requires_grad_()
        log = side.log_prob(point)
        score = None
        if log.requires_grad:
            (score,) = torch.autograd.grad(
                log.sum(), point, create_graph=wanted, allow_unused=True
            )
    if score is None:
        score = torch.zeros_like(x)
        if _varies(log.detach()):
            raise NotAvailable(
                f"the log density of {side!r} cannot be differentiated in x, so it has no score; "
                "write it in torch operations"
            )
    score = score.reshape(*x.shape[: x.ndim - len(side.event_shape)], -1)
    return (log, score) if wanted else (log.detach(), score.detach())


@dataclass(frozen=True)
class _Sides:
    """The log densities and the scores of both sides."""

    log_p: Tensor
    log_q: Tensor
    score_p: Tensor
    score_q: Tensor

    @classmethod
    def at(cls, problem: Problem, x: Tensor) -> _Sides:
        log_p, score_p = score_of(problem.p, x)
        log_q, score_q = score_of(problem.q, x)
        log_p, log_q = torch.broadcast_tensors(log_p, log_q)
        return cls(log_p, log_q, score_p, score_q)

    @property
    def differentiable(self) -> Tensor:
        """Whether both scores are finite."""
        return (self.score_p.isfinite() & self.score_q.isfinite()).all(-1)

    @property
    def endless(self) -> Tensor:
        """Whether a score is infinite, and none NaN."""
        scores = self.score_p.abs() + self.score_q.abs()
        return scores.isinf().any(-1) & ~scores.isnan().any(-1)

    @property
    def size(self) -> Tensor:
        """The largest component of both scores, 1 where there is none."""
        largest = torch.maximum(self.score_p.abs(), self.score_q.abs()).amax(-1)
        return torch.where(largest.isfinite() & (largest > 0), largest, 1.0)

    def scores_over(self, size: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        """Both scores over a size, 0 at points that are not used."""
        mask, unit = used.unsqueeze(-1), torch.where(used, size, 1.0).unsqueeze(-1)
        return tuple(torch.where(mask, each, 0.0) / unit for each in (self.score_p, self.score_q))  # type: ignore[return-value]


def _counts(
    divergence: ScoreDivergence, log_p: Tensor, size: Tensor, overflown: Tensor, *, endless: Tensor
) -> Tensor:
    """Whether points at which a score has overflown are infinite terms or count for nothing.

    A score s of a power is one over the distance to its pole, about which p has mass p / s. Where
    no score nearby is finite it is at least as large as any.
    """
    if not overflown.any():
        return overflown
    largest = torch.where(overflown, 1.0, size).log().amax(0)
    largest = torch.where((overflown & endless).all(0), _HUGE, largest)
    if (overflown.any(0) & (largest < _HUGE)).any():
        raise NotFinite(
            f"{divergence} needs scores, and one is NaN or infinite where p has mass, though not "
            "large nearby; write that log density so that torch can differentiate it everywhere"
        )
    return log_p + ((divergence.degree or 1.0) - 1) * largest > _NEGLIGIBLE


def _moved(x: Tensor, used: Tensor, log_p: Tensor, events: int) -> Tensor:
    """The points, those that are not used moved to where p is largest among the others."""
    best = torch.where(used, log_p, -torch.inf).argmax(0, keepdim=True)
    ones = (1,) * events
    top = torch.take_along_dim(x.detach(), best.reshape(*best.shape, *ones), 0)
    return torch.where(used.reshape(*used.shape, *ones), x, top)


def _value_and_noise(
    divergence: ScoreDivergence, score_p: Tensor, score_q: Tensor
) -> tuple[Tensor, Tensor]:
    """The function of the scores and what rounding them does to it."""
    value = divergence.integrand(score_p, score_q)
    if value.isnan().any():
        raise NotFinite(f"{divergence} is NaN of finite scores; mend its integrand")
    with torch.no_grad():
        up = 1 + _ROUNDING
        noise = _ROUNDING * value.abs()
        for moved in ((score_p * up, score_q), (score_p, score_q * up)):
            noise = noise + (divergence.integrand(*moved) - value).abs()
    return value, noise


def _varies(log: Tensor) -> bool:
    """Whether a log density differs between points at which it is not 0."""
    low = torch.where(log.isneginf(), torch.inf, log).amin(0)
    return bool((log.amax(0) > low).any())


def _checked(divergence: object) -> ScoreDivergence:
    if not isinstance(divergence, ScoreDivergence):
        raise NotAvailable(f"{divergence} compares no scores")
    return divergence
