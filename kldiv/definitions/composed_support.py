"""Where a distribution lives that is made of others, for which torch says too much or too little.

A mixture lives wherever one of its components does, torch asks for all of them; the image of an
interval under increasing transforms is the interval between the images of its ends, torch says
that it is all that the last of them could reach.
"""

from __future__ import annotations

import math

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from torch import Tensor
from torch.distributions import (
    AffineTransform,
    ComposeTransform,
    Distribution,
    Independent,
    IndependentTransform,
    MixtureSameFamily,
    TanhTransform,
    Transform,
    TransformedDistribution,
    VonMises,
    constraints,
)
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import _InverseTransform

from kldiv.definitions.flow import flow_of
from kldiv.definitions.support import Interval, box, is_box, lattice, unwrap

__all__ = ["support_of", "transforms_of"]


class _OpenInterval(Constraint):
    """Numbers between two ends; at these the inverse of a transform is infinite."""

    def __init__(self, lower_bound: Tensor, upper_bound: Tensor) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each number lies between the ends."""
        return (self.lower_bound < value) & (value < self.upper_bound)


_CIRCLE = constraints.interval(-math.pi, math.pi)
_OPEN = (
    type(constraints.real),
    type(constraints.positive),
    type(constraints.less_than(0.0)),
    _OpenInterval,
)


def support_of(distribution: Distribution) -> Constraint | None:
    """The support, also of mixtures, of images and of circles.

    Circles are cut open at the point opposite of zero. A flow that does not state its support has
    it where its transform is defined; ``None`` for others that do not.
    """
    if isinstance(distribution, VonMises):
        return _CIRCLE
    if isinstance(distribution, Independent):
        return _of_vectors(support_of(distribution.base_dist), distribution)
    if isinstance(distribution, MixtureSameFamily):
        return _of_mixture(distribution)
    stated: object = type(distribution).support
    if stated is TransformedDistribution.support:
        return _of_image(distribution) or distribution.support
    if stated is Distribution.support and (flow := flow_of(distribution)):
        return flow.transform.domain
    try:
        return distribution.support
    except NotImplementedError:
        return None


def _of_vectors(support: Constraint | None, distribution: Any) -> Constraint | None:  # noqa: ANN401
    dimensions = distribution.reinterpreted_batch_ndims
    return constraints.independent(support, dimensions) if support and dimensions else support


def _of_mixture(distribution: Any) -> Constraint | None:  # noqa: ANN401 (torch has no types)
    """From the first end of a component to the last; as torch says where there are no ends."""
    parts = distribution.component_distribution
    support = support_of(parts)
    ends = None if support is None else lattice(support) or box(support)
    if support is None or ends is None:
        return distribution.support  # type: ignore[no-any-return]
    if ends.lower.ndim == ends.upper.ndim == 0:
        return support
    axis, shape = -1 - len(parts.event_shape), parts.batch_shape + parts.event_shape
    hull = Interval(ends.lower.expand(shape).amin(axis), ends.upper.expand(shape).amax(axis))
    return _between(hull, support)


def _of_image(distribution: Any) -> Constraint | None:  # noqa: ANN401 (torch has no types)
    """The image of an interval or of integers; ``None`` where torch says it, or it is unknown."""
    base, transforms = support_of(distribution.base_dist), [*_each(distribution.transforms)]
    if base is None or not transforms:
        return base
    ends = lattice(base) or box(base)
    if unwrap(base).is_discrete and not all(map(_keeps_integers, transforms)):
        return None
    for transform in transforms:
        ends = None if ends is None else _moved(ends, transform)
    last = transforms[-1]
    if ends is None or (
        _are_those_of(ends, last.codomain) and not isinstance(last, TanhTransform)
    ):
        return None
    return _between(ends, base)


def transforms_of(distribution: Any) -> list[Transform]:  # noqa: ANN401 (torch has no types)
    """The transforms that an image is made by, if each is known and maps numbers one by one."""
    found = [*_each(distribution.transforms)]
    return found if all(map(_is_known, found)) else []


def _each(transforms: Iterable[Transform]) -> Iterator[Transform]:
    """Those that transforms are composed of, each as it maps a coordinate."""
    for transform in transforms:
        if isinstance(transform, ComposeTransform):
            yield from _each(transform.parts)
        elif isinstance(transform, IndependentTransform):
            yield from _each([transform.base_transform])
        else:
            yield transform


def _moved(ends: Interval, transform: Transform) -> Interval | None:
    """The ends of an image; those of all that can be reached are what the transform says."""
    domain, codomain = _box(transform.domain), _box(transform.codomain)
    if domain is None or codomain is None or not _is_known(transform):
        return None
    first, last = transform(ends.lower), transform(ends.upper)
    if (first.isnan() | last.isnan()).any():
        return None
    at_first, at_last = ends.lower <= domain.lower, ends.upper >= domain.upper
    rising = first <= last
    whole_below = torch.where(rising, at_first, at_last)
    whole_above = torch.where(rising, at_last, at_first)
    return Interval(
        torch.where(whole_below, codomain.lower, torch.minimum(first, last)),
        torch.where(whole_above, codomain.upper, torch.maximum(first, last)),
    )


def _is_known(transform: Transform) -> bool:
    """Whether it is one of torch that maps each coordinate by itself, and either way."""
    own = transform.inv if isinstance(transform, _InverseTransform) else transform
    scalar = isinstance(own, AffineTransform) or own.domain.event_dim == 0
    return scalar and own.bijective and type(own).__module__.startswith("torch.distributions")


def _box(support: Constraint) -> Interval | None:
    base = unwrap(support)
    return box(base) if is_box(base) else None


def _keeps_integers(transform: Transform) -> bool:
    if not isinstance(transform, AffineTransform):
        return False
    loc, scale = torch.as_tensor(transform.loc), torch.as_tensor(transform.scale)
    return bool((scale.abs() == 1).all() and (loc == loc.round()).all())


def _are_those_of(ends: Interval, codomain: Constraint) -> bool:
    """Whether the last transform says it all, in terms that it may know better."""
    stated = _box(codomain)
    return stated is not None and bool(
        (ends.lower == stated.lower).all() and (ends.upper == stated.upper).all()
    )


def _between(ends: Interval, like: Constraint) -> Constraint:
    """The integers or the numbers between ends, of as many dimensions as another support."""
    lower, upper = ends.lower, ends.upper
    if unwrap(like).is_discrete:
        inner: Constraint = constraints.integer_interval(lower, upper)
    elif lower.isneginf().all() and upper.isposinf().all():
        inner = constraints.real
    elif isinstance(unwrap(like), _OPEN):
        inner = _OpenInterval(lower, upper)
    else:
        inner = constraints.interval(lower, upper)
    return constraints.independent(inner, like.event_dim) if like.event_dim else inner
