r"""The Kullback-Leibler divergence of many pairs of Gumbel's or Weibull's laws, in blocks.

With :math:`r = b_p / b_q` and :math:`v = (m_q - m_p) / b_q + \log \Gamma(1 + r)` it is

.. math:: e^v - 1 - v + R(r), \qquad R(r) = \log \Gamma(r) + \gamma (r - 1) \geq 0.

The remainder R is computed by a few steps of the recurrence of :math:`\Gamma` and Stirling's
series, up to 2 less the tangent at 1 of what these give; near 1, where that cancels, by a series

.. math:: R(1 + x) = \sum_{k \geq 2} \frac{\zeta(k)}k (-x)^k.
"""

from __future__ import annotations

import math

from typing import NamedTuple

import numpy as np
import torch

from kldiv.blocks import Array
from kldiv.builtin.closed_forms.gamma_arrays import DOUBLE, SINGLE
from kldiv.builtin.closed_forms.scalar_arrays import excess, log_ratio

__all__ = ["gumbel", "weibull"]

_EULER = 0.57721566490153286061
_HALF_LOG_2PI = math.log(2 * math.pi) / 2
_SERIES = tuple(
    (-1) ** k / k * float(torch.special.zeta(torch.tensor(k, dtype=torch.float64), 1))
    for k in range(2, 16)
)


class _Digits(NamedTuple):
    """How a precision is reached.

    Arguments:
        steps: How many steps of the recurrence.
        stirling: Stirling's series.
        near: How far from 1 the series of R is taken.
        terms: How many terms it has there.
    """

    steps: int
    stirling: tuple[float, ...]
    near: float
    terms: int


_SINGLE, _DOUBLE = _Digits(*SINGLE, 3e-3, 4), _Digits(*DOUBLE, 0.1, len(_SERIES))


def gumbel(loc: Array, scale: Array, other: Array, unit: Array, *, single: bool = False) -> Array:
    """An excess of an exponential, and a remainder of the gamma function."""
    return _of_extremes((other - loc) / unit, scale, unit, single=single)


def weibull(
    scale: Array, power: Array, other: Array, other_power: Array, *, single: bool = False
) -> Array:
    """That of minus the logarithms."""
    shift = other_power * log_ratio(scale, other)
    return _of_extremes(shift, other_power, power, single=single)


def _of_extremes(shift: Array, scale: Array, unit: Array, *, single: bool) -> Array:
    share = scale - unit
    share /= unit
    rest = _remainder(scale / unit, share, _SINGLE if single else _DOUBLE)
    shift += log_ratio(scale, unit)
    shift += rest
    share *= _EULER
    shift -= share
    rest += excess(shift, single=single)
    return rest


def _remainder(ratio: Array, share: Array, digits: _Digits) -> Array:
    """The remainder R, from numbers and what they exceed 1 by."""
    end = ratio + digits.steps
    product = ratio.copy()
    for j in range(1, digits.steps):
        product *= ratio + j
    found: Array = np.log(end)
    found *= end - 0.5
    found -= end
    found += _HALF_LOG_2PI
    found -= np.log(product, out=product)
    np.divide(1, end, out=end)
    found += _stirling(end, digits.stirling)
    height, slope = _at_one(digits)
    far = share > 1
    found -= np.where(far, -_EULER, slope) * share
    found -= np.where(far, 0.0, height)
    near = np.flatnonzero(np.abs(share) < digits.near)
    if near.size:
        found.put(near, _by_series(share.take(near), digits.terms))
    return found


def _stirling(inverse: Array, series: tuple[float, ...]) -> Array:
    """What Stirling's series has beyond the logarithms."""
    square = inverse * inverse
    found: Array = series[-1] * square
    for coefficient in series[-2:0:-1]:
        found += coefficient
        found *= square
    found += series[0]
    found *= inverse
    return found


def _at_one(digits: _Digits) -> tuple[float, float]:
    """What is computed of the logarithm of the gamma function at 1, and its derivative."""
    end = 1.0 + digits.steps
    height = (end - 0.5) * math.log(end) - end - math.log(math.factorial(digits.steps))
    height += _HALF_LOG_2PI
    slope = math.log(end) - 0.5 / end - sum(1 / j for j in range(1, digits.steps + 1))
    for n, coefficient in enumerate(digits.stirling):
        height += coefficient / end ** (2 * n + 1)
        slope -= (2 * n + 1) * coefficient / end ** (2 * n + 2)
    return height, slope


def _by_series(share: Array, terms: int) -> Array:
    found: Array = _SERIES[terms - 1] * share
    for coefficient in _SERIES[terms - 2 :: -1]:
        found += coefficient
        found *= share
    found *= share
    return found
