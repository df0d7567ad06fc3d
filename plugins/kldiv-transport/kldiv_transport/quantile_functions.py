r"""Quantile functions of torch distributions on the line, with gradients in their parameters.

Where a distribution has no quantile function of its own, its distribution function is inverted by
Newton's method, kept between bounds. One step more then carries the gradient, that of the implicit
function:

.. math:: F_\theta(x) = u \quad\Rightarrow\quad
    \frac{\partial x}{\partial \theta} = -\frac{\partial_\theta F_\theta(x)}{F_\theta'(x)} .
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Gamma,
    MixtureSameFamily,
    TransformedDistribution,
    constraints,
)

from kldiv.definitions.support import is_whole

__all__ = ["Quantile", "atoms", "quantile_function"]

Quantile = Callable[[Tensor], Tensor]

_DOUBLINGS = 200
_STEPS = 100
_EPS = torch.finfo(torch.float64).eps
_CLOSE = 1e-12  # in levels: an integral of quantiles moves by as much
_RARE = -80.0  # the logarithm of a probability that is left out


def quantile_function(distribution: Distribution) -> Quantile | None:
    r"""The map of levels :math:`(N, 1, \dots)` to quantiles :math:`(N, *)`, or ``None``."""
    if distribution.event_shape or distribution.support.is_discrete:
        return None
    if _has(distribution, "icdf"):
        return distribution.icdf
    if _has(distribution, "cdf") and is_whole(distribution.support):
        return lambda levels: _inverted(distribution, levels)
    return None


def atoms(distribution: Distribution) -> tuple[Tensor, Tensor] | None:
    r"""The values and probabilities, both with shape :math:`(K, *)`, of a discrete distribution.

    Of infinitely many those are left out that are rarer than :math:`e^{-80}`, at the far end.
    """
    if distribution.event_shape or not distribution.support.is_discrete:
        return None
    values = _values(distribution)
    if values is None:
        return None
    shape = (len(values), *distribution.batch_shape)
    values = values.reshape(-1, *(1,) * len(distribution.batch_shape))
    return values.expand(shape).double(), distribution.log_prob(values).exp().expand(shape)


def _values(distribution: Distribution) -> Tensor | None:
    if distribution.has_enumerate_support:
        try:
            return distribution.enumerate_support(expand=False).flatten()
        except NotImplementedError:  # binomials of several numbers of trials
            return None
    if distribution.support is not constraints.nonnegative_integer:
        return None
    count = 64
    with torch.no_grad():
        while count < 10_000_000:
            ends = torch.tensor([count - 1.0, count]).double()
            near, far = distribution.log_prob(
                ends.reshape(-1, *(1,) * len(distribution.batch_shape))
            )
            if bool(((far < _RARE) & (far < near)).all()):
                return torch.arange(count, dtype=torch.float64)
            count *= 2
    return None


def _has(distribution: Distribution, name: str) -> bool:
    """Whether a distribution has a function of its own, differentiable in its parameters."""
    if isinstance(distribution, TransformedDistribution):
        return _has(distribution.base_dist, name)
    if isinstance(distribution, MixtureSameFamily):
        return name == "cdf" and _has(distribution.component_distribution, name)
    if isinstance(distribution, Gamma):  # torch knows no derivative in the concentration
        return False
    return getattr(type(distribution), name) is not getattr(Distribution, name)


def _inverted(distribution: Distribution, levels: Tensor) -> Tensor:
    with torch.no_grad():
        shape = torch.broadcast_shapes(levels.shape, distribution.batch_shape)
        low = torch.full(shape, -1.0, dtype=torch.float64)
        high = -low
        for _ in range(_DOUBLINGS):
            above, below = distribution.cdf(low) > levels, distribution.cdf(high) < levels
            if not bool((above | below).any()):
                break
            low, high = torch.where(above, 2 * low, low), torch.where(below, 2 * high, high)
        x, enough = (low + high) / 2, 4 * _EPS + _CLOSE * levels * (1 - levels)
        for _ in range(_STEPS):
            missing = levels - distribution.cdf(x)
            low, high = torch.where(missing > 0, x, low), torch.where(missing > 0, high, x)
            step = missing / distribution.log_prob(x).exp()
            inside = (x + step > low) & (x + step < high)
            moved = torch.where(inside, x + step, (low + high) / 2)
            settled = (missing.abs() <= enough) | (step.abs() <= _EPS * x.abs())
            x = torch.where(settled, x, moved)
            if bool(settled.all()):
                break
        density = distribution.log_prob(x).exp()
    missing = levels - distribution.cdf(x)
    usable = density > 0
    step = torch.where(usable, missing / torch.where(usable, density, 1.0), 0.0)
    return x + step - step.detach()
