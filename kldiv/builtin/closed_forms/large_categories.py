r"""The Kullback-Leibler divergence of millions of categories, in one pass over them.

With weights :math:`a_i`, :math:`b_i` of sums A, B and :math:`d_i = \log(a_i / b_i)` it is

.. math:: \frac1A \sum_i a_i d_i + \log\frac BA
    = \frac1A \sum_i a_i \bigl(d_i + e^{-d_i} - 1\bigr) - (e^\rho - 1 - \rho),
    \qquad \rho = \log\frac BA,

where in the second form, of twice the work, nothing cancels. The first one, in the precision of
the weights, is taken where the divergence is not small, the second one in float64 elsewhere.

Logarithms are divided by their sums as well: what a constant was taken from, however large, sums
to 1 only up to the rounding of that constant. In float32 some hundred terms are added as they are,
and such sums in float64, so that the rounding is that of the exponentials, which is alike for all
categories that weigh the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kldiv.blocks import BLOCK, Array, blocks, dot
from kldiv.builtin.closed_forms.large_side import LargeSide, alike

__all__ = ["kl_of_large"]

_NEAR = 0.02  # nats, below which sums of terms of both signs lose digits
_ROUNDING = 1e-13  # of logarithms, which a close pair feels the more
_UNITS = 8  # of rounding in a sum of exponentials
_TIMES = 4  # as large as others blocks may be that need three buffers only
_LINE = 1 << 8  # terms that are added in their own precision, by numpy at least four at a time


@dataclass(frozen=True)
class _Weights:
    """The weights of both sides, a row for each pair: as they are, or their logarithms."""

    p: Array
    q: Array
    logs: bool

    def divergence(self) -> tuple[Array, Array] | None:
        """The divergences of the rows and their rounding; ``None`` where one is not finite."""
        value, units = self._plain(), _UNITS
        if (value < _NEAR).any():
            value, units = self._careful(), 0
        if not np.isfinite(value).all():
            return None
        found = np.maximum(value, 0.0)
        rounding = _ROUNDING * (found + np.sqrt(found))
        return found, rounding + units * np.finfo(self.p.dtype).eps * (1 + found)

    def _plain(self) -> Array:
        """By the first form, in the precision of the weights."""
        totals = np.zeros((3, len(self.p)))
        work = np.empty((3, _TIMES * BLOCK), self.p.dtype)
        for rows, columns in blocks(*self.p.shape, times=_TIMES):
            a, b = self.p[rows, columns], self.q[rows, columns]
            weight, other, gap = terms = work[:, : a.size].reshape(3, *a.shape)
            if self.logs:
                np.exp(a, out=weight)
                np.exp(b, out=other)
                np.subtract(a, b, out=gap)
            else:
                weight = a
                np.log(np.divide(a, b, out=gap), out=gap)
            gap *= weight
            part = _sums(terms) if self.logs else [_sums(each) for each in (a, b, gap)]
            if not np.isfinite(part).all():  # 0 log 0
                gap[weight == 0] = 0
                part[2] = _sums(gap)
            totals[:, rows] += part
        mass, other, cross = totals
        return cross / mass + np.log(other / mass)

    def _careful(self) -> Array:
        """By the second form, in float64."""
        mass, excess, cross = np.zeros((3, len(self.p)))
        for rows, columns in blocks(*self.p.shape):
            a, b = (each[rows, columns].astype(np.float64) for each in (self.p, self.q))
            gap = b - a
            weight = np.exp(a) if self.logs else a
            surplus = np.expm1(gap) if self.logs else gap / a
            change = gap if self.logs else np.log1p(surplus)
            mass[rows] += weight.sum(-1)
            excess[rows] += dot(weight, surplus)
            cross[rows] += dot(weight, surplus - change)
        ratio = excess / mass
        return cross / mass - (ratio - np.log1p(ratio))


def _sums(terms: Array) -> Array:
    """The sums of rows: of lines in the precision of the terms, and of those in float64."""
    length = terms.shape[-1]
    left = length % _LINE
    found: Array
    if left:
        found = np.einsum("...i->...", terms[..., length - left :])
        return found if left == length else found + _sums(terms[..., :-left])
    lines = np.einsum("...i->...", terms.reshape(*terms.shape[:-1], -1, _LINE))
    found = lines.sum(-1, dtype=np.float64)
    return found


def kl_of_large(p: LargeSide, q: LargeSide) -> tuple[Array, Array] | None:
    """The divergences of large categorical distributions, and their rounding.

    Arguments:
        p: The one.
        q: The other, with as many categories.

    Returns:
        Both of each, a number for each row, in float64; ``None`` where the two were given in
        different ways, or one is not finite.
    """
    if not alike(p, q):
        return None
    with np.errstate(all="ignore"):
        return _Weights(p.given, q.given, p.logs).divergence()
