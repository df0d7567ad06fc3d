r"""Points that fill space evenly, as draws from a distribution: randomised Sobol nets.

A distribution that is a map of the unit cube, by quantiles, affine maps and shares of a sum or of
a mixture, is drawn from by that map. The cube is filled by a Sobol net, scrambled by a random
matrix and moved by random digital shifts, one for each replicate: every point is then uniform, so
that means are unbiased, and replicates are independent, so that their spread is an error.

References:
    Randomized Quasi-Monte Carlo: An Introduction for Practitioners (L'Ecuyer, 2018), sections 3
    and 4, doi:10.1007/978-3-319-91436-7_2.
    On the L2-discrepancy for anchored boxes (Matoušek, 1998), section 4,
    doi:10.1006/jcom.1998.0489.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch

from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Transform,
    TransformedDistribution,
)
from torch.quasirandom import SobolEngine

from kldiv.definitions.flow import flow_of
from kldiv.estimators.sampling.gamma_quantiles import gamma_log_quantile

__all__ = ["AT_ONCE", "CubeMap", "cube_map", "sobol", "sobol_blocks"]

AT_ONCE = 1 << 20
"""How many coordinates of points are in memory at once, where these can be taken in turn."""

_BITS = 30  # of the coordinates of torch's Sobol nets
_MOST = 1 << 10  # dimensions


@dataclass(frozen=True)
class CubeMap:
    r"""A distribution as the image of the unit cube.

    Arguments:
        dimensions: The dimension of the cube.
        transport: The map of points of shape :math:`(N, *, m)` to points of shape
            :math:`(N, *, E)`.
        moving: Whether it only serves points that are to move with parameters: the sampler is
            faster, and loses fewer points where numbers end.
    """

    dimensions: int
    transport: Callable[[Tensor], Tensor]
    moving: bool = False


def sobol(count: int, shape: tuple[int, ...], seed: int) -> Tensor:
    r"""A net of so many points with independent digital shifts.

    Arguments:
        count: The number n of points, best a power of 2.
        shape: The shape :math:`(R, *, m)` of the shifts: one for each of R replicates and each
            element of a batch, in m dimensions.
        seed: What the shifts follow.

    Returns:
        Points strictly inside the unit cube, with shape :math:`(R, n, *, m)`.
    """
    points = torch.cat(tuple(sobol_blocks(count, shape, seed)))
    return points.reshape(shape[0], count, *shape[1:])


def sobol_blocks(count: int, shape: tuple[int, ...], seed: int) -> Iterator[Tensor]:
    r"""The same points, replicate after replicate, of which few at a time are in memory.

    Returns:
        Blocks of points, together with shape :math:`(R n, *, m)`.
    """
    generator = torch.Generator().manual_seed(seed)
    shift = torch.randint(1 << _BITS, shape, generator=generator).unsqueeze(1)
    within = torch.rand(shape, dtype=torch.float64, generator=generator).unsqueeze(1)
    within = within.clamp(1e-6, 1 - 1e-6)
    together = max(1, AT_ONCE // (count * prod(shape[1:])))
    for bits, rest in zip(shift.split(together), within.split(together), strict=True):
        for net in _nets(count, shape[-1], max(1, AT_ONCE // prod(shape[1:]))):
            points = net.reshape(1, len(net), *(1,) * (len(shape) - 2), shape[-1])
            yield (((points ^ bits) + rest) * 2.0**-_BITS).flatten(0, 1)


def _nets(count: int, dimensions: int, most: int) -> Iterator[Tensor]:
    """A net in blocks of at most so many points."""
    if count * dimensions <= AT_ONCE:
        yield from _net(count, dimensions).split(most)
        return
    engine = SobolEngine(dimensions, scramble=True, seed=0)
    for first in range(0, count, most):
        yield _drawn(engine, min(most, count - first))


@lru_cache(maxsize=16)  # a fit asks for the same net at every step
def _net(count: int, dimensions: int) -> Tensor:
    """A net, scrambled once and for all, in units of the last bit."""
    return _drawn(SobolEngine(dimensions, scramble=True, seed=0), count)


def _drawn(engine: SobolEngine, count: int) -> Tensor:
    """The next points of a net, in units of the last bit."""
    return (engine.draw(count, dtype=torch.float64) * 2.0**_BITS).long()


def cube_map(distribution: Distribution | None) -> CubeMap | None:
    """The distribution as an image of the cube; ``None`` where none is known."""
    if isinstance(distribution, Independent):
        found = _independent(distribution)
    elif isinstance(distribution, MixtureSameFamily):
        found = _mixture(distribution)
    elif isinstance(distribution, MultivariateNormal):
        found = _normal(distribution)
    elif isinstance(distribution, LowRankMultivariateNormal):
        found = _low_rank(distribution)
    elif isinstance(distribution, TransformedDistribution):
        found = _image(distribution.base_dist, distribution.transforms)
    elif isinstance(distribution, Gamma | Beta | Dirichlet):
        found = _of_gammas(distribution)
    elif flow := flow_of(distribution):
        found = _image(flow.base, [flow.transform.inv])
    else:
        found = _by_quantiles(distribution)
    return found if found is not None and found.dimensions <= _MOST else None


def _by_quantiles(distribution: Distribution | None) -> CubeMap | None:
    if distribution is None or type(distribution).icdf is Distribution.icdf:
        return None
    support = distribution.support
    if distribution.event_shape or support is None or support.is_discrete:
        return None
    quantiles = distribution.icdf
    return CubeMap(1, lambda u: quantiles(u.squeeze(-1)))


def _of_gammas(distribution: Gamma | Beta | Dirichlet) -> CubeMap:
    """A gamma variable, or shares of several in their sum."""
    if isinstance(distribution, Gamma):
        a, rate = distribution.concentration, distribution.rate
        return CubeMap(1, lambda u: gamma_log_quantile(a, u.squeeze(-1)).exp() / rate, True)
    if isinstance(distribution, Dirichlet):
        each = distribution.concentration
        return CubeMap(each.shape[-1], lambda u: gamma_log_quantile(each, u).softmax(-1), True)
    both = torch.stack([distribution.concentration1, distribution.concentration0], -1)
    return CubeMap(2, lambda u: gamma_log_quantile(both, u).softmax(-1)[..., 0], True)


def _independent(distribution: Independent[Distribution]) -> CubeMap | None:
    base = cube_map(distribution.base_dist)
    if base is None:
        return None
    inner = len(distribution.base_dist.event_shape)
    parts = distribution.event_shape[: len(distribution.event_shape) - inner]
    return CubeMap(
        parts.numel() * base.dimensions,
        lambda u: base.transport(u.unflatten(-1, (*parts, base.dimensions))),
        base.moving,
    )


def _mixture(distribution: MixtureSameFamily) -> CubeMap | None:
    """The first coordinate chooses the component: its shares are met as evenly as can be."""
    parts = cube_map(distribution.component_distribution)
    if parts is None:
        return None
    shares = distribution.mixture_distribution.probs.cumsum(-1)
    event = len(distribution.event_shape)

    def transport(u: Tensor) -> Tensor:
        chosen = (u[..., :1] > shares[..., :-1]).sum(-1)
        points = parts.transport(u[..., 1:].unsqueeze(-2))
        axis = points.ndim - 1 - event
        index = chosen.reshape(*chosen.shape, *(1,) * (1 + event))
        return points.take_along_dim(index, axis).squeeze(axis)

    return CubeMap(1 + parts.dimensions, transport, parts.moving)


def _normal(distribution: MultivariateNormal) -> CubeMap:
    loc, root = distribution.loc, distribution.scale_tril
    return CubeMap(loc.shape[-1], lambda u: loc + _times(root, torch.special.ndtri(u)))


def _low_rank(distribution: LowRankMultivariateNormal) -> CubeMap:
    loc, factor, diagonal = distribution.loc, distribution.cov_factor, distribution.cov_diag
    rank = factor.shape[-1]

    def transport(u: Tensor) -> Tensor:
        z = torch.special.ndtri(u)
        points: Tensor = loc + _times(factor, z[..., :rank]) + diagonal.sqrt() * z[..., rank:]
        return points

    return CubeMap(rank + loc.shape[-1], transport)


def _times(matrix: Tensor, z: Tensor) -> Tensor:
    """A matrix, or one for each element of a batch, times each of N vectors."""
    found: Tensor = (z.movedim(0, -2) @ matrix.mT).movedim(-2, 0)
    return found


def _image(base: Distribution, transforms: Iterable[Transform]) -> CubeMap | None:
    before = cube_map(base)
    if before is None:
        return None

    def transport(u: Tensor) -> Tensor:
        x = before.transport(u)
        for transform in transforms:
            x = transform(x)
        return x

    return CubeMap(before.dimensions, transport, before.moving)
