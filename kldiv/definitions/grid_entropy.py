r"""The integral of f log f of a density between the points of a grid, with a bound on its error.

Along an axis of a cell f is linear, so that Gauss's rule of n points errs by at most

.. math:: \frac{(n!)^4}{(2n + 1)\,(2n)!^3} \, (M - m)^{2n} \, \frac{(2n - 2)!}{m^{2n - 1}}

times the width, where m and M are the least and the largest corner, for
:math:`|(y \log y)^{(2n)}| = (2n - 2)! / y^{2n - 1}`. Since
:math:`\lambda y \log \lambda y = \lambda\,(y \log y) + (\lambda \log \lambda)\,y`, of which the
rule integrates the second part exactly, it errs by no more than M times what it does between 0 and
1, which bounds the error where f vanishes at a corner.

References:
    Methods of Numerical Integration (Davis and Rabinowitz, 1984), equation 2.7.12.
"""

from __future__ import annotations

import math

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np

from kldiv.blocks import BLOCK, Array

__all__ = ["integral_of_f_log_f", "order_and_bound"]

_ORDERS = (2, 4, 8, 16)
_WANTED = 1e-12  # of the mass
_MANY, _ENOUGH = 100_000, 1e-9  # cells, of which each digit costs as much as the first
_LEAST = 1e-300


def order_and_bound(axes: Sequence[Array], values: Array) -> tuple[int, float]:
    """How many points the rule takes, and a bound on its error.

    Arguments:
        axes: The coordinates along each axis.
        values: The values of f at the points of the grid, not negative.
    """
    slabs = _Slabs(axes, values)
    wanted = slabs.mass() * (_WANTED if values.size < _MANY else _ENOUGH)
    for order in _ORDERS:
        bound = slabs.bound(order)
        if bound <= wanted:
            break
    return order, bound


def integral_of_f_log_f(axes: Sequence[Array], values: Array, order: int) -> float:
    """The integral by the rule of an order."""
    return _Slabs(axes, values).integral(order)


class _Slabs:
    """Blocks of rows of a grid, along its first axis, and the memory to work on them.

    Arguments:
        axes: The coordinates along each axis.
        values: The values at the points.
    """

    def __init__(self, axes: Sequence[Array], values: Array) -> None:
        first, *rest = (np.diff(axis) for axis in axes)
        self.values, self.first = values, first
        self.beside = np.ones(())
        for width in rest:
            self.beside = np.multiply.outer(self.beside, width)
        self.step = max(1, BLOCK // self.beside.size)
        cells = (self.step, *self.beside.shape)
        self.work = [
            np.empty([size + (later > axis) for later, size in enumerate(cells)])
            for axis in range(values.ndim)
        ]
        self.spare = np.empty(cells)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(self.first), self.step):
            width = self.first[start : start + self.step]
            yield self.values[start : start + len(width) + 1].astype(np.float64), width

    def _sum(self, width: Array, cells: Array) -> float:
        """The sum over cells, weighted by their areas."""
        return float(width @ (cells.reshape(len(width), -1) @ self.beside.ravel()))

    def mass(self) -> float:
        """The integral of f."""
        half = [0.5] * self.values.ndim
        return sum(self._sum(width, self._inside(corners, half)) for corners, width in self)

    def bound(self, order: int) -> float:
        """What the rule of an order may err by."""
        with np.errstate(all="ignore"):
            found = (self._sum(width, _bound(corners, order)) for corners, width in self)
            return self.values.ndim * sum(found)

    def integral(self, order: int) -> float:
        """The integral of f log f by the rule of an order."""
        nodes, weights = np.polynomial.legendre.leggauss(order)
        total = 0.0
        for corners, width in self:
            for index in np.ndindex((order,) * corners.ndim):
                y = self._inside(corners, (1 + nodes[list(index)]) / 2)
                terms = self.spare[: len(y)]
                np.log(np.maximum(y, _LEAST, out=terms), out=terms)
                terms *= y
                total += float(np.prod(weights[list(index)] / 2)) * self._sum(width, terms)
        return total

    def _inside(self, corners: Array, share: Iterable[float]) -> Array:
        """The values at a share of the way through each cell along each axis."""
        for axis, part in enumerate(share):
            low, high = _ends(corners, axis)
            corners = self.work[axis][: len(low)]
            np.subtract(high, low, out=corners)
            corners *= part
            corners += low
        return corners


def _extremes(corners: Array) -> tuple[Array, Array]:
    """The least and the largest corner of each cell."""
    low = high = corners
    for axis in range(corners.ndim):
        low = np.minimum(*_ends(low, axis))
        high = np.maximum(*_ends(high, axis))
    return low, high


def _ends(corners: Array, axis: int) -> tuple[Array, Array]:
    """Those before and those behind, along an axis."""
    before = (slice(None),) * axis
    return corners[(*before, slice(None, -1))], corners[(*before, slice(1, None))]


def _bound(corners: Array, order: int) -> Array:
    """What the rule of an order may err by along an axis, in cells of area 1."""
    low, high = _extremes(corners)
    power = high - low
    power /= np.maximum(low, _LEAST)
    for _ in range(order.bit_length()):  # to the power of twice the order
        np.square(power, out=power)
    power *= low
    power *= _smooth(order)
    found: Array = np.fmin(power, _rough(order) * high, out=power)
    return found


@cache
def _smooth(order: int) -> float:
    """The factor of the bound for a function that is positive."""
    each = math.factorial
    return each(order) ** 4 * each(2 * order - 2) / ((2 * order + 1) * each(2 * order) ** 3)


@cache
def _rough(order: int) -> float:
    r"""What the rule errs by for :math:`y \log y` between 0 and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    shares = (1 + nodes) / 2
    return abs(0.25 + float(weights / 2 @ (shares * np.log(shares))))
