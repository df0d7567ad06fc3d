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

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch

from kldiv.blocks import BLOCK, Array

__all__ = ["integral_of_f_log_f", "order_and_bound"]

_ORDERS = (2, 4, 8, 16)
_WANTED = 1e-12  # of the mass
_MANY, _ENOUGH = 100_000, 1e-9  # cells, of which each digit costs as much as the first
_LEAST = 1e-300  # of the mean: it is added, so that every logarithm is finite


def order_and_bound(axes: Sequence[Array], values: Array, mass: float) -> tuple[int, float]:
    """How many points the rule takes, and a bound on its error.

    Arguments:
        axes: The coordinates along each axis.
        values: The values of f at the points of the grid, not negative.
        mass: The integral of f.
    """
    slabs = _Slabs(axes, values, mass)
    wanted = mass * (_WANTED if values.size < _MANY else _ENOUGH)
    for order in _ORDERS:
        bound = slabs.bound(order)
        if bound <= wanted:
            break
    return order, bound


def integral_of_f_log_f(axes: Sequence[Array], values: Array, mass: float, order: int) -> float:
    """The integral by the rule of an order."""
    slabs = _Slabs(axes, values, mass)
    return slabs.integral(order) + mass * math.log(slabs.unit)


class _Slabs:
    r"""Blocks of rows of a grid, along its first axis, and the memory to work on them.

    A block is flat, and so is what is made of it: the number of a cell is that of its least
    corner, whose neighbour along an axis lies a *stride* on. What this makes of the last point
    along an axis is no cell and weighs nothing. All is in units of the mean of f.

    Arguments:
        axes: The coordinates along each axis.
        values: The values at the points.
        mass: The integral of f.
    """

    def __init__(self, axes: Sequence[Array], values: Array, mass: float) -> None:
        self.values = values
        self.unit = mass / math.prod(float(axis[-1] - axis[0]) for axis in axes)
        self.strides = [math.prod(values.shape[axis:]) for axis in range(1, values.ndim + 1)]
        self.first, *rest = (np.diff(axis) for axis in axes)
        beside = np.ones(())
        for width in rest:
            beside = np.multiply.outer(beside, np.append(width, 0.0))
        self.beside = beside.ravel()
        self.step = max(1, BLOCK // beside.size)
        size = (self.step + 1) * beside.size
        self.corners, self.terms = np.zeros((2, size))
        self.work = np.zeros((values.ndim, 2, size))

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        scale = 1 / self.unit
        for start in range(0, len(self.first), self.step):
            width = self.first[start : start + self.step]
            rows = self.values[start : start + len(width) + 1].ravel()
            corners = np.multiply(rows, scale, out=self.corners[: rows.size], dtype=np.float64)
            corners += _LEAST
            yield corners, width

    def _sum(self, width: Array) -> float:
        """The sum of the terms of all cells, weighted by their areas."""
        size = len(self.beside)
        terms = self.terms[: len(width) * size].reshape(-1, size)
        return self.unit * float(width @ (terms @ self.beside))

    def bound(self, order: int) -> float:
        """What the rule of an order may err by."""
        total = 0.0
        with np.errstate(all="ignore"):
            for corners, width in self:
                self._bound(*self._extremes(corners), order)
                total += self._sum(width)
        return len(self.strides) * _smooth(order) * total

    def integral(self, order: int) -> float:
        """The integral of f log f by the rule of an order, but for the logarithm of the unit."""
        nodes, weights = np.polynomial.legendre.leggauss(order)
        rule = list(zip((1 + nodes) / 2, weights / 2, strict=True))
        total = 0.0
        for corners, width in self:
            for weight, y in self._at_nodes(corners, rule):
                terms = np.log(y, out=self.terms[: y.size])
                terms *= y
                total += weight * self._sum(width)
        return total

    def _at_nodes(
        self, values: Array, rule: Sequence[tuple[float, float]], axis: int = 0
    ) -> Iterator[tuple[float, Array]]:
        """The values at the nodes inside each cell, each with its weight.

        Arguments:
            values: Those at the corners, or at a node along each axis before this one.
            rule: The share of the way and the weight of each node along an axis.
            axis: The first axis that is left.
        """
        if axis == len(self.strides):
            yield 1.0, values
            return
        low, high = _ends(values, self.strides[axis])
        inside = self.work[axis, 0, : low.size]
        ends = torch.from_numpy(low), torch.from_numpy(high)
        for share, weight in rule:
            torch.lerp(*ends, share, out=torch.from_numpy(inside))
            for factor, y in self._at_nodes(inside, rule, axis + 1):
                yield weight * factor, y

    def _extremes(self, corners: Array) -> tuple[Array, Array]:
        """The least and the largest corner of each cell."""
        low = high = corners
        for stride, (least, largest) in zip(self.strides, self.work, strict=True):
            size = low.size - stride
            low = np.minimum(*_ends(low, stride), out=least[:size])
            high = np.maximum(*_ends(high, stride), out=largest[:size])
        return low, high

    def _bound(self, low: Array, high: Array, order: int) -> None:
        """What the rule may err by along an axis, in cells of area 1; in units of `_smooth`."""
        power = np.subtract(high, low, out=self.terms[: low.size])
        power /= low
        for _ in range(order.bit_length()):  # to the power of twice the order
            np.square(power, out=power)
        power *= low
        high *= _rough(order) / _smooth(order)
        np.fmin(power, high, out=power)


def _ends(values: Array, stride: int) -> tuple[Array, Array]:
    """Those before and those behind, along the axis of a stride."""
    return values[:-stride], values[stride:]


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
