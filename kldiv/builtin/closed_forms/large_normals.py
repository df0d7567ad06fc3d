r"""The Kullback-Leibler divergence of many pairs of normal vectors, in blocks of pairs.

In the notation of `kldiv.builtin.closed_forms.whitening` it is

.. math:: \frac12 \Bigl(\sum_i \bigl[s_i (s_i + 2) - 2 \log(1 + s_i)\bigr]
        + \sum_{i > j} C_{ij}^2 + |z|^2\Bigr), \qquad s_i = C_{ii},
    \qquad [z, C] = L_q^{-1} [\mu_p - \mu_q, L_p - L_q].

The triangular system is solved row by row for all pairs of a block at once, an entry of a matrix
being a vector of pairs. What rounding does to its solution is bounded by the comparison matrix of
:math:`L_q`, at most :math:`\gamma \max_i x_i` of it with :math:`M(L_q)\,x = |L_q|\,\mathbf 1`.

References:
    Accuracy and Stability of Numerical Algorithms (Higham, 2002), theorems 8.5 and 8.10,
    doi:10.1137/1.9780898718027.
"""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

from kldiv.blocks import BLOCK, LARGE, Array, arrays_of

__all__ = ["kl_of_many"]

_MOST = 12  # dimensions, above which a library's triangular solve is faster
_EPS = float(np.finfo(np.float64).eps)
_SMALL = -0.99  # the logarithm of 1 + s is taken of what it is below


def kl_of_many(p: MultivariateNormal, q: MultivariateNormal) -> tuple[Tensor, Tensor] | None:
    """The divergences of many pairs in the precision of the inputs, and their errors.

    Arguments:
        p: The one, as it was given.
        q: The other.

    Returns:
        Both with the batch shape; ``None`` where the ordinary way is the right one.
    """
    if not (_by_factor(p) and _by_factor(q)) or p.event_shape[0] > _MOST:
        return None
    means, factors = arrays_of([p.loc, q.loc]), arrays_of([p.scale_tril, q.scale_tril])
    if means is None or factors is None or factors[0].size < LARGE:
        return None
    size = p.event_shape[0]
    first, second = (each.reshape(-1, size) for each in means)
    own, other = (each.reshape(-1, size, size) for each in factors)
    value, error = np.empty((2, len(first)), first.dtype)
    step = BLOCK // size
    work = _Work(size, step)
    with np.errstate(all="ignore"):
        for start in range(0, len(first), step):
            pairs = slice(start, start + step)
            part = work.first(len(first[pairs]))
            found = part.divergences(first[pairs], second[pairs], own[pairs], other[pairs])
            if found is None:
                return None
            value[pairs], error[pairs] = found
    eps = float(np.finfo(first.dtype).eps)
    if eps > _EPS:
        error += eps * value
    return tuple(torch.from_numpy(each).reshape(p.batch_shape) for each in (value, error))  # type: ignore[return-value]


def _by_factor(normal: MultivariateNormal) -> bool:
    """Whether it was given by its factor, which is then all that it holds."""
    held = vars(normal)
    return "scale_tril" in held and not held.keys() & {"covariance_matrix", "precision_matrix"}


class _Work:
    """The memory that blocks of pairs are worked on in: rows of numbers, one for each pair.

    Arguments:
        size: The dimensions.
        pairs: The pairs of a block.
    """

    def __init__(self, size: int, pairs: int) -> None:
        entries = size * (size + 3) // 2
        memory = np.empty((3 * entries + size + 2, pairs))
        self.size, self.memory = size, memory
        self.solution, self.spare, self.factor = memory[: 3 * entries].reshape(3, entries, pairs)
        self.bound, (self.one, self.value) = memory[3 * entries : -2], memory[-2:]

    def first(self, count: int) -> _Work:
        """The memory for the first of as many pairs."""
        return self if count == self.memory.shape[1] else _Work(self.size, count)

    def row_of(self, held: Array, i: int) -> Array:
        """Row i of a triangular system: the entry on its right, then those of its matrix."""
        start = i * (i + 3) // 2
        row: Array = held[start : start + i + 2]
        return row

    def divergences(
        self, first: Array, second: Array, own: Array, other: Array
    ) -> tuple[Array, Array] | None:
        """The divergences of a block and their errors; ``None`` where one is not finite."""
        self._read(first, second, own, other)
        value, growth = self.value, self.bound[-1]
        value.fill(0)
        for i in range(self.size):
            self._solve(i)
            share, scale = self.row_of(self.solution, i)[-1], self.row_of(self.factor, i)[-1]
            value -= self._logarithm(share, own[:, i, i], scale)
            value += share
            self._bound(i)
        np.maximum.reduce(self.bound, axis=0, out=growth)
        np.multiply(self.solution, self.solution, out=self.spare)
        value += np.add.reduce(self.spare, axis=0, out=self.one) / 2
        if not np.isfinite(value.sum()):
            return None
        np.maximum(value, 0, out=value)
        growth += 4
        growth *= 4 * self.size**1.5 * _EPS
        growth *= np.add(np.sqrt(value, out=self.one), value, out=self.one)
        return value, growth

    def _read(self, first: Array, second: Array, own: Array, other: Array) -> None:
        """An entry after the other, for all pairs."""
        for i in range(self.size):
            row, beside = self.row_of(self.solution, i), self.row_of(self.factor, i)
            row[0], beside[0] = first[:, i], second[:, i]
            for j in range(i + 1):
                row[j + 1], beside[j + 1] = own[:, i, j], other[:, i, j]
        self.solution -= self.factor

    def _solve(self, i: int) -> None:
        """Row i of the solution, from those before it."""
        row, factors = self.row_of(self.solution, i), self.row_of(self.factor, i)
        for k in range(i):
            part = self.spare[: k + 2]
            np.multiply(self.row_of(self.solution, k), factors[k + 1], out=part)
            row[: k + 2] -= part
        row /= factors[-1]

    def _logarithm(self, share: Array, own: Array, other: Array) -> Array:
        """The logarithm of 1 + share, which is own / other."""
        found: Array = np.log1p(share, out=self.one)
        if share.min() < _SMALL:
            far = share < _SMALL
            found[far] = np.log(own[far] / other[far])
        return found

    def _bound(self, i: int) -> None:
        """Entry i of what bounds the growth of rounding."""
        part, bound, factors = self.spare[:i], self.bound[i], self.row_of(self.factor, i)
        np.abs(factors[1:-1], out=part)
        part *= self.bound[:i]
        np.add.reduce(part, axis=0, out=bound)
        bound /= factors[-1]
        bound += 2  # the entry, and 1 as it enters those after it
