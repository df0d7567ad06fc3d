r"""The integrand of a divergence of scores, :math:`p\, g(\nabla \log p, \nabla \log q)`.

The scores come from differentiating the log densities at the points, with a graph where gradients
are asked for. Points that p does not reach count for nothing; they are moved to where p is
largest before the scores are taken, for there neither a score nor its gradient can overflow.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable, NotFinite
from kldiv.estimators.problem import Problem

__all__ = ["expectand", "score_of", "score_terms"]

_ROUNDING = 4 * torch.finfo(torch.float64).eps
_VANISHED = -745.0  # the logarithm of what is 0 in float64


def score_terms(problem: Problem, log_mass_p: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The integrand and the noise of rounding in it, with shape :math:`(1, N, *)`."""
    log_p, value, noise = expectand(problem, log_mass_p, x)
    usable = value.isfinite()
    density = log_p.exp()
    term = torch.where(usable, density * torch.where(usable, value, 0.0), torch.inf)
    with torch.no_grad():
        reach = torch.where(log_p.isfinite(), 1 + log_p.abs(), 0.0)
        noise = density * torch.where(usable, noise + _ROUNDING * reach * value, 0.0)
    return term.unsqueeze(0), noise.unsqueeze(0)


def expectand(
    problem: Problem, log_mass_p: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    r"""What the expectation under p is of, each with shape :math:`(N, *)`.

    Arguments:
        problem: The problem, whose divergence compares scores.
        log_mass_p: What is subtracted from the log density of p, with shape :math:`(*)`.
        x: The points, with shape :math:`(N, *, E)`.

    Returns:
        The log density of p, ``-inf`` where p vanishes; the function of the scores, infinite
        where only q vanishes and 0 where p does; and the rounding noise of that function.
    """
    divergence = problem.divergence
    if not isinstance(divergence, ScoreDivergence):
        raise NotAvailable(f"{divergence} compares no scores")
    with torch.no_grad():
        at_p, at_q = torch.broadcast_tensors(problem.p.log_prob(x), problem.q.log_prob(x))
        present = (at_p - log_mass_p > _VANISHED) & ~at_p.isposinf() & ~at_q.isposinf()
        only_p = present & at_q.isneginf()
        used = present & ~only_p
        best = torch.where(used, at_p, -torch.inf).argmax(0, keepdim=True)
    events = (1,) * len(problem.event_shape)
    elsewhere = torch.take_along_dim(x, best.reshape(*best.shape, *events), 0).detach()
    points = torch.where(used.reshape(*used.shape, *events), x, elsewhere)
    log_p, score_p = score_of(problem.p, points)
    _, score_q = score_of(problem.q, points)
    if not used.all():
        mask = used.unsqueeze(-1)
        score_p, score_q = torch.where(mask, score_p, 0.0), torch.where(mask, score_q, 0.0)
    value = divergence.integrand(score_p, score_q)
    if value.isnan().any():
        raise NotFinite(f"{divergence} is NaN of finite scores; mend its integrand")
    noise = _noise(divergence, score_p, score_q, value)
    log_p = torch.where(present, log_p - log_mass_p, -torch.inf)
    outside = torch.where(only_p, torch.inf, 0.0)
    return log_p, torch.where(used, value, outside), torch.where(used, noise, 0.0)


def score_of(side: Target, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The log density of shape :math:`(N, *)` and its score of shape :math:`(N, *, D)`.

    Raises:
        NotAvailable: If the log density varies with x, yet torch cannot differentiate it.
    """
    wanted = torch.is_grad_enabled()
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
        if (log.detach() - log.detach()[:1]).abs().amax() > 0:
            raise NotAvailable(
                f"the log density of {side!r} cannot be differentiated in x, so it has no score; "
                "write it in torch operations"
            )
    if not wanted:
        log, score = log.detach(), score.detach()
    return log, score.reshape(*x.shape[: x.ndim - len(side.event_shape)], -1)


def _noise(
    divergence: ScoreDivergence, score_p: Tensor, score_q: Tensor, value: Tensor
) -> Tensor:
    with torch.no_grad():
        up = 1 + _ROUNDING
        moved = (
            divergence.integrand(score_p * up, score_q),
            divergence.integrand(score_p, score_q * up),
        )
        return sum(((each - value).abs() for each in moved), _ROUNDING * value.abs())
