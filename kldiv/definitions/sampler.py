r"""Samplers as they should be, where those of torch are not.

Shares of gamma variables, as those of beta and Dirichlet distributions, are quotients in torch. Of
a small concentration :math:`a` a gamma variable is below all floating-point numbers with
probability :math:`e^{-708 a}`: where all are, torch draws equal shares, which the distribution
never has. Here such shares are taken in logarithms,

.. math:: \log G_a = \log G_{a + 1} + \frac{\log U}{a},

with U uniform: they are right down to the smallest number, and at it where they are below.

References:
    Generating Gamma and Beta Random Variables with Non-Integral Shape Parameters (Whittaker,
    1974), doi:10.2307/2347003; Non-Uniform Random Variate Generation (Devroye, 1986), p. 420.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import Beta, Dirichlet, Distribution, Independent

__all__ = ["sampler_of"]

_SMALL = 0.05  # a gamma variable of more is a number but in 1 of 10^15 cases


def sampler_of(distribution: Distribution) -> Callable[[torch.Size], Tensor]:
    """The sampler of a distribution, in logarithms where that of torch loses its draws."""
    if isinstance(distribution, Independent):
        return sampler_of(distribution.base_dist)
    if isinstance(distribution, Beta | Dirichlet):
        return lambda shape: _shares(distribution, shape)
    return distribution.sample


def _shares(distribution: Beta | Dirichlet, shape: torch.Size) -> Tensor:
    """Draws of a beta or a Dirichlet distribution."""
    if isinstance(distribution, Beta):
        both = distribution.concentration1, distribution.concentration0
        concentration = torch.stack(both, -1)
    else:
        concentration = distribution.concentration
    if not (concentration < _SMALL).any():
        drawn: Tensor = distribution.sample(shape)
        return drawn
    numbers = torch.finfo(concentration.dtype)
    with torch.no_grad():
        each = concentration.expand(*shape, *concentration.shape)
        logs = torch._standard_gamma(each + 1).log() + (1 - torch.rand_like(each)).log() / each
        found = logs.softmax(-1).clamp_min(numbers.tiny)
    if isinstance(distribution, Beta):
        return found[..., 0].clamp_max(1 - numbers.eps)
    return found
