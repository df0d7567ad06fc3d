r"""An exponential and a logarithm of probabilities in a few products and sums.

A compiler that fuses a formula into one pass calls a library for each exponential, which costs
more than what is fused. Instead

.. math:: e^x = 2^k e^r, \qquad k = \operatorname{round}(x / \log 2), \quad
    |r| \leq \tfrac12 \log 2,

with a polynomial for :math:`e^r`. The number k is in the last bits of a float so large that they
count ones, and moved to the place of the exponent they are a power of two. In float32 log 2 is
subtracted k times in two parts, of which k times the first is exact. Likewise

.. math:: \log y = k \log 2 + 2 \operatorname{artanh} t, \qquad t = \frac{m - 1}{m + 1}, \quad
    y = 2^k m, \quad \sqrt{\tfrac12} \leq m < \sqrt 2,

with a polynomial in :math:`t^2` for :math:`2 \operatorname{artanh}(t) / t`.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from numpy.polynomial import Chebyshev, Polynomial
from torch import Tensor

__all__ = ["bits", "exponential", "logarithm", "remainder"]

_LOG_2 = math.log(2)
_HALF = math.sqrt(0.5)


def _coefficients(
    function: Callable[[Any], Any], degree: int, ends: Sequence[float]
) -> tuple[float, ...]:
    """Those of a polynomial that is nearly the best one for a function between two ends."""
    found = Chebyshev.interpolate(function, degree, domain=ends)
    return tuple(found.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1]).coef.tolist())


def _near_zero(degree: int) -> tuple[float, ...]:
    """Those for the exponential of what is left of a number."""
    return _coefficients(np.exp, degree, [-_LOG_2 / 2, _LOG_2 / 2])


def _near_one(degree: int) -> tuple[float, ...]:
    r"""Those for :math:`2 \operatorname{artanh}(t) / t` by the square of t."""
    last = ((1 - _HALF) / (1 + _HALF)) ** 2
    return _coefficients(lambda z: 2 * np.arctanh(np.sqrt(z)) / np.sqrt(z), degree, [0, last])


@dataclass(frozen=True)
class _Format:
    r"""A format of floating-point numbers.

    Arguments:
        integer: Integers of its size.
        digits: The binary digits after the point.
        bias: What is added to an exponent where it is held.
        half: The integer with the bits of :math:`\sqrt{1 / 2}`.
        log_2: The logarithm of 2 as a sum, of which the first part may have few digits.
        exponential: The coefficients for :math:`e^r`.
        logarithm: Those for :math:`2 \operatorname{artanh}(t) / t`.
    """

    integer: torch.dtype
    digits: int
    bias: int
    half: int
    log_2: tuple[float, ...]
    exponential: tuple[float, ...]
    logarithm: tuple[float, ...]

    @property
    def large(self) -> float:
        """A number whose last digits count ones, from the exponent of 1."""
        return 1.5 * 2.0**self.digits + self.bias

    @property
    def none(self) -> int:
        """The integer with the bits of one whose last digits count none."""
        return (2 * self.bias + 2 * self.digits + 1) << (self.digits - 1)


_SHORT = round(_LOG_2 * 2.0**15) / 2.0**15  # times any exponent it is a float32
_FORMATS = {
    torch.float32: _Format(
        torch.int32,
        digits=23,
        bias=127,
        half=int(np.float32(_HALF).view(np.int32)),
        log_2=(_SHORT, _LOG_2 - _SHORT),
        exponential=_near_zero(5),
        logarithm=_near_one(2),
    ),
    torch.float64: _Format(
        torch.int64,
        digits=52,
        bias=1023,
        half=int(np.float64(_HALF).view(np.int64)),
        log_2=(_LOG_2,),
        exponential=_near_zero(9),
        logarithm=_near_one(6),
    ),
}


_CUBIC = tuple(2 / k for k in range(3, 11, 2))  # of 2 artanh t by the square of t


def bits(x: Tensor) -> Tensor:
    """The integers of the same bits, whose order is that of numbers that are not negative.

    The least of integers takes a quarter of the instructions of the least of numbers, which has to
    pass NaN on.
    """
    return x.view(_FORMATS[x.dtype].integer)


def exponential(x: Tensor) -> Tensor:
    r"""The exponential of numbers up to some tens, to three units of float32 or :math:`10^{-13}`.

    What would underflow is 0, and NaN at :math:`-\infty`.
    """
    form = _FORMATS[x.dtype]
    shifted = x * (1 / _LOG_2) + form.large
    power = shifted - form.large
    rest = x
    for part in form.log_2:
        rest = rest - power * part
    places = bits(shifted).clamp_min(form.none) << form.digits
    return _polynomial(form.exponential, rest) * places.view(x.dtype)


def logarithm(y: Tensor) -> Tensor:
    r"""The logarithm l of positive numbers to two units of float32 or :math:`10^{-15}`.

    It is so much of :math:`1 + |l|`. That of 0, of infinity and of NaN is some number.
    """
    power, reduced = _split(y)
    t = (reduced - 1) / (reduced + 1)
    return _polynomial(_FORMATS[y.dtype].logarithm, t * t) * t + power * _LOG_2


def remainder(excess: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r""":math:`e - \log(1 + e) \geq 0` of numbers of float32, near 0 to seven units of itself.

    With t of the logarithm it is :math:`e t - (2 \operatorname{artanh} t - 2 t)` near 0, where
    nothing cancels.

    Arguments:
        excess: The numbers e, near 0 to their own precision.
        y: The numbers :math:`1 + e`, to five units of rounding of themselves.

    Returns:
        What is wanted; :math:`\log y` to 0.004, of which the size is more than 83 where y is 0,
        negative, infinite or NaN; and how many units of rounding, half of the last place of 1, the
        first may be wrong by besides one of itself.
    """
    power, reduced = _split(y)
    near = power == 0
    part = torch.where(near, excess, reduced - 1)
    t = part / (part + 2)
    square = t * t
    log = t * 2 + power * _LOG_2
    found = torch.where(near, excess * t, y - 1 - log) - square * t * _polynomial(_CUBIC, square)
    lost = torch.where(near, 0.0, 9 * (y - 1).abs() + 5 * log.abs() + 3.2)
    return found, log, lost


def _split(y: Tensor) -> tuple[Tensor, Tensor]:
    r"""The numbers k and m of :math:`y = 2^k m`."""
    form = _FORMATS[y.dtype]
    places = bits(y) - form.half
    reduced = ((places & ((1 << form.digits) - 1)) + form.half).view(y.dtype)
    return (places >> form.digits).to(y.dtype), reduced


def _polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    value = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * x + coefficient
    return value
