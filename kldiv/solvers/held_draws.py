r"""Draws that stand still while a fit moves: a sampled objective without noise.

The divergence :math:`D(q \parallel p)` is averaged over points :math:`x_i = T_\theta(u_i)` that
move with q, and :math:`D(p \parallel q)` over points of p. With :math:`r_i` the integrand over the
density of the first side,

.. math:: L(\theta) = \sum_i w_i\, r_i(\theta), \qquad \sum_i w_i = 1,

is a smooth function with exact derivatives, those of the path included. Every component of a
mixture has draws of its own, weighted by its share, so that the shares have a derivative too.

In normal coordinates the draws come in pairs :math:`\pm z`, and have the mean 0 and the covariance
1 exactly: averages of quadratic functions under a normal distribution have no error at all.

References:
    Black Box Variational Inference with a Deterministic Objective: Faster, More Accurate, and
    Even More Black Box (Giordano, Ingram and Broderick, 2024), section 3, arXiv:2304.05527.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily

from kldiv.definitions.divergence import FDivergence
from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.draws import Plan, draw
from kldiv.estimators.sampling.quasi_random import CubeMap, cube_map, sobol

__all__ = ["Held", "MovingDraws", "StandingDraws", "moving", "standing", "why_none_move"]

_EACH = 4  # draws for each dimension, at least: fewer have no covariance of full rank


class Held(Protocol):
    """Draws from the first side of a problem."""

    @property
    def count(self) -> int:
        """How many there are."""

    def value(self, problem: Problem) -> Tensor:
        """The divergence, averaged over them, differentiable."""


@dataclass(frozen=True)
class MovingDraws:
    """Points that move with the first side.

    Arguments:
        cube: Points of the unit cube, with shape :math:`(N, m)`.
    """

    cube: Tensor

    @property
    def count(self) -> int:
        """How many there are."""
        return self.cube.shape[0]

    def value(self, problem: Problem) -> Tensor:
        """The average over what the cube becomes."""
        x, weights = _pushed(problem.p.distribution, self.cube)
        log_first, log_second = problem.p.log_prob(x), problem.q.log_prob(x)
        return _average(problem, log_first, log_second, weights)


@dataclass(frozen=True)
class StandingDraws:
    r"""Points of a first side that does not move.

    Arguments:
        points: With shape :math:`(N, *, E)`.
        log_density: That of the first side, with shape :math:`(N, *)`.
    """

    points: Tensor
    log_density: Tensor

    @property
    def count(self) -> int:
        """How many there are."""
        return self.points.shape[0]

    def value(self, problem: Problem) -> Tensor:
        """The average over the points."""
        log_second = problem.q.log_prob(self.points)
        weights = torch.full((), 1 / self.count, dtype=torch.float64, device=log_second.device)
        return _average(problem, self.log_density, log_second, weights)


def moving(member: Distribution, count: int, seed: int) -> MovingDraws:
    """About so many draws that any member of a family shares."""
    return MovingDraws(_whitened(count, _map_of(member).dimensions, seed))


def standing(problem: Problem, count: int) -> StandingDraws:
    """So many points of the first side."""
    x = draw(problem.p, problem, Plan(1, count), problem.seed)
    return StandingDraws(x, problem.p.log_prob(x).detach())


def why_none_move(member: Distribution) -> str | None:
    """Why there are no draws that move with a member, ``None`` where there are."""
    parts = member.component_distribution if isinstance(member, MixtureSameFamily) else member
    if cube_map(parts) is None:
        return f"{type(parts).__name__} is not known as a smooth map of the unit cube"
    return None


def _map_of(member: Distribution | None) -> CubeMap:
    parts = member.component_distribution if isinstance(member, MixtureSameFamily) else member
    found = cube_map(parts)
    if found is None:
        raise TypeError(f"{member!r} is no smooth map of the unit cube")
    return found


def _pushed(member: Distribution | None, cube: Tensor) -> tuple[Tensor, Tensor]:
    """The points (N, *, E) of a member, and their weights (N, *) or ()."""
    found, batch = _map_of(member), getattr(member, "batch_shape", torch.Size())
    share = torch.full((), 1 / len(cube), dtype=torch.float64, device=cube.device)
    ones = (1,) * len(batch)
    if not isinstance(member, MixtureSameFamily):
        return found.transport(cube.reshape(len(cube), *ones, -1)), share
    points = found.transport(cube.reshape(len(cube), *ones, 1, cube.shape[-1]))
    points = points.movedim(1 + len(batch), 0).flatten(0, 1)
    weights = member.mixture_distribution.probs.movedim(-1, 0) * share
    return points, weights.repeat_interleave(len(cube), 0)


def _average(problem: Problem, log_first: Tensor, log_second: Tensor, weights: Tensor) -> Tensor:
    divergence = problem.divergence
    if isinstance(divergence, FDivergence):
        apart = log_second.isneginf()
        ratio = torch.where(apart, 0.0, log_second - log_first)
        values = divergence.plain_integrand(torch.zeros_like(ratio), ratio)
        values = torch.where(apart, torch.inf, values).unsqueeze(0)
    else:
        zero = torch.zeros((), dtype=torch.float64, device=log_first.device)
        sides = Densities(problem, zero, zero, zero, measures=False)
        values = sides.stack(log_first, log_second) / log_first.exp()
    means = (values * weights).sum(1)
    return divergence.combine(*means)  # type: ignore[attr-defined,no-any-return]


def _whitened(count: int, dimensions: int, seed: int) -> Tensor:
    """Points of the cube, in pairs, whose normal coordinates have mean 0 and covariance 1."""
    half = 1 << (max(count, _EACH * dimensions) // 2 - 1).bit_length()
    z = torch.special.ndtri(sobol(half, (1, dimensions), seed)[0])
    root = torch.linalg.cholesky(z.mT @ z / half)
    z = torch.linalg.solve_triangular(root, z.mT, upper=False).mT
    return torch.special.ndtr(torch.cat([z, -z]))
