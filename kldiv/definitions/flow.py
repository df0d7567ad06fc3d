"""Normalizing flows: those that are no ``TransformedDistribution``, and those with networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn
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
    """Whether networks lead to the points: it is a flow, or some of its transforms have them.

    Nobody knows then how smooth the density is.
    """
    if isinstance(distribution, Independent):
        return is_learnt(distribution.base_dist)
    if isinstance(distribution, TransformedDistribution):
        by_networks = any(map(_has_network, _simple(distribution.transforms)))
        return by_networks or is_learnt(distribution.base_dist)
    return flow_of(distribution) is not None


def _has_network(transform: Transform) -> bool:
    return any(isinstance(each, nn.Module) for each in (transform, *vars(transform).values()))


def _simple(transforms: list[Transform]) -> Iterator[Transform]:
    for each in transforms:
        inner = each.inv if isinstance(each, _InverseTransform) else each
        if isinstance(inner, ComposeTransform):
            yield from _simple(inner.parts)
        else:
            yield inner
