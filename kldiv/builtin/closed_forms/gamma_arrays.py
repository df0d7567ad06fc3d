r"""The Kullback-Leibler divergence of many pairs of gamma, beta and Dirichlet laws, in blocks.

With the Bregman divergence of :math:`\log \Gamma`,

.. math:: B(a, b) = \log \Gamma(a) - \log \Gamma(b) - (a - b)\,\psi(b) \geq 0,

that of gammas of shapes :math:`k_p, k_q` and rates :math:`r_p, r_q`, and that of Dirichlet laws of
concentrations :math:`a, b` with sums :math:`a_0, b_0`, are

.. math:: B(k_q, k_p) + k_p \Bigl(\frac{r_q}{r_p} - 1\Bigr) - k_q \log \frac{r_q}{r_p},
    \qquad \sum_i B(b_i, a_i) - B(b_0, a_0),

taken by a few steps of the recurrence of :math:`\Gamma`, and Stirling's series of what is beyond.
Where the two are so close that this cancels, with :math:`\rho(u) = u - 1 - \log u \geq 0`, the
means :math:`\mu`, and the Bregman divergence G of
:math:`g(k) = \log \Gamma(k) - k \log k + k`, which is convex too, they are

.. math:: k_q\,\rho(\mu_p / \mu_q) + G(k_q, k_p), \qquad
    \sum_i b_i\,\rho\Bigl(\frac{a_i / a_0}{b_i / b_0}\Bigr) + \sum_i G(b_i, a_i) - G(b_0, a_0),

of which only the last term is negative, and smaller than the others. As
:math:`g(k) - g(k + 1) = (k + 1) \log(1 + 1/k) - 1`,

.. math:: G(a, b) = (a + 1)\,\rho\Bigl(1 + \frac{a - b}{b (a + 1)}\Bigr) + G(a + 1, b + 1),

and of Stirling's series :math:`g(k) = \frac12 \log \frac{2 \pi}k + \frac1{12 k}
- \frac1{360 k^3} + \dots` each power has the divergence

.. math:: \frac1{a^n} - \frac1{b^n} + \frac{n (a - b)}{b^{n + 1}}
    = \frac{(a - b)^2}{a\,b^2} \sum_{j = 1}^n j\,a^{j - n} b^{1 - j}.
"""

from __future__ import annotations

import math

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from torch import Tensor
from torch.distributions import Distribution

from kldiv.blocks import Array
from kldiv.builtin.closed_forms.normal_scalars import remainder
from kldiv.builtin.closed_forms.scalar_arrays import ArrayForm
from kldiv.definitions.divergence import Divergence

__all__ = [
    "DOUBLE",
    "SINGLE",
    "GammaForm",
    "beta",
    "dirichlet",
    "gamma",
    "rounding_of_beta",
    "rounding_of_dirichlet",
]


_ROUNDING = 64 * float(np.finfo(np.float64).eps)
_LARGEST = 1e8  # a shape, beyond which rounding grows with the root


@dataclass(frozen=True, kw_only=True)
class GammaForm(ArrayForm):
    """A form of laws of which some parameters are shapes.

    Arguments:
        shapes: Their names.
    """

    shapes: tuple[str, ...]

    def of_arrays(
        self, p: Distribution, q: Distribution, divergence: Divergence
    ) -> tuple[Tensor, Tensor] | None:
        """As of all, with what rounding of the largest shape adds."""
        found = super().of_arrays(p, q, divergence)
        if found is None:
            return None
        value, error = found
        largest = len(self.shapes) * max(float(getattr(q, each).max()) for each in self.shapes)
        growth = p.event_shape.numel() * largest / _LARGEST
        return found if growth <= 1 else (value, error * math.sqrt(growth))


class _Digits(NamedTuple):
    """How a precision is reached.

    Arguments:
        steps: How many steps of the recurrence.
        series: Stirling's series, its last term in the place of all that follow.
        near: A divergence, as against all that cancels, below which too many digits are lost.
    """

    steps: int
    series: tuple[float, ...]
    near: float


SINGLE = 4, (1 / 12, -1 / 360, 1 / 1312)
"""Steps of the recurrence, and Stirling's series, for float32: 7e-9 of G is left out at most."""

DOUBLE = 8, (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1225)
"""The same for float64: 4e-14 of it."""

_SINGLE, _DOUBLE = _Digits(*SINGLE, 1e-6), _Digits(*DOUBLE, 1e-3)


def gamma(
    shape: Array, rate: Array, other: Array, other_rate: Array, *, single: bool = False
) -> Array:
    """By the ratio of the rates, or where they are close by that of the means."""
    digits = _SINGLE if single else _DOUBLE
    found = _of_log_gamma(other, shape, digits)
    ratio = other_rate / rate
    logarithm = np.log(ratio)
    logarithm *= other
    ratio -= 1
    ratio *= shape
    found += ratio
    found -= logarithm
    near = _lost(found, shape + other, digits)
    if near.size:
        block = (shape, rate, other, other_rate)
        found.put(near, _of_close_gammas(digits, *(each.take(near) for each in block)))
    return found


def beta(a: Array, b: Array, other: Array, rest: Array, *, single: bool = False) -> Array:
    """That of Dirichlet laws of two parts."""
    return _of_parts(np.stack([a, b]), np.stack([other, rest]), single=single)


def dirichlet(concentration: Array, other: Array, *, single: bool = False) -> Array:
    """By the parts, less their sum."""
    first, second = (np.ascontiguousarray(each.T) for each in (concentration, other))
    return _of_parts(first, second, single=single)


def rounding_of_beta(a: Array, b: Array, other: Array, rest: Array) -> Array:
    """That of Dirichlet laws of two parts."""
    return _rounding_of_sums(a + b, other + rest)


def rounding_of_dirichlet(concentration: Array, other: Array) -> Array:
    """That of the divergence of the sums, which is what the values are a difference by."""
    return _rounding_of_sums(concentration.sum(-1), other.sum(-1))


def _rounding_of_sums(own: Array, other: Array) -> Array:
    """From a bound of G, as minus the logarithm is more convex than g."""
    found: Array = remainder(other, own, np.empty_like(own))
    found *= _ROUNDING
    return found


def _of_parts(first: Array, second: Array, *, single: bool) -> Array:
    """From concentrations that lie part by part."""
    digits = _SINGLE if single else _DOUBLE
    own, other = first.sum(0), second.sum(0)
    found: Array = _of_log_gamma(second, first, digits).sum(0)
    found -= _of_log_gamma(other, own, digits)
    near = _lost(found, own + other + other / own, digits)
    if near.size:
        close = (each.take(near, axis=1) for each in (first, second))
        found.put(near, _of_close_parts(digits, *close))
    return found


def _lost(found: Array, size: Array, digits: _Digits) -> Array:
    """Where a divergence is too small beside what cancels, or is no number."""
    size += 1
    size *= digits.near
    return np.flatnonzero(~((found > size) & (found < np.inf)))


def _of_close_gammas(
    digits: _Digits, shape: Array, rate: Array, other: Array, other_rate: Array
) -> Array:
    more = other - shape
    own, ratio = shape / other, rate / other_rate
    gap = own * ((other_rate - rate) / other_rate) - ratio * (more / other)
    found = other * _remainder(own, ratio, gap)
    found += _of_close_shapes(other, shape, more, digits)
    return found


def _of_close_parts(digits: _Digits, first: Array, second: Array) -> Array:
    more = second - first
    own, other, excess = (each.sum(0) for each in (first, second, more))
    mean = first / own
    means = second * _remainder(mean, second / other, (mean * excess - more) / other)
    found: Array = (means + _of_close_shapes(second, first, more, digits)).sum(0)
    found -= _of_close_shapes(other, own, excess, digits)
    return found


def _of_log_gamma(a: Array, b: Array, digits: _Digits) -> Array:
    """The divergence B as a difference."""
    above, below, slope = a.copy(), b.copy(), 1 / b
    for j in range(1, digits.steps):
        above *= a + j
        start = b + j
        below *= start
        slope += 1 / start
    end, start = a + digits.steps, b + digits.steps
    gap = a - b
    found = _of_series(end, start, gap, digits)
    above /= below
    found -= np.log(above, out=above)
    np.divide(end, start, out=above)
    np.log(above, out=above)
    end -= 0.5
    above *= end
    found += above
    slope += 0.5 / start
    slope -= 1
    slope *= gap
    found += slope
    return found


def _of_close_shapes(a: Array, b: Array, gap: Array, digits: _Digits) -> Array:
    """The divergence G, from numbers and what the first exceed the second by."""
    found = np.zeros_like(gap)
    for _ in range(digits.steps):
        above, beyond = a + 1, b + 1
        found += above * _remainder(a / above, b / beyond, gap / above / beyond)
        a, b = above, beyond
    found += _remainder(a, b, gap) / 2
    found += _of_series(a, b, gap, digits)
    return found


def _of_series(a: Array, b: Array, gap: Array, digits: _Digits) -> Array:
    """That of Stirling's series but for its logarithm."""
    x, y = 1 / a, 1 / b
    found = gap * y
    found *= found
    found *= x
    power, inner = y.copy(), np.ones_like(y)
    factor = np.full_like(y, digits.series[0])
    for n, coefficient in enumerate(digits.series[1:], 1):
        for j in (2 * n, 2 * n + 1):
            inner *= x
            inner += j * power
            power *= y
        factor += coefficient * inner
    found *= factor
    return found


def _remainder(own: Array, other: Array, gap: Array) -> Array:
    return remainder(own, other, np.empty_like(own), gap)
