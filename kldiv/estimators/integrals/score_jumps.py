r"""Where scores jump: at the kinks of densities on the line.

The derivative of an integral of a function that jumps at :math:`c(\theta)` has a term
:math:`c'(\theta)\,(f(c^-) - f(c^+))`, as at an edge of a support.
"""

from __future__ import annotations

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    TransformedDistribution,
)

from kldiv.definitions.target import Target

__all__ = ["jumps_of"]


def jumps_of(target: Target) -> list[Tensor]:
    """The kinks of a density, differentiable.

    Arguments:
        target: The target.

    Returns:
        Each with the batch shape of the target; of vectors longer than 1, with their shape.
    """
    if target.distribution is None:
        return []
    found = _of_distribution(target.distribution)
    return [each.squeeze(-1) for each in found] if target.event_shape else found


def _of_distribution(distribution: Distribution) -> list[Tensor]:
    """The kinks, each with the batch shape and the event shape."""
    if isinstance(distribution, Laplace):
        return [distribution.loc]
    if isinstance(distribution, Independent):
        return _of_distribution(distribution.base_dist)
    if isinstance(distribution, MixtureSameFamily):
        axis = -1 - len(distribution.event_shape)
        parts = _of_distribution(distribution.component_distribution)
        return [one for each in parts for one in each.unbind(axis)]
    if isinstance(distribution, TransformedDistribution):
        found = _of_distribution(distribution.base_dist)
        for transform in distribution.transforms:
            found = [transform(each) for each in found]
        return found
    return []
