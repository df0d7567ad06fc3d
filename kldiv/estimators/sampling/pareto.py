r"""The shape of a tail: how far the mean of a sample can be trusted.

The largest values of a sample above a threshold follow a generalised Pareto law

.. math:: \Pr(X > x) = (1 + k x / \sigma)^{-1 / k}

with a shape k that counts moments: those below the order :math:`1 / k` are finite. For
:math:`k < \tfrac12` means obey the central limit theorem; above 0.7 they converge so slowly that
no sample of practical size tells its own error.

References:
    A New and Efficient Estimation Method for the Generalized Pareto Distribution (Zhang and
    Stephens, 2009), equations 6 to 8, doi:10.1198/tech.2009.08017.
    Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao and Gabry, 2024),
    sections 2.3 and 3.2, arXiv:1507.02646.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor

__all__ = ["UNRELIABLE", "pareto_shape", "unreliable_above"]

UNRELIABLE = 0.7
"""Above this shape a mean and its error mean nothing, however many values there are."""
_FEWEST = 5
_PRIOR = 10  # values of a tail of shape 1/2 that are added, to steady the fit of a short one


def unreliable_above(count: int) -> float:
    """Above which shape a mean of so many values, and its error, mean nothing."""
    return min(UNRELIABLE, 1 - 1 / math.log10(count))


def pareto_shape(values: Tensor) -> Tensor:
    r"""The shape :math:`\hat k` of the upper tail of each column of a sample.

    Arguments:
        values: The sample, not negative, with shape :math:`(N, *)`.

    Returns:
        The shape, with shape :math:`(*)`; 0 where the largest values are all the same, and NaN
        where there are too few to tell.
    """
    count = values.shape[0]
    length = min(count // 5, math.ceil(3 * math.sqrt(count)))
    if length < _FEWEST:
        return torch.full_like(values[0], torch.nan)
    top = values.topk(length + 1, dim=0).values.flip(0)
    excess = (top[1:] - top[:1]) / top[-1:].clamp_min(torch.finfo(values.dtype).tiny)
    flat = excess[length // 4] <= 0
    shape = _fitted(torch.where(flat, torch.ones_like(excess), excess))
    return torch.where(flat, 0.0, (length * shape + _PRIOR / 2) / (length + _PRIOR))


def _fitted(excess: Tensor) -> Tensor:
    """The shape by the mean of its likelihood over a grid that the data chooses."""
    length = excess.shape[0]
    steps = 30 + int(math.sqrt(length))
    number = torch.arange(1, steps + 1, dtype=excess.dtype, device=excess.device) - 0.5
    number = number.reshape(-1, *(1,) * (excess.ndim - 1))
    quarter = excess[max(int(length / 4 + 0.5) - 1, 0)]
    slopes = 1 / excess[-1] + (1 - (steps / number).sqrt()) / (3 * quarter)
    shapes = torch.stack([(-slope * excess).log1p().mean(0) for slope in slopes])
    profile = length * ((-slopes / shapes).log() - shapes - 1)
    weights = profile.nan_to_num(nan=-torch.inf).softmax(0)
    slope = (slopes * weights).sum(0)
    return (-slope * excess).log1p().mean(0)
