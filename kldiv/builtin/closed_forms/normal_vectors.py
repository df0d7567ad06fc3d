r"""The Kullback-Leibler divergence of pairs of normal vectors, in blocks of pairs.

In the notation of `kldiv.builtin.closed_forms.whitening` it is

.. math:: \frac12 \bigl(|z|^2 + |A|^2 - D\bigr) - \log \prod_i A_{ii}, \qquad
    [z, A] = L_q^{-1} [\mu_p - \mu_q, L_p],

and, where the two are so close that this cancels, with :math:`C = L_q^{-1} (L_p - L_q) = A - I`

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr).

The triangular system is solved column by column for all pairs of a block at once, an entry of
a matrix being a vector of pairs. What rounding does to its solution is at most
:math:`\gamma\,|T^{-1}|\,|T|` of it, where T is :math:`L_q` with rows divided to have a diagonal
of ones, and that by the comparison matrix at most :math:`\gamma \max_i x_i` with
:math:`M(T)\,x = |T|\,\mathbf 1`, which is solved beside it.

References:
    Accuracy and Stability of Numerical Algorithms (Higham, 2002), theorems 8.5 and 8.10,
    doi:10.1137/1.9780898718027.
"""

from __future__ import annotations

import math

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

from kldiv.blocks import BLOCK, Array, arrays_of, even_blocks
from kldiv.builtin.closed_forms.normal_matrices import MOST, write_divergences
from kldiv.builtin.closed_forms.normal_planes import write_in_single
from kldiv.builtin.closed_forms.normal_scalars import remainder
from kldiv.definitions.numbers import broadcast

__all__ = [
    "NEAR",
    "Work",
    "blocks_of_pairs",
    "is_by_factor",
    "kl_of_vectors",
    "write_anew",
]

_NUMBERS = 8 * BLOCK  # in the matrices of a block
_FEW = 400  # dimensions of pairs, of which all are as soon had as close ones
_ALIKE = 1e-13  # the largest error of rounding that is taken for that of all pairs
NEAR = 0.05
"""Nats for each dimension, below which the terms of both signs lose digits."""
_REMAINDER = 1e-14  # the relative error of half a square and a remainder of one scale
_SMALL = 1e-20  # the least factor of a product of so few that cannot underflow


def kl_of_vectors(p: MultivariateNormal, q: MultivariateNormal) -> tuple[Tensor, Tensor] | None:
    """The divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: The one, whose factor is taken as it is.
        q: The other.

    Returns:
        Both with the batch shape; ``None`` where the ordinary way is the right one.
    """
    size = p.event_shape[0]
    batch = broadcast(p.batch_shape, q.batch_shape)
    tensors = [each.loc.expand((*batch, size)) for each in (p, q)]
    tensors += [each.scale_tril.expand((*batch, size, size)) for each in (p, q)]
    arrays = arrays_of(tensors)
    if arrays is None or 0 in batch:
        return None
    sides = [each.reshape(-1, *each.shape[len(batch) :]) for each in arrays]
    value, error = np.empty((2, len(sides[0])), sides[0].dtype)
    eps = float(np.finfo(value.dtype).eps) if value.dtype != np.float64 else 0.0
    with np.errstate(all="ignore"):
        if size > MOST:
            write_divergences(sides, value, error)
            error += value * value.dtype.type(eps)
        else:
            _write_divergences(sides, value, error, eps)
        if not np.isfinite(value.sum()):
            return None
    return tuple(torch.from_numpy(each).reshape(batch) for each in (value, error))  # type: ignore[return-value]


def _write_divergences(sides: list[Array], value: Array, error: Array, eps: float) -> None:
    """Writes those of all pairs as differences, and anew those of the close ones.

    Of many in the plane it does so in float32, and anew what needs more digits.
    """
    count, size = sides[0].shape
    if count * size <= _FEW:
        write_anew(np.arange(count), sides, value, error, eps)
        return
    done, near = 0, np.empty(0, int)
    if size == 2 and value.dtype == np.float32 and count >= BLOCK:
        done, near = write_in_single(sides, value, error)
    for start, work in blocks_of_pairs(size, count - done):
        pairs = slice(done + start, done + start + work.pairs)
        work.write_apart([each[pairs] for each in sides], value[pairs], error[pairs], eps)
    near = np.concatenate([near, done + np.flatnonzero(value[done:] < NEAR * size)])
    write_anew(near, sides, value, error, eps)


def write_anew(some: Array, sides: list[Array], value: Array, error: Array, eps: float) -> None:
    """Writes the divergences of some pairs in float64, as sums of terms of one sign.

    Arguments:
        some: Their indices.
        sides: The means of both sides, and their factors, of all pairs.
        value: Where the divergences are replaced.
        error: Where their errors are.
        eps: The relative error of rounding to their precision.
    """
    for start, work in blocks_of_pairs(sides[0].shape[-1], len(some)):
        pairs = some[start : start + work.pairs]
        value[pairs], error[pairs] = work.close([each.take(pairs, axis=0) for each in sides], eps)


def is_by_factor(normal: MultivariateNormal) -> bool:
    """Whether it was given by its factor, which is then all that it holds."""
    held = vars(normal)
    return "scale_tril" in held and not held.keys() & {"covariance_matrix", "precision_matrix"}


def blocks_of_pairs(size: int, count: int) -> Iterator[tuple[int, Work]]:
    """Where each block of pairs begins, and memory for it; the last two may overlap."""
    if not count:
        return
    most = min(BLOCK, _NUMBERS // (size * (size + 1)))
    length, starts = even_blocks(count, most)
    work = Work(size, length)
    for start in starts:
        yield start, work


class _Step(NamedTuple):
    """The memory that a column of the factor of q is read to, and what is changed by it."""

    column: Array
    below: Tensor
    product: tuple[Tensor, Tensor]
    bound: Tensor
    bounds: tuple[Tensor, Tensor]


class Work:
    """The memory that a block of pairs is worked on in: rows of numbers, one for each pair.

    Entries above the diagonal stay 0.

    Arguments:
        size: The dimensions.
        pairs: The pairs of a block.
    """

    def __init__(self, size: int, pairs: int) -> None:
        self.size, self.pairs = size, pairs
        self._unit = 4 * size**1.5 * float(np.finfo(np.float64).eps)
        self.solution = np.zeros((size, size + 1, pairs))
        self.diagonal = self.solution.reshape(-1, pairs)[1 :: size + 2]
        self.inverse, self.entries = np.empty((2, size, pairs))
        self.bound = np.ones((size, pairs))  # half of: 1, and 1 as it enters others
        self.square, self.spare = np.empty((2, pairs))
        self.steps = [self._step(k) for k in range(1, size)]

    def _step(self, k: int) -> _Step:
        """What is done with the part below the diagonal of the column before the k-th."""
        column, above = self.entries[: self.size - k], self.solution[k - 1, : k + 1]
        below, bound, last = self.solution[k:, : k + 1], self.bound[k:], self.bound[k - 1]
        product = torch.from_numpy(column[:, None]), torch.from_numpy(above)
        bounds = torch.from_numpy(column), torch.from_numpy(last)
        return _Step(column, torch.from_numpy(below), product, torch.from_numpy(bound), bounds)

    def write_apart(self, block: list[Array], value: Array, error: Array, eps: float) -> None:
        """Writes the divergences, as differences, and their errors; NaN where there is none.

        Arguments:
            block: The means of both sides, and their factors.
            value: Where the divergences go.
            error: Where their errors go.
            eps: The relative error of rounding to their precision.
        """
        self._read(*block[:3])
        self._solve(block[3])
        np.copyto(value, self._difference(), casting="same_kind")
        growth = self._growth_of_all(max(_ALIKE, eps / 8))
        if eps and isinstance(growth, float):  # no root is more than so many times its value
            growth *= 1 + 1 / math.sqrt(NEAR * self.size)
            np.multiply(value, value.dtype.type(eps + growth), out=error)
        else:
            np.sqrt(value, out=error)
            error += value
            error *= growth
            error += value.dtype.type(eps) * value

    def close(self, block: list[Array], eps: float) -> tuple[Array, Array]:
        """The divergences of close pairs, as sums of terms of one sign, and their errors."""
        mean, centre, own, other = block
        self._read(mean, centre, own)
        for i, row in enumerate(self.solution):
            row[1 : i + 2] -= other[:, i, : i + 1].T
        self._solve(other)
        found = self._square()
        found *= 0.5
        scales, units = (_diagonal(each).astype(float, order="C") for each in (own, other))
        found += remainder(scales, units, self.entries).sum(0)
        error = self._growth()
        error += eps + _REMAINDER
        error *= found
        return found, error

    def comparison(self, factor: Array) -> Array:
        """What `comparison_of_factors` gives."""
        self._read_diagonal(factor)
        for k, step in enumerate(self.steps, 1):
            np.copyto(step.column, factor[:, k:, k - 1].T)
            self._bound(k, step)
        found: Array = self.bound.max(0)
        found *= 2
        found -= 1
        return found

    def _read(self, mean: Array, centre: Array, own: Array) -> None:
        """Reads a block, but for the factors of q."""
        np.copyto(self.solution[:, 0], mean.T)
        np.copyto(self.entries, centre.T)
        self.solution[:, 0] -= self.entries
        for i, row in enumerate(self.solution):
            np.copyto(row[1 : i + 2], own[:, i, : i + 1].T)

    def _solve(self, factor: Array) -> None:
        """Solves, and bounds the growth of rounding, column after column of the factor of q."""
        self._read_diagonal(factor)
        self.solution[0, :2] *= self.inverse[0]
        for k, step in enumerate(self.steps, 1):
            np.copyto(step.column, factor[:, k:, k - 1].T)
            step.below.addcmul_(*step.product, value=-1.0)
            self.solution[k, : k + 2] *= self.inverse[k]
            self._bound(k, step)

    def _read_diagonal(self, factor: Array) -> None:
        np.copyto(self.inverse, _diagonal(factor))
        np.divide(1.0, self.inverse, out=self.inverse)

    def _bound(self, k: int, step: _Step) -> None:
        """Adds a column to the solution of the comparison matrix."""
        entries = self.bound[1:] if k == 1 else step.column
        np.multiply(step.column, self.inverse[k:], out=entries)
        np.abs(entries, out=entries)
        if k == 1:
            entries += 1.0
        else:
            step.bound.addcmul_(*step.bounds)

    def _growth(self) -> Array:
        """What divergences and their roots are multiplied by for what rounding does to them."""
        growth: Array = self.bound.max(0)
        growth += 2
        growth *= 2 * self._unit
        return growth

    def _growth_of_all(self, most: float) -> float | Array:
        """The largest of them, if it is no more than that."""
        largest = 2 * self._unit * (float(self.bound[1:].max(initial=1.0)) + 2)
        return largest if largest <= most else self._growth()

    def _square(self) -> Array:
        """The sum of the squares of the solution, without most of what is above the diagonal."""
        half = self.size // 2
        upper, lower = self.solution[:half, : half + 1], self.solution[half:]
        found: Array = np.einsum("ijn,ijn->n", lower, lower, out=self.square)
        if half:
            found += np.einsum("ijn,ijn->n", upper, upper)
        return found

    def _difference(self) -> Array:
        """Half of the squares and of their number, less the logarithm of a product of scales."""
        first, *others = self.diagonal
        found: Array = np.multiply(first, others.pop() if others else 1.0, out=self.spare)
        for scale in others:
            found *= scale
        if found.min() < _SMALL:
            np.log(self.diagonal).sum(0, out=found)
        else:
            np.log(found, out=found)
        torch.from_numpy(found).sub_(torch.from_numpy(self._square()), alpha=0.5)
        np.subtract(-self.size / 2, found, out=found)
        return found


def _diagonal(factor: Array) -> Array:
    return factor.diagonal(axis1=1, axis2=2).T
