r"""Whether a target is normal given one of its coordinates, told by its gradients alone.

At a fixed :math:`x_k` the log density f of such a target is a quadratic function of the other
coordinates, and their gradient g an affine one: for points u, v, w with this :math:`x_k`

.. math:: g(u) + g(v) = g(w) + g(u + v - w), \qquad
    f(u) - f(w) = \tfrac12 \bigl(g(u) + g(w)\bigr) \cdot (u - w).

The first is what makes a function affine; a jump, which has no gradient, shows in the second. In
units of a member the mean squares of what is missing bound the nats that a fit would miss. What
may be such a coordinate is seen at pairs of points :math:`\mu \pm c\, e_i`: in all directions but
the k-th the gradients of a pair have the same sum.

Along the coordinate functions may be anything, and are integrated by few nodes; equal steps that
are much shorter tell on two lines whether these have missed something narrow.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from torch import Tensor

from kldiv.solvers.conditional_nodes import gauss_hermite, reflection
from kldiv.solvers.objective import Objective
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["candidates", "is_normal_given", "is_resolved"]

_SIZES = range(3, 65)  # dimensions, of which sigma points are in pairs
_BENT = 1e-6  # of the largest gradient: far more than rounding bends a line
_WIDER = 2.0  # times as far from the mean as they were drawn is every second quadruple
_UNLIKE = 1e-11  # nats for each coordinate: what rounding may look like
_SHORT, _REACH = 0.1, 12.0  # the equal steps, and how far they go
_MISSED = 1e-5  # of 1 + |mean|: what they may find more


def candidates(root: Tensor, slopes: Tensor) -> list[int]:
    r"""Coordinates given which a target may be normal; none where it may be so without.

    Arguments:
        root: The factors L of members, with shape :math:`(*, D, D)`. Those with correlations are
            left aside.
        slopes: The gradients at their sigma points, with shape :math:`(2D, *, D)`.
    """
    size = root.shape[-1]
    if size not in _SIZES or not bool(slopes.isfinite().all()):
        return []
    scales = root.diagonal(dim1=-2, dim2=-1)
    apart = (torch.diag_embed(scales) == root).all(-1).all(-1)
    if not bool(apart.any()):
        return []
    pulls = (slopes * scales)[:, apart]
    ahead, behind = pulls.chunk(2)
    sums = ahead + behind
    differ = (sums - sums.median(0).values).abs() > _BENT * pulls.abs().amax()
    marks = differ.flatten(1, -2).any(1).double()
    total = marks.sum()
    if not bool(total > 0):
        return []
    cleared = marks.sum(0) + marks.sum(1) - marks.diagonal()
    found: list[int] = (cleared == total).nonzero().flatten().tolist()
    return found


def is_normal_given(
    objective: Objective, loc: Tensor, root: Tensor, coordinate: int, count: int
) -> bool:
    r"""Whether a target is normal given a coordinate, up to rounding, at draws of members.

    Arguments:
        objective: Of the target.
        loc: The means, with shape :math:`(S, *, D)`.
        root: The factors L, with shape :math:`(S, *, D, D)`.
        coordinate: The number k.
        count: How many quadruples of points.

    Raises:
        InvalidArgument: If the log density is NaN at one of them.
    """
    z = _quadruples(count, loc.shape[-1], coordinate, objective.seed).to(loc)
    x, turned = _turned(loc, root, coordinate, z)
    log_p, slopes = log_density_and_slope(objective, x)
    pulls = (slopes.unsqueeze(-2) @ turned).squeeze(-2).unflatten(0, (4, count))
    pulls[..., coordinate] = 0.0
    log_p = log_p.unflatten(0, (4, count))
    u, v, w, last = pulls.unbind(0)
    step = (z[:2] - z[2:]).reshape(2, count, *(1,) * (loc.ndim - 1), -1)
    risen = log_p[:2] - log_p[2:] - ((pulls[:2] + pulls[2:]) * step).sum(-1) / 2
    left = (u + v - w - last).square().sum(-1).mean(0) + risen.square().mean((0, 1))
    return bool((left / 2 <= _UNLIKE * loc.shape[-1]).all())  # NaN is not


def _turned(loc: Tensor, root: Tensor, coordinate: int, z: Tensor) -> tuple[Tensor, Tensor]:
    """Points of members, of whose coordinate k that of z alone tells; and their factors."""
    turned = root @ reflection(root[..., coordinate, :], coordinate)
    return loc + (turned @ z.flatten(0, 1).mT).movedim(-1, 0), turned


@lru_cache(maxsize=64)
def _quadruples(count: int, size: int, coordinate: int, seed: int) -> Tensor:
    """Points u, v, w and u + v - w that share a coordinate, with shape (4, N, D)."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(3, count, size, generator=generator, dtype=torch.float64)
    found[:, 1::2] *= _WIDER
    found[1:, :, coordinate] = found[0, :, coordinate]
    return torch.cat([found, (found[0] + found[1] - found[2]).unsqueeze(0)])


def is_resolved(
    objective: Objective, loc: Tensor, root: Tensor, coordinate: int, count: int
) -> bool:
    r"""Whether so many nodes of Gauss and Hermite along a coordinate miss nothing on two lines.

    Means of the log density times :math:`1, s, s^2 - 1` are compared: these are what the mean and
    the scale of members are moved by.

    Arguments:
        objective: Of the target.
        loc: The means, with shape :math:`(S, *, D)`.
        root: The factors L, with shape :math:`(S, *, D, D)`.
        coordinate: The number k.
        count: How many nodes.

    Raises:
        InvalidArgument: If the log density is NaN on one of the lines.
    """
    z, features = (each.to(loc) for each in _lines(count, loc.shape[-1], coordinate))
    x, _ = _turned(loc, root, coordinate, z)
    log_p = objective.target.log_prob(x).unflatten(0, z.shape[:2])
    objective.evaluations += x.shape[:-1].numel()
    rough, fine = torch.tensordot(features, log_p, ([1], [1])).chunk(2)
    return bool(((fine - rough).abs() <= _MISSED * (1 + fine.abs())).all())


@lru_cache(maxsize=64)
def _lines(count: int, size: int, coordinate: int) -> tuple[Tensor, Tensor]:
    """Points on both lines, with shape (2, K, D), and what makes three means of them, twice."""
    steps = int(_REACH / _SHORT)
    even = _SHORT * torch.arange(-steps, steps + 1, dtype=torch.float64)
    few, weights = gauss_hermite(count)
    shares = torch.block_diag(weights[None], even.square().div(-2).softmax(0)[None])
    s = torch.cat([few, even])
    z = torch.zeros(2, len(s), size, dtype=torch.float64)
    z[1] = _quadruples(1, size, coordinate, 0)[0]
    z[..., coordinate] = s
    powers = torch.stack([torch.ones_like(s), s, s.square() - 1])
    return z, (shares.unsqueeze(1) * powers).flatten(0, 1)
