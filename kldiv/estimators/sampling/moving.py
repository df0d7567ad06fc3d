r"""Points of a distribution that move with its parameters, :math:`x_i = T_\theta(u_i)`.

Every component of a mixture has points of its own, weighted by its share, so that the shares have
a derivative too.

In normal coordinates points held for a fit come in pairs :math:`\pm z`, and have the mean 0 and
the covariance 1 exactly: averages of quadratic functions under a normal distribution have no
error at all.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily

from kldiv.estimators.sampling.quasi_random import AT_ONCE, CubeMap, cube_map, sobol_blocks

__all__ = [
    "dimensions_of",
    "half_of_normal_points",
    "normal_points",
    "of_components",
    "parts_of",
    "points_of",
    "pushed",
    "why_none_move",
]

_EACH = 3  # points for each dimension, at least: fewer have no covariance of full rank


def points_of(member: Distribution, count: int, seed: int) -> Tensor:
    """Points of the unit cube that any member of a family can share, with shape (N, m)."""
    cube: Tensor = torch.special.ndtr(normal_points(count, dimensions_of(member), seed))
    return cube


def dimensions_of(member: Distribution | None) -> int:
    """The dimension m of the unit cube that becomes the member, or each of its components."""
    return _map_of(member).dimensions


def why_none_move(member: Distribution) -> str | None:
    """Why there are no draws that move with a member, ``None`` where there are."""
    parts = parts_of(member)
    if cube_map(parts) is None:
        return f"{type(parts).__name__} is not known as a smooth map of the unit cube"
    return None


def parts_of(member: Distribution | None) -> Distribution | None:
    """What draws are drawn from: the components of a mixture, else the member itself."""
    return member.component_distribution if isinstance(member, MixtureSameFamily) else member


def of_components(member: MixtureSameFamily, points: Tensor) -> tuple[Tensor, Tensor]:
    r"""Points of each component as points of the mixture, and their weights.

    Arguments:
        member: The mixture, of K components.
        points: N points of each, with shape :math:`(N, *, K, E)`.

    Returns:
        The points, with shape :math:`(K N, *, E)`, those of the first component first, and the
        weights, which sum to 1, with shape :math:`(K N, *)`.
    """
    count = len(points)
    shares = member.mixture_distribution.probs.movedim(-1, 0) / count
    points = points.movedim(1 + len(member.batch_shape), 0).flatten(0, 1)
    return points, shares.repeat_interleave(count, 0)


def _map_of(member: Distribution | None) -> CubeMap:
    found = cube_map(parts_of(member))
    if found is None:
        raise TypeError(f"{member!r} is no smooth map of the unit cube")
    return found


def pushed(member: Distribution | None, cube: Tensor) -> tuple[Tensor, Tensor]:
    r"""The points of a member, and their weights; both follow its parameters.

    Arguments:
        member: The distribution, of K components if it is a mixture, else K = 1.
        cube: Points of the unit cube, with shape :math:`(N, m)`.

    Returns:
        The points, with shape :math:`(K N, *, E)`, those of the first component first, and the
        weights, which sum to 1, with shape :math:`(K N, *)`, or :math:`()` where all are equal.
    """
    found, batch = _map_of(member), getattr(member, "batch_shape", torch.Size())
    ones = (1,) * len(batch)
    if isinstance(member, MixtureSameFamily):
        points = found.transport(cube.reshape(len(cube), *ones, 1, cube.shape[-1]))
        return of_components(member, points)
    share = torch.full((), 1 / len(cube), dtype=torch.float64, device=cube.device)
    return found.transport(cube.reshape(len(cube), *ones, -1)), share


def normal_points(count: int, dimensions: int, seed: int) -> Tensor:
    """Standard normal points in pairs, of mean 0 and covariance 1, with shape (N, m)."""
    half = half_of_normal_points(count, dimensions, seed)
    return torch.cat([half, -half])


def half_of_normal_points(count: int, dimensions: int, seed: int) -> Tensor:
    """One of each of their pairs, with shape (N / 2, m)."""
    half = 1 << (max(count, _EACH * dimensions) // 2 - 1).bit_length()
    z, done = torch.empty(half, dimensions, dtype=torch.float64), 0
    for block in sobol_blocks(half, (1, dimensions), seed):
        torch.special.ndtri(block, out=z[done : done + len(block)])
        done += len(block)
    root = torch.linalg.cholesky(z.mT @ z / half)
    for part in z.split(max(1, AT_ONCE // dimensions)):
        part.copy_(torch.linalg.solve_triangular(root, part.mT, upper=False).mT)
    return z
