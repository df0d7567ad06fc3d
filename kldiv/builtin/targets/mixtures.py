"""Targets of several modes: mixtures of normals, and a sum of normals that is not normalised."""

from __future__ import annotations

import math

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

    ``loc`` are the :math:`\mu_k` and ``scale`` the :math:`\sigma_k`. It has all moments, the mean
    :math:`\sum_k w_k \mu_k` and the mean square :math:`\sum_k w_k (\mu_k^2 + \sigma_k^2)`, but the
    logarithm of a sum has no integral in closed form. A fit may end at any of its modes; parts
    that overlap may have fewer modes than there are parts.

    Arguments:
        weights: The weights, positive and summing to 1, with shape :math:`(K)`.
        loc: The means, with shape :math:`(K)`.
        scale: The standard deviations, positive, with shape :math:`(K)`.

    Returns:
        The mixture.

    Raises:
        InvalidArgument: If the weights do not sum to 1, a scale is not positive or the lengths
            differ.

    References:
        Finite Mixture Models (McLachlan and Peel, 2000).
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

    .. math:: p(x) = w_1\, N(x; \mu_1, \sigma_1^2) + w_2\, N(x; \mu_2, \sigma_2^2)

    It tells the directions of the Kullback-Leibler divergence apart. The best normal q of the
    forward one spans both modes and is dense between them, where p is all but 0; the reverse one
    has by default three local minima, of which those on one mode are, at :math:`\log 2` nats, the
    least. With unequal weights the heavier mode is nearer. Modes that come close merge: two equal
    parts have one mode from :math:`|\mu_1 - \mu_2| \leq 2 \sigma` on.

    Arguments:
        weights: The two weights, positive and summing to 1.
        loc: The two means.
        scale: The two standard deviations, positive.

    Returns:
        The mixture.

    Raises:
        InvalidArgument: If there are not two of each, the weights do not sum to 1, or a scale is
            not positive.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 10.1.2.

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

    It shows what a mass does. A factor c before p makes the forward KL c times as large and adds
    :math:`c \log c`, so that its optimum stays; that of the squared L2 distance moves; the cosine
    distance does not feel it at all. Draws are from p over its mass.

    Arguments:
        loc: The means, with shape :math:`(K)`.
        scale: The standard deviations, positive, with shape :math:`(K)`.

    Returns:
        The measure, which is not normalised.

    Raises:
        InvalidArgument: If a scale is not positive or the lengths differ.

    References:
        Families of Alpha- Beta- and Gamma-Divergences (Cichocki and Amari, 2010),
        doi:10.3390/e12061532.
    """
    mean = check_numbers("loc", loc, dimensions=1)
    deviation = check_positive("scale", scale, dimensions=1)
    check_same_length(loc=mean, scale=deviation)
    parts = Normal(mean.detach(), deviation.detach())
    even = MixtureSameFamily(Categorical(torch.ones_like(parts.loc)), parts)
    tops = -deviation.log() - math.log(2 * math.pi) / 2

    def normal_sum(x: Tensor) -> Tensor:
        logs = tops - ((x.unsqueeze(-1) - mean) / deviation).square() / 2
        return logs.logsumexp(-1)

    made = Target(normal_sum, sample=even.sample, normalize=False)
    made.alike = even
    return made
