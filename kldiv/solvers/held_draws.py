r"""Draws that stand still while a fit moves: a sampled objective without noise.

Points of q move with it, :math:`x_i = T_\theta(u_i)`, and points of p stay where they are. The
divergence is averaged over the first side, or, where that may miss much of the second, over both:
with m the density drawn from and g the integrand,

.. math:: L(\theta) = \sum_i w_i\, \frac{g(p, q)}{m}(x_i), \qquad \sum_i w_i = 1,

is a smooth function with exact derivatives, those of the path included.

References:
    Black Box Variational Inference with a Deterministic Objective: Faster, More Accurate, and
    Even More Black Box (Giordano, Ingram and Broderick, 2024), section 3, arXiv:2304.05527.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from kldiv.definitions.divergence import Divergence, FDivergence, IntegralDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.draws import Plan, draw
from kldiv.estimators.sampling.moving import points_of, pushed, why_none_move
from kldiv.numerics import log_mean

__all__ = ["HeldDraws", "held_draws", "is_seen_by_the_first", "serves", "why_not_held"]


@dataclass(frozen=True)
class HeldDraws:
    r"""Draws of one side or of both.

    Arguments:
        cube: Points of the unit cube, with shape :math:`(N, m)`, which the member turns into its
            own; ``None`` where none of its are wanted.
        points: Points of the target, with shape :math:`(N, *, E)`, or ``None``.
        forward: Whether the target is the first side.
    """

    cube: Tensor | None
    points: Tensor | None
    forward: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(each) for each in (self.cube, self.points) if each is not None)

    def value(self, problem: Problem) -> Tensor:
        """The divergence, averaged over them, differentiable."""
        member = (problem.q if self.forward else problem.p).distribution
        totals = []
        if self.cube is not None:
            x, weights = pushed(member, self.cube)
            own = _own_logs(member, self.cube)
            totals.append((self._terms(problem, x, own) * weights).sum(1))
        if self.points is not None:
            x, weights = _spread(self.points, problem)
            totals.append((self._terms(problem, x) * weights).sum(1))
        integrals = torch.stack(torch.broadcast_tensors(*totals)).mean(0)
        divergence = problem.divergence
        value: Tensor = divergence.combine(*integrals)  # type: ignore[attr-defined]
        return value

    def _terms(self, problem: Problem, x: Tensor, own: Tensor | None = None) -> Tensor:
        """The integrands over the density drawn from, with shape (k, N, *).

        The member's log densities are given where they are known without the points.
        """
        if own is None:
            log_p, log_q = problem.p.log_prob(x), problem.q.log_prob(x)
        else:
            log_p, log_q = own, (problem.p if self.forward else problem.q).log_prob(x)
            log_p, log_q = (log_q, log_p) if self.forward else (log_p, log_q)
        both = self.cube is not None and self.points is not None
        log_m = log_mean(log_p, log_q, 0.5) if both else log_p
        divergence = problem.divergence
        if not isinstance(divergence, FDivergence):
            zero = torch.zeros((), dtype=torch.float64, device=log_p.device)
            sides = Densities(problem, zero, zero, zero, measures=False)
            return sides.stack(log_p, log_q) / log_m.exp()
        if both:
            return torch.stack(divergence.integrands(log_p - log_m, log_q - log_m))
        apart = log_q.isneginf()
        ratio = torch.where(apart, 0.0, log_q - log_p)
        values = divergence.plain_integrand(torch.zeros_like(ratio), ratio)
        return torch.where(apart, torch.inf, values).unsqueeze(0)


def held_draws(
    target: Target,
    member: Distribution,
    divergence: Divergence,
    count: int,
    seed: int,
    *,
    forward: bool,
) -> HeldDraws:
    """Draws that move with the member, and draws from the target, as the divergence asks."""
    first_only = is_seen_by_the_first(divergence)
    cube = points = None
    if not (first_only and forward):
        cube = points_of(member, count, seed).to(target.device)
    own = serves(target, divergence, forward=forward)
    if own and (forward or not first_only):
        alone = Problem(divergence, target, target, seed)
        points = draw(target, alone, Plan(1, count), seed + 1)
    return HeldDraws(cube, points, forward)


def is_seen_by_the_first(divergence: Divergence) -> bool:
    """Whether points of p alone are enough: nothing is lost where p has none, :math:`f(0) = 0`."""
    if not isinstance(divergence, FDivergence):
        return False
    zero, one = torch.zeros(2, dtype=torch.float64)[0], torch.ones((), dtype=torch.float64)
    slope = divergence.combine_measures(zero, mass_p=one, mass_q=zero)
    (at_zero,) = divergence.integrands(zero - torch.inf, zero)
    return bool((at_zero - slope).abs() < 1e-9)


def serves(target: Target, divergence: Divergence, *, forward: bool) -> bool:
    """Whether points of a target can be averaged over: its mass is known, or adds a constant.

    Points of its own come from it divided by its mass, so that only the ratio of the two masses
    is left of an unknown one.
    """
    if target.normalized or not target.normalize:
        return target.normalized and target.has_sampler
    if not (forward and isinstance(divergence, FDivergence) and target.has_sampler):
        return False
    return divergence.log_mass_slopes[1] is not None and is_seen_by_the_first(divergence)


def why_not_held(
    target: Target, member: Distribution, divergence: Divergence, *, forward: bool
) -> str | None:
    """Why draws cannot be held fixed, in one sentence; ``None`` where they can."""
    if not isinstance(divergence, IntegralDivergence):
        return f"{divergence} is no integral of the two densities alone"
    immobile = why_none_move(member)
    if not forward:
        return immobile
    if not target.has_sampler:
        return f"{target!r} has no sampler"
    if not serves(target, divergence, forward=forward):
        return f"the mass of {target!r} is not known"
    return None if is_seen_by_the_first(divergence) else immobile


def _own_logs(member: Distribution | None, cube: Tensor) -> Tensor | None:
    """The log densities of a normal vector at its draws: to go back to them loses the digits."""
    if not isinstance(member, MultivariateNormal):
        return None
    z = torch.special.ndtri(cube)
    exponent = (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi)) / 2
    log_root = member.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    logs: Tensor = -exponent.reshape(-1, *(1,) * log_root.ndim) - log_root
    return logs


def _spread(points: Tensor, problem: Problem) -> tuple[Tensor, Tensor]:
    """Points that all members share, and their weights ()."""
    more = 1 + len(problem.batch_shape) + len(problem.event_shape) - points.ndim
    share = torch.full((), 1 / len(points), dtype=torch.float64, device=points.device)
    return points.reshape(len(points), *(1,) * more, *points.shape[1:]), share
