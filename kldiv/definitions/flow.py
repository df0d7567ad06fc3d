"""Normalizing flows: those that are no ``TransformedDistribution``, and those with networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch.distributions import (
    ComposeTransform,
    Distribution,
    Independent,
    Transform,
    TransformedDistribution,
)
from torch.distributions.transforms import _InverseTransform

__all__ = ["Flow", "flow_of", "is_learnt"]


class Flow(NamedTuple):
    """What a normalizing flow is made of.

    Arguments:
        base: The distribution of the noise.
        transform: The map from points to noise.
    """

    base: Distribution
    transform: Transform


def flow_of(distribution: object) -> Flow | None:
    """The parts of a distribution with a ``base`` and a ``transform`` to it, else ``None``."""
    base, transform = (getattr(distribution, name, None) for name in ("base", "transform"))
    if isinstance(base, Distribution) and isinstance(transform, Transform):
        return Flow(base, transform)
    return None


def is_learnt(distribution: object) -> bool:
    """Whether a transform that is not torch's leads to the points, as a network's does.

    Nobody knows then how smooth the density is.
    """
    return any(
        not type(each).__module__.startswith("torch.distributions")
        for each in _transforms(distribution)
    )


def _transforms(distribution: object) -> Iterator[Transform]:
    if isinstance(distribution, Independent):
        yield from _transforms(distribution.base_dist)
    elif isinstance(distribution, TransformedDistribution):
        yield from _simple(distribution.transforms)
        yield from _transforms(distribution.base_dist)
    elif flow := flow_of(distribution):
        yield flow.transform


def _simple(transforms: list[Transform]) -> Iterator[Transform]:
    for each in transforms:
        inner = each.inv if isinstance(each, _InverseTransform) else each
        if isinstance(inner, ComposeTransform):
            yield from _simple(inner.parts)
        else:
            yield inner
