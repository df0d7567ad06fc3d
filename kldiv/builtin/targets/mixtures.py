"""Targets of several modes: mixtures of normals, and a sum of normals that is not normalised."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from kldiv.builtin.checks import (
    check_numbers,
    check_positive,
    check_same_length,
    check_weights,
)
from kldiv.definitions.target import Target
from kldiv.errors import ShapeMismatch

__all__ = ["bimodal", "mixture", "normal_sum"]


def mixture(
    weights: object = (0.3, 0.5, 0.2),
    loc: object = (-4.0, 0.0, 5.0),
    scale: object = (1.0, 0.5, 2.0),
) -> MixtureSameFamily:
    r"""A mixture of normal scalars with weights.

    .. math:: p(x) = \sum_k w_k\, N(x; \mu_k, \sigma_k^2)

    Arguments:
        weights: The weights, positive and summing to 1, with shape :math:`(K)`.
        loc: The means, with shape :math:`(K)`.
        scale: The standard deviations, positive, with shape :math:`(K)`.

    Returns:
        The mixture.

    Raises:
        InvalidArgument: If the weights do not sum to 1, a scale is not positive or the lengths
            differ.
    """
    shares = check_weights(weights)
    mean = check_numbers("loc", loc, dimensions=1)
    deviation = check_positive("scale", scale, dimensions=1)
    check_same_length(weights=shares, loc=mean, scale=deviation)
    return MixtureSameFamily(Categorical(shares), Normal(mean, deviation))


def bimodal(
    weights: object = (0.5, 0.5),
    loc: object = (-5.0, 10.0),
    scale: object = (1.0, 1.0),
) -> MixtureSameFamily:
    r"""A mixture of two normal scalars, by default far apart and of equal weight.

    Arguments:
        weights: The two weights, positive and summing to 1.
        loc: The two means.
        scale: The two standard deviations, positive.

    Returns:
        The mixture.

    Raises:
        InvalidArgument: If there are not two of each, the weights do not sum to 1, or a scale is
            not positive.

    Example:
        >>> bimodal(weights=[0.3, 0.7]).mean
        tensor(5.5000, dtype=torch.float64)
    """
    made = mixture(weights, loc, scale)
    number = int(made.mixture_distribution.probs.shape[-1])
    if number != 2:
        raise ShapeMismatch(
            f"bimodal has two parts, got {number} weights; 'mixture' takes any number"
        )
    return made


def normal_sum(loc: object = (-5.0, 10.0), scale: object = (1.0, 1.0)) -> Target:
    r"""A sum of normal densities as it stands: a measure whose mass is the number of parts.

    .. math:: p(x) = \sum_k N(x; \mu_k, \sigma_k^2)

    Arguments:
        loc: The means, with shape :math:`(K)`.
        scale: The standard deviations, positive, with shape :math:`(K)`.

    Returns:
        The measure, which is not normalised.

    Raises:
        InvalidArgument: If a scale is not positive or the lengths differ.
    """
    mean = check_numbers("loc", loc, dimensions=1)
    deviation = check_positive("scale", scale, dimensions=1)
    check_same_length(loc=mean, scale=deviation)
    parts = Normal(mean, deviation)
    even = MixtureSameFamily(Categorical(torch.ones_like(mean.detach())), parts)

    def normal_sum(x: Tensor) -> Tensor:
        log_parts: Tensor = parts.log_prob(x.unsqueeze(-1))
        return log_parts.logsumexp(-1)

    return Target(normal_sum, sample=even.sample, normalize=False)
