"""Where the mass of a target is: the places about which coordinates are centred.

A *landmark* is a centre with a scale. Distributions tell theirs: components, means, quantiles. Of
a bare log density they are looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    TransformedDistribution,
)

from kldiv.definitions.randomness import seeded
from kldiv.definitions.target import Target
from kldiv.estimators.integrals.clusters import clusters
from kldiv.lazy import deferred
from kldiv.numerics import is_finite

if TYPE_CHECKING:
    from kldiv.estimators.integrals.scan import Peaks

__all__ = ["Landmark", "landmarks", "whereabouts"]

_scan = deferred("kldiv.estimators.integrals.scan:scan")

_TO_DEVIATION = 1 / (2 * 0.6744897501960817)  # of the quartiles' distance, for a normal
_CERTAIN = 1 - 1e-12  # a correlation below 1


@dataclass(frozen=True)
class Landmark:
    r"""A place with mass.

    Arguments:
        centre: With shape :math:`(*, d)`.
        scale: Along each axis, with shape :math:`(*, d)`.
        correlation: In the plane, with shape :math:`(*)`; none where it is not known.
        sharp: Whether the density has a kink at the centre.
    """

    centre: Tensor
    scale: Tensor
    correlation: Tensor | None = None
    sharp: bool = False

    def expand(self, batch: torch.Size) -> Landmark:
        """The same for each element of a batch, flattened."""
        size = self.centre.shape[-1]
        centre, scale = (
            each.expand(*batch, size).reshape(-1, size) for each in (self.centre, self.scale)
        )
        correlation = self.correlation
        if correlation is not None:
            correlation = correlation.expand(batch).reshape(-1)
        return replace(self, centre=centre, scale=scale, correlation=correlation)

    def given(self, x: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
        """The centre and the scale of the second coordinate given the first one of an element."""
        (first, centre), (unit, scale) = (
            each[element].unbind(-1) for each in (self.centre, self.scale)
        )
        if self.correlation is None:
            return centre, scale
        slope = self.correlation[element]
        centre = centre + slope * scale / unit * (x - first)
        return centre, scale * ((1 - slope) * (1 + slope)).sqrt()


def landmarks(target: Target) -> list[Landmark]:
    """The places where a target has mass, with the target's own batch shape."""
    return whereabouts(target)[0]


@torch.no_grad()
def whereabouts(target: Target) -> tuple[list[Landmark], Tensor]:
    """The landmarks, and points (M, d) with mass around them where they had to be looked for."""
    law = target.alike if target.distribution is None else target.distribution
    if law is not None:
        try:
            found = [_as_event(item, target) for item in _of_distribution(law)]
            return found, found[0].centre.new_empty(0, found[0].centre.shape[-1])
        except NotImplementedError:  # it states no moments and cannot be sampled from
            pass
    peaks = _peaks_of(target)
    return _places_at(peaks), peaks.spread


def _as_event(landmark: Landmark, target: Target) -> Landmark:
    """Scalars become vectors of length 1."""
    if target.event_shape:
        return landmark
    centre, scale = landmark.centre.unsqueeze(-1), landmark.scale.unsqueeze(-1)
    return Landmark(centre, scale, landmark.correlation, landmark.sharp)


def _of_distribution(distribution: Distribution) -> list[Landmark]:
    if isinstance(distribution, MixtureSameFamily):
        axis = -1 - len(distribution.event_shape)
        parts = _of_distribution(distribution.component_distribution)
        return [each for item in parts for each in _unbound(item, axis)]
    if isinstance(distribution, Independent):
        return _of_distribution(distribution.base_dist)
    kernels = getattr(distribution, "kernels", None)
    if kernels is not None:
        return [_of_cluster(*found, distribution.event_shape) for found in clusters(*kernels)]
    if isinstance(distribution, TransformedDistribution):
        quantiles = _by_inverse(distribution)
        if quantiles is not None:
            return [quantiles]
    exact = _by_moments(distribution)
    return [exact] if exact is not None else _by_quantiles(distribution)


def _unbound(landmark: Landmark, axis: int) -> list[Landmark]:
    """One for each component."""
    centres, scales = landmark.centre.unbind(axis), landmark.scale.unbind(axis)
    correlations: Sequence[Tensor | None] = [None] * len(centres)
    if landmark.correlation is not None:
        correlations = landmark.correlation.unbind(-1)
    parts = zip(centres, scales, correlations, strict=True)
    return [Landmark(*each, sharp=landmark.sharp) for each in parts]


def _of_cluster(mean: Tensor, covariance: Tensor, event_shape: torch.Size) -> Landmark:
    scale = covariance.diagonal().sqrt()
    place = Landmark(mean.reshape(event_shape), scale.reshape(event_shape))
    return _tilted(place, covariance) if len(scale) == 2 else place


def _tilted(landmark: Landmark, covariance: Tensor) -> Landmark:
    correlation = (covariance[..., 0, 1] / landmark.scale.prod(-1)).double()
    return replace(landmark, correlation=correlation.clamp(-_CERTAIN, _CERTAIN))


def _by_moments(distribution: Distribution) -> Landmark | None:
    """Mean and standard deviation, or location and scale; ``None`` where neither is usable."""
    try:
        found = _usable(distribution, distribution.mean, distribution.variance.sqrt())
    except (NotImplementedError, AttributeError):
        found = None
    named = getattr(distribution, "loc", None), getattr(distribution, "scale", None)
    found = found or _usable(distribution, *named)
    if found is not None and isinstance(distribution, Laplace):
        found = replace(found, sharp=True)
    covariance = getattr(distribution, "covariance_matrix", None)
    if found is None or covariance is None or distribution.event_shape.numel() != 2:
        return found
    return _tilted(found, covariance)


def _by_inverse(distribution: Distribution) -> Landmark | None:
    """The median and the quartiles, where the distribution function can be inverted."""
    levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    try:
        low, middle, high = (distribution.icdf(level).double() for level in levels)
    except (NotImplementedError, ValueError):
        return None
    return _usable(distribution, middle, (high - low).abs() * _TO_DEVIATION)


def _usable(distribution: Distribution, centre: object, scale: object) -> Landmark | None:
    if not isinstance(centre, Tensor) or not isinstance(scale, Tensor):
        return None
    if not (is_finite(centre) and is_finite(scale) and (scale > 0).all()):
        return None
    shape = distribution.batch_shape + distribution.event_shape
    return Landmark(centre.expand(shape).double(), scale.expand(shape).double())


def _by_quantiles(distribution: Distribution) -> list[Landmark]:
    """Two landmarks, about the bulk and about the shoulders of a fixed sample."""
    with seeded(0):
        points = distribution.sample(torch.Size([511])).double().sort(dim=0).values
    low, quarter, middle, three, high = (points[k] for k in (5, 127, 255, 383, 505))
    tiny = middle.abs() * 1e-9 + 1e-12
    return [
        Landmark(middle, (three - quarter) / 2 + tiny),
        Landmark((low + high) / 2, (high - low) / 4 + tiny),
    ]


def _peaks_of(target: Target) -> Peaks:
    """The modes of a log density, looked for once as long as it does not change."""
    known = _KNOWN.get(target)
    if known is not None and known.still_there(target):
        return known
    peaks: Peaks = _scan(target)
    _KNOWN[target] = peaks
    return peaks


def _places_at(peaks: Peaks) -> list[Landmark]:
    """A place at each mode."""
    correlations = [None] * len(peaks.centre) if peaks.correlation is None else peaks.correlation
    return [Landmark(*each) for each in zip(peaks.centre, peaks.scale, correlations, strict=True)]


_KNOWN: WeakKeyDictionary[Target, Peaks] = WeakKeyDictionary()
