r"""Quantile functions of torch distributions on the line, with gradients in their parameters.

Where a distribution has no quantile function of its own, its distribution function is inverted by
Newton's method, kept between bounds. One step more then carries the gradient, that of the implicit
function:

.. math:: F_\theta(x) = u \quad\Rightarrow\quad
    \frac{\partial x}{\partial \theta} = -\frac{\partial_\theta F_\theta(x)}{F_\theta'(x)} .
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
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

__all__ = ["Quantile", "atoms", "level_error", "quantile_function"]

Quantile = Callable[[Tensor], Tensor]

_DOUBLINGS = 200
_STEPS = 100
_MOST = 4096  # quantiles that are kept of a distribution
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


def level_error(distribution: Distribution) -> float:
    """How far the level of a quantile may be off: nothing where it is not searched for."""
    return 0.0 if _has(distribution, "icdf") else 8 * _EPS


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
        shape = np.broadcast_shapes(levels.shape, distribution.batch_shape)
        levels = levels.expand(shape)
        found = _FOUND.get(distribution)
        x = _searched(distribution, levels, *_nearby(distribution, levels, found))
        if found is None or not found.holds(levels):
            _FOUND[distribution] = _Found.of(levels, x, found)
        density = distribution.log_prob(x).exp()
    missing = levels - distribution.cdf(x)
    usable = density > 0
    step = torch.where(usable, missing / torch.where(usable, density, 1.0), 0.0)
    return x + step - step.detach()


@dataclass(frozen=True)
class _Found:
    """Quantiles that were found, in order, with shape (C, K) for C distributions of a batch."""

    levels: Tensor
    values: Tensor

    @classmethod
    def of(cls, levels: Tensor, values: Tensor, former: _Found | None) -> _Found:
        """Those of levels with shape (N, *), and of former ones where these are not too many."""
        levels, values = _columns(levels), _columns(values)
        fits = former is not None and len(former.levels) == len(levels)
        if former is not None and fits and former.levels.shape[-1] < _MOST:
            levels = torch.cat([former.levels, levels], -1)
            values = torch.cat([former.values, values], -1)
        levels, order = levels.sort(-1)
        return cls(levels, values.gather(-1, order))

    def around(self, levels: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Quantiles below and above those of levels (N, *), and a guess between the two."""
        columns, last = _columns(levels), self.levels.shape[-1] - 1
        if len(columns) != len(self.levels):
            return None
        right = torch.searchsorted(self.levels, columns).clamp(1, last)
        (low, high), (below, above) = (
            (each.gather(-1, right - 1), each.gather(-1, right))
            for each in (self.values, self.levels)
        )
        share = ((columns - below) / (above - below)).nan_to_num(0.5, 0.5, 0.5).clamp(0, 1)
        guess = torch.where(columns == above, high, low + share * (high - low))
        return tuple(each.mT.reshape(levels.shape) for each in (low, high, guess))

    def holds(self, levels: Tensor) -> bool:
        """Whether all levels are among these."""
        columns = _columns(levels)
        place = torch.searchsorted(self.levels, columns).clamp_max(self.levels.shape[-1] - 1)
        return bool((self.levels.gather(-1, place) == columns).all())


_FOUND: WeakKeyDictionary[Distribution, _Found] = WeakKeyDictionary()
"""Where to begin: a fit asks for the quantiles of one and the same target again and again."""


def _columns(values: Tensor) -> Tensor:
    return values.reshape(len(values), -1).mT.contiguous()


def _nearby(
    distribution: Distribution, levels: Tensor, found: _Found | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers below and above the quantiles, and a first guess."""
    near = None if found is None else found.around(levels)
    if near is not None:  # which must be looked at: parameters may have changed in place
        low, high, _ = near
        loose = _enough(levels)
        lower, upper = distribution.cdf(low) - levels, distribution.cdf(high) - levels
        if bool(((lower <= loose) & (upper >= -loose)).all()):
            return near
    low = torch.full_like(levels, -1.0)
    high = -low
    for _ in range(_DOUBLINGS):
        above, below = distribution.cdf(low) > levels, distribution.cdf(high) < levels
        if not bool((above | below).any()):
            break
        low, high = torch.where(above, 2 * low, low), torch.where(below, 2 * high, high)
    return low, high, (low + high) / 2


def _searched(
    distribution: Distribution, levels: Tensor, low: Tensor, high: Tensor, x: Tensor
) -> Tensor:
    """The quantiles by Newton's method, kept between bounds."""
    enough = _enough(levels)
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
    return x


def _enough(levels: Tensor) -> Tensor:
    """How much of a level may be missing."""
    return 4 * _EPS + _CLOSE * levels * (1 - levels)
