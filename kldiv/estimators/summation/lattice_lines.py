"""The integers on which two sides live, as half-lines with the landmarks of both."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import (
    Binomial,
    Distribution,
    Geometric,
    MixtureSameFamily,
    NegativeBinomial,
    Poisson,
)

from kldiv.definitions.numbers import broadcast
from kldiv.definitions.support import Interval
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import lattice_of
from kldiv.errors import NotAvailable
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.summation.half_lines import HalfLine
from kldiv.estimators.summation.peaks import peaks

__all__ = ["ends_of", "lines_of"]

_LISTED = 1 << 17  # finite supports up to this size are summed term by term if they may be rough
_DENSE = 1 << 12  # so are the first integers of an infinite one
_FIRST = 64  # and these of any
_SMOOTH = (Binomial, Geometric, NegativeBinomial, Poisson)


def lines_of(p: Target, q: Target) -> list[HalfLine]:
    """One half-line, or two where the integers have no end.

    Raises:
        NotAvailable: If a support is no set of consecutive integers.
    """
    batch = broadcast(p.batch_shape, q.batch_shape)
    ends, whole = [_ends(side, batch) for side in (p, q)], ends_of(p, q)
    lower, upper = whole.lower, whole.upper
    origin = torch.where(lower.isfinite(), lower, torch.where(upper.isfinite(), upper, 0.0))
    above = _line((p, q), ends, origin, 1, upper - origin + 1)
    if bool((lower == origin).all()):
        return [above]
    return [above, _line((p, q), ends, origin - 1, -1, origin - lower)]


def ends_of(p: Target, q: Target) -> Interval:
    """The first and the last integer of both supports together, with shape (*).

    Raises:
        NotAvailable: If a support is no set of consecutive integers.
    """
    batch = broadcast(p.batch_shape, q.batch_shape)
    first, second = (_ends(side, batch) for side in (p, q))
    lower, upper = (
        torch.minimum(first.lower, second.lower),
        torch.maximum(first.upper, second.upper),
    )
    return Interval(lower, upper)


def _line(
    sides: tuple[Target, Target],
    ends: list[Interval],
    origin: Tensor,
    direction: int,
    count: Tensor,
) -> HalfLine:
    smooth = all(_is_smooth(side.distribution) for side in sides)
    edges = [
        (end - origin) * direction + (0 if inward == direction else 1)
        for interval in ends
        for end, inward in ((interval.lower, 1), (interval.upper, -1))
    ]
    shown = torch.cat(
        [torch.stack(_landmarks(side, origin, direction, count), 1) for side in sides]
    )
    size = int(count.max()) if bool((count <= _LISTED).all()) else _DENSE
    few = bool((count * count.numel() <= _LISTED).all())
    return HalfLine(
        origin,
        direction,
        count,
        tuple(edges),
        shown[:, 0],
        shown[:, 1],
        dense=min(size, _FIRST) if smooth and not few else size,
    )


def _landmarks(
    side: Target, origin: Tensor, direction: int, count: Tensor
) -> tuple[Tensor, Tensor]:
    """Centres, counted from the origin, and scales, each with shape (L, *)."""
    if side.distribution is None:
        return peaks(side, origin, direction, count)
    places = landmarks(side)
    centres = torch.stack([place.centre.squeeze(-1).expand(origin.shape) for place in places])
    scales = torch.stack([place.scale.squeeze(-1).expand(origin.shape) for place in places])
    return (centres - origin) * direction, scales


def _is_smooth(distribution: Distribution | None) -> bool:
    """Whether the logarithm of its probabilities is a smooth function of the integers."""
    if isinstance(distribution, MixtureSameFamily):
        return _is_smooth(distribution.component_distribution)
    return isinstance(distribution, _SMOOTH)


def _ends(side: Target, batch: torch.Size) -> Interval:
    found = lattice_of(side)
    if found is None:
        raise NotAvailable(f"the support {side.support} of {side!r} is no set of integers")
    return Interval(found.lower.detach().expand(batch), found.upper.detach().expand(batch))
