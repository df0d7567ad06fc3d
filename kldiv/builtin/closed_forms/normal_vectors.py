r"""The Kullback-Leibler divergence of pairs of normal vectors, in blocks of pairs.

In the notation of `kldiv.builtin.closed_forms.whitening` it is

.. math:: \frac12 \bigl(|z|^2 + |A|^2 - D\bigr) - \log \prod_i A_{ii}, \qquad
    [z, A] = L_q^{-1} [\mu_p - \mu_q, L_p],

and, where the two are so close that this cancels, with :math:`C = L_q^{-1} (L_p - L_q) = A - I`

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr).

The triangular system is solved row by row for all pairs of a block at once, an entry of a
matrix being a vector of pairs. What rounding does to its solution is bounded by the comparison
matrix of :math:`L_q`, at most :math:`\gamma \max_i x_i` of it with
:math:`M(L_q)\,x = |L_q|\,\mathbf 1`.

References:
    Accuracy and Stability of Numerical Algorithms (Higham, 2002), theorems 8.5 and 8.10,
    doi:10.1137/1.9780898718027.
"""

from __future__ import annotations

import math

from collections.abc import Iterator

import numpy as np
import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

from kldiv.blocks import BLOCK, Array, arrays_of
from kldiv.builtin.closed_forms.normal_scalars import remainder
from kldiv.definitions.numbers import broadcast

__all__ = ["kl_of_vectors"]

_MOST = 12  # dimensions, above which a library's triangular solve is faster
_NUMBERS = 6 * BLOCK  # in the matrices of a block
_EPS = float(np.finfo(np.float64).eps)
_NEAR = 0.05  # nats for each dimension, below which the terms of both signs lose digits
_FEW = 3  # dimensions, up to which extremes tell enough of the growth of rounding
_ALIKE = 1e-13  # the largest error of rounding that is taken for that of all pairs
_SMALL = 1e-20  # the least factor of a product of so few that cannot underflow


def kl_of_vectors(p: MultivariateNormal, q: MultivariateNormal) -> tuple[Tensor, Tensor] | None:
    """The divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: The one, as it was given.
        q: The other.

    Returns:
        Both with the batch shape; ``None`` where the ordinary way is the right one.
    """
    size = p.event_shape[0]
    if not (_by_factor(p) and _by_factor(q)) or size > _MOST:
        return None
    batch = broadcast(p.batch_shape, q.batch_shape)
    means = arrays_of([each.loc.expand((*batch, size)) for each in (p, q)])
    factors = arrays_of([each.scale_tril.expand((*batch, size, size)) for each in (p, q)])
    if means is None or factors is None or means[0].dtype != factors[0].dtype or 0 in batch:
        return None
    sides: list[Array] = [each.reshape(-1, size) for each in means]
    sides += [each.reshape(-1, size, size) for each in factors]
    value, error = np.empty((2, len(sides[0])), sides[0].dtype)
    eps = float(np.finfo(value.dtype).eps) if value.dtype != np.float64 else 0.0
    with np.errstate(all="ignore"):
        for start, work in _in_blocks(size, len(value)):
            pairs = slice(start, start + work.pairs)
            work.read([each[pairs] for each in sides])
            work.write_apart(value[pairs], error[pairs], eps)
        near = np.flatnonzero(value < _NEAR * size)
        for start, work in _in_blocks(size, len(near)):
            some = near[start : start + work.pairs]
            work.read([each.take(some, axis=0) for each in sides])
            value[some], error[some] = work.close(eps)
        if not np.isfinite(value.sum()):
            return None
    return tuple(torch.from_numpy(each).reshape(batch) for each in (value, error))  # type: ignore[return-value]


def _by_factor(normal: MultivariateNormal) -> bool:
    """Whether it was given by its factor, which is then all that it holds."""
    held = vars(normal)
    return "scale_tril" in held and not held.keys() & {"covariance_matrix", "precision_matrix"}


def _in_blocks(size: int, count: int) -> Iterator[tuple[int, _Work]]:
    """Where each block of pairs begins, and memory for it."""
    step = min(BLOCK, _NUMBERS // (size * (size + 1)))
    work = None
    for start in range(0, count, step):
        pairs = min(step, count - start)
        if work is None or work.pairs != pairs:
            work = _Work(size, pairs)
        yield start, work


class _Work:
    """The memory that a block of pairs is worked on in: rows of numbers, one for each pair.

    Entries above the diagonals stay 0.

    Arguments:
        size: The dimensions.
        pairs: The pairs of a block.
    """

    def __init__(self, size: int, pairs: int) -> None:
        self.size, self.pairs = size, pairs
        self.solution, self.factor = np.zeros((2, size, size + 1, pairs))
        self.diagonal = self.solution.reshape(-1, pairs)[1 :: size + 2]
        self.bound = np.full((size, pairs), 2.0)
        self.value, self.spare = np.empty((2, pairs))
        self.part = np.empty((size, pairs))

    def read(self, block: list[Array]) -> None:
        """Reads the means of both sides and their factors, a row after the other."""
        first, second, own, other = block
        for held, mean, factor in (
            (self.solution, first, own),
            (self.factor, second, other),
        ):
            np.copyto(held[:, 0], mean.T)
            for i in range(self.size):
                np.copyto(held[i, 1 : i + 2], factor[:, i, : i + 1].T)
        self.solution[:, 0] -= self.factor[:, 0]

    def write_apart(self, value: Array, error: Array, eps: float) -> None:
        """Writes the divergences, as differences, and their errors; NaN where there is none.

        Arguments:
            value: Where the divergences go.
            error: Where their errors go.
            eps: The relative error of rounding to their precision.
        """
        self._solve()
        found = self._half_square()
        found -= self._log_determinant()
        np.copyto(value, found, casting="same_kind")
        np.sqrt(value, out=error)
        error += value
        growth = self._largest_growth()
        if growth > max(_ALIKE, eps / 1000):
            error *= self._growth().astype(error.dtype)
        else:
            error *= growth
        if eps:
            error += value * value.dtype.type(eps)

    def close(self, eps: float) -> tuple[Array, Array]:
        """The divergences of close pairs, as sums of terms of one sign, and their errors."""
        own, other = self.diagonal.copy(), self.factor.reshape(-1, self.pairs)[1 :: self.size + 2]
        self.solution[:, 1:] -= self.factor[:, 1:]
        self._solve()
        found = self._half_square()
        for i, share in enumerate(self.diagonal):
            found += remainder(share, own[i], other[i], self.spare)
        error = self._growth()
        error += eps
        error *= found
        return found, error

    def _solve(self) -> None:
        """Replaces the right-hand sides by their solution, row by row."""
        for i in range(self.size):
            row, factors = self.solution[i], self.factor[i]
            if i:
                above, part = self.solution[:i, : i + 1], self.part[: i + 1]
                row[: i + 1] -= np.einsum("kn,kjn->jn", factors[1 : i + 1], above, out=part)
            row[: i + 2] /= factors[i + 1]

    def _half_square(self) -> Array:
        """Half of the sum of the squares of the solution."""
        found: Array = np.einsum("ijn,ijn->n", self.solution, self.solution, out=self.value)
        found *= 0.5
        return found

    def _log_determinant(self) -> Array:
        """The logarithm of the product of the ratios of the scales, and half of their number."""
        found = self.spare
        np.copyto(found, self.diagonal[0])
        for ratio in self.diagonal[1:]:
            found *= ratio
        if self.diagonal.min() < _SMALL:
            np.log(self.diagonal).sum(0, out=found)
        else:
            np.log(found, out=found)
        found += self.size / 2
        return found

    def _growth(self) -> Array:
        """What a divergence and its root are multiplied by for what rounding does to them."""
        bound = self.bound
        for i in range(1, self.size):
            row = self.factor[i, 1 : i + 1]
            np.abs(row, out=row)
            np.einsum("kn,kn->n", row, bound[:i], out=bound[i])
            bound[i] /= self.factor[i, i + 1]
            bound[i] += 2  # the entry, and 1 as it enters those after it
        growth: Array = np.maximum.reduce(bound, axis=0, out=self.spare)
        growth += 4
        growth *= 4 * self.size**1.5 * _EPS
        return growth

    def _largest_growth(self) -> float:
        """No less than that of any pair, at the price of a look at the extremes of each entry."""
        if self.size > _FEW:
            return math.inf
        bound = np.full(self.size, 2.0)
        for i in range(1, self.size):
            row = self.factor[i, 1 : i + 1]
            largest = np.maximum(row.max(-1), -row.min(-1))
            bound[i] += largest @ bound[:i] / self.factor[i, i + 1].min()
        return float(4 * self.size**1.5 * _EPS * (4 + bound.max()))
