r"""An exponential of log probabilities in a few products and sums.

A compiler that fuses a formula into one pass calls a library for each exponential, which costs
more than what is fused. Instead

.. math:: e^x = 2^k e^r, \qquad k = \operatorname{round}(x / \log 2), \quad
    |r| \leq \tfrac12 \log 2,

with a polynomial for :math:`e^r`. The number k is in the last bits of a float so large that they
count ones, and moved to the place of the exponent they are a power of two; log 2 is subtracted
k times in two parts, of which k times the first is exact.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import numpy as np
import torch

from numpy.polynomial import Chebyshev, Polynomial
from torch import Tensor

__all__ = ["exponential"]

_LOG_2 = math.log(2)


def _coefficients(degree: int) -> tuple[float, ...]:
    """Those of a polynomial that is nearly the best one for the exponential near 0."""
    ends = [-_LOG_2 / 2, _LOG_2 / 2]
    found = Chebyshev.interpolate(np.exp, degree, domain=ends)
    return tuple(found.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1]).coef.tolist())


@dataclass(frozen=True)
class _Format:
    """A format of floating-point numbers.

    Arguments:
        integer: Integers of its size.
        digits: The binary digits after the point.
        bias: What is added to an exponent where it is held.
        least: The logarithm of a number that is hardly more than the least.
        exact: The digits of log 2 that may be multiplied by any exponent without rounding.
        polynomial: The coefficients for :math:`e^r`.
    """

    integer: torch.dtype
    digits: int
    bias: int
    least: float
    exact: int
    polynomial: tuple[float, ...]

    @property
    def large(self) -> float:
        """A number whose last digits count ones, from the exponent of 1."""
        return 1.5 * 2.0**self.digits + self.bias

    @property
    def log_2(self) -> tuple[float, float]:
        """The logarithm of 2 as a sum, of which the first part has few digits."""
        first = round(_LOG_2 * 2.0**self.exact) / 2.0**self.exact
        return first, _LOG_2 - first


_FORMATS = {
    torch.float32: _Format(torch.int32, 23, 127, -87.0, 15, _coefficients(5)),
    torch.float64: _Format(torch.int64, 52, 1023, -708.0, 41, _coefficients(9)),
}


def exponential(x: Tensor) -> Tensor:
    r"""The exponential of numbers up to some tens, to three units of float32 or :math:`10^{-13}`.

    What would underflow is a number hardly above 0, also at :math:`-\infty`.
    """
    form = _FORMATS[x.dtype]
    x = x.clamp_min(form.least)
    shifted = x * (1 / _LOG_2) + form.large
    power = shifted - form.large
    first, second = form.log_2
    rest = (x - power * first) - power * second
    value = rest * form.polynomial[-1] + form.polynomial[-2]
    for coefficient in form.polynomial[-3::-1]:
        value = value * rest + coefficient
    return value * (shifted.view(form.integer) << form.digits).view(x.dtype)
