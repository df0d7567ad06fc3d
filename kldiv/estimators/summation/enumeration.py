"""The points of discrete supports whose points are vectors, listed one by one."""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, Multinomial

from kldiv.definitions.support import lattice, unwrap
from kldiv.definitions.target import Target

__all__ = ["Box", "box_around", "marginal", "points_of"]

_SPREADS = 40.0  # standard deviations: a geometric tail beyond has the mass e^-40
_MARGIN = 50.0


@dataclass(frozen=True)
class Box:
    r"""A product of runs of consecutive integers, one for each coordinate of a point.

    Arguments:
        lower: The first integers, with shape :math:`(d)`.
        upper: The last integers, with shape :math:`(d)`.
        below: Along which coordinates a support goes on below, with shape :math:`(d)`.
        above: Along which coordinates it goes on above, with shape :math:`(d)`.
    """

    lower: Tensor
    upper: Tensor
    below: Tensor
    above: Tensor

    @property
    def count(self) -> float:
        """The number of points."""
        return float((self.upper - self.lower + 1).prod())

    def points(self, event_shape: torch.Size) -> Tensor:
        r"""All points, with shape :math:`(N, E)`."""
        axes = [
            torch.arange(int(low), int(high) + 1, dtype=torch.float64, device=self.lower.device)
            for low, high in zip(self.lower, self.upper, strict=True)
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, *event_shape)

    @property
    def cut(self) -> bool:
        """Whether a support goes on beyond."""
        return bool((self.below | self.above).any())

    def outermost(self, points: Tensor) -> Tensor:
        r"""Which points of shape :math:`(N, E)` are where the box is cut, with shape (N)."""
        flat = points.reshape(len(points), -1)
        low, high = (flat == self.lower) & self.below, (flat == self.upper) & self.above
        return (low | high).any(-1)

    def within(self, lower: Tensor, upper: Tensor) -> Box:
        """The part of the box between other ends."""
        below, above = self.below | (lower > self.lower), self.above | (upper < self.upper)
        lower, upper = torch.maximum(lower, self.lower), torch.minimum(upper, self.upper)
        return Box(lower, upper, below, above)


def points_of(p: Target, q: Target, most: int) -> tuple[float, Tensor | None]:
    """How many points two supports have together, and a list of them if they are not too many.

    Arguments:
        p: One side.
        q: The other.
        most: How many points may be listed.

    Returns:
        The number, infinite where the support has no list; the points, with shape (N, E).
    """
    sides = [side.distribution for side in (p, q)]
    totals = {side.total_count for side in sides if isinstance(side, Multinomial)}
    if totals and all(isinstance(side, Multinomial) for side in sides):
        size = p.event_shape[-1]
        count = sum(math.comb(total + size - 1, size - 1) for total in totals)
        if count > most:
            return count, None
        return count, torch.cat([_compositions(total, size) for total in sorted(totals)])
    found = sides[0]
    if found is not None and found.has_enumerate_support:
        points = found.enumerate_support(expand=False).double().reshape(-1, *p.event_shape)
        return len(points), points
    return math.inf, None


def box_around(p: Target, q: Target) -> Box | None:
    """The box that holds all mass of both sides that counts; ``None`` where there is none."""
    if any(unwrap(side.support).event_dim > 0 for side in (p, q)):
        return None
    first, second = _box_of(p), _box_of(q)
    if first is None or second is None:
        return None
    return Box(
        torch.minimum(first.lower, second.lower),
        torch.maximum(first.upper, second.upper),
        first.below | second.below,
        first.above | second.above,
    )


def _box_of(side: Target) -> Box | None:
    ends = lattice(unwrap(side.support))
    ends = ends and ends.to(side.device)
    if ends is None:
        return None
    lower, upper = (
        _columns(end.detach(), side, highest=highest)
        for end, highest in ((ends.lower, False), (ends.upper, True))
    )
    below, above = ~lower.isfinite(), ~upper.isfinite()
    if bool((below | above).any()):
        around = _by_moments(side)
        if around is None:
            return None
        lower, upper = torch.maximum(lower, around[0]), torch.minimum(upper, around[1])
    return Box(lower, upper, below, above)


def marginal(target: Target) -> Distribution | None:
    """The distribution of the coordinates one by one, where they are independent."""
    distribution = target.distribution
    if not isinstance(distribution, Independent):
        return None
    base, parts = distribution.base_dist, distribution.reinterpreted_batch_ndims
    return base if not base.event_shape and parts == len(target.event_shape) else None


def _columns(end: Tensor, side: Target, *, highest: bool) -> Tensor:
    """An end of the support for each coordinate, the outermost of a batch, with shape (d)."""
    columns = end.expand((*side.batch_shape, *side.event_shape) if end.ndim else side.event_shape)
    flat = columns.reshape(-1, side.event_shape.numel())
    return flat.amax(0) if highest else flat.amin(0)


def _by_moments(side: Target) -> tuple[Tensor, Tensor] | None:
    """Far ends on both sides of the mean, by the standard deviation."""
    if side.distribution is None:
        return None
    try:
        mean, spread = side.distribution.mean, side.distribution.variance.sqrt()
    except (NotImplementedError, AttributeError):
        return None
    if not (mean.isfinite().all() and spread.isfinite().all()):
        return None
    reach = _SPREADS * spread.detach() + _MARGIN
    low, high = (mean.detach() - reach).floor(), (mean.detach() + reach).ceil()
    return _columns(low, side, highest=False), _columns(high, side, highest=True)


def _compositions(total: int, size: int) -> Tensor:
    """All vectors of counts of a size with a total, by the places of bars among stars."""
    slots = total + size - 1
    bars = torch.combinations(torch.arange(slots), size - 1) if size > 1 else None
    if bars is None:
        return torch.full((1, 1), float(total), dtype=torch.float64)
    ends = torch.cat([torch.full((len(bars), 1), -1), bars, torch.full((len(bars), 1), slots)], -1)
    return (ends.diff(dim=-1) - 1).double()
