r"""Where densities jump inside of their supports, and where scores do, at the kinks of densities.

The derivative of an integral of a function that jumps at :math:`c(\theta)` has a term
:math:`c'(\theta)\,(f(c^-) - f(c^+))`, as at an edge of a support. A mixture jumps where one of
its components ends.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    TransformedDistribution,
)

from kldiv.definitions.composed_support import support_of
from kldiv.definitions.support import coordinate_ends, is_box
from kldiv.definitions.target import Target

__all__ = ["jumps_of", "kinks_in"]

Places = Callable[[Distribution], list[Tensor]]


def jumps_of(target: Target) -> list[Tensor]:
    """Where a density jumps inside of its support, differentiable; infinite where it does not.

    Arguments:
        target: The target.

    Returns:
        Each with the batch shape of the target; of vectors longer than 1, with their shape.
    """
    return _places(target, lambda distribution: [], _ends)


def kinks_in(target: Target) -> list[Tensor]:
    """Where a density has kinks, so that its score jumps; likewise."""
    return _places(target, _kinks, lambda distribution: [])


def _places(target: Target, of_leaf: Places, of_component: Places) -> list[Tensor]:
    if target.distribution is None:
        return []
    found = _within(target.distribution, of_leaf, of_component)
    found = [torch.where(each.isnan(), torch.inf, each) for each in found]
    return [each.squeeze(-1) for each in found] if target.event_shape else found


def _within(distribution: Distribution, of_leaf: Places, of_component: Places) -> list[Tensor]:
    """The places, each with the batch shape and the event shape."""
    if isinstance(distribution, Independent):
        return _within(distribution.base_dist, of_leaf, of_component)
    if isinstance(distribution, MixtureSameFamily):
        component = distribution.component_distribution
        parts = _within(component, of_leaf, of_component) + of_component(component)
        axis = -1 - len(distribution.event_shape)
        return [one for each in parts for one in each.unbind(axis)]
    if isinstance(distribution, TransformedDistribution):
        found = _within(distribution.base_dist, of_leaf, of_component)
        for transform in distribution.transforms:
            found = [transform(each) for each in found]
        return found
    return of_leaf(distribution)


def _kinks(distribution: Distribution) -> list[Tensor]:
    return [distribution.loc] if isinstance(distribution, Laplace) else []


def _ends(component: Distribution) -> list[Tensor]:
    """Both ends of each of several components, where these are intervals."""
    support = support_of(component)
    if support is None or support.is_discrete or not is_box(support):
        return []
    ends = coordinate_ends(support, component.batch_shape, component.event_shape)
    both = [ends.lower, ends.upper]
    return both if component.event_shape else [each.squeeze(-1) for each in both]
