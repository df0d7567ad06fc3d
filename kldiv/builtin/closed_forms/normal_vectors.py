r"""The Kullback-Leibler divergence of pairs of normal vectors, in blocks of pairs.

In the notation of `kldiv.builtin.closed_forms.whitening` it is

.. math:: \frac12 \bigl(|z|^2 + |A|^2 - D\bigr) - \log \prod_i A_{ii}, \qquad
    [z, A] = L_q^{-1} [\mu_p - \mu_q, L_p],

and, where the two are so close that this cancels, with :math:`C = L_q^{-1} (L_p - L_q) = A - I`

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr).

The triangular system is solved column by column for all pairs of a block at once, an entry of
a matrix being a vector of pairs. What rounding does to its solution is at most
:math:`\gamma\,|T^{-1}|\,|T|` of it, where T is :math:`L_q` with rows divided to have a diagonal
of ones. Its norm bounds that for all pairs of a block at little cost; for those for which this is
too much, their comparison matrix, :math:`\max_i x_i` with :math:`M(T)\,x = |T|\,\mathbf 1`.

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
from kldiv.builtin.closed_forms.normal_matrices import write_divergences
from kldiv.builtin.closed_forms.normal_scalars import remainder
from kldiv.definitions.numbers import broadcast

__all__ = ["condition_of_factors", "is_by_factor", "kl_of_vectors"]

_MOST = 12  # dimensions, above which a library's triangular solve is faster
_NUMBERS = 4 * BLOCK  # in the matrices of a block
_EPS = float(np.finfo(np.float64).eps)
_NEAR = 0.05  # nats for each dimension, below which the terms of both signs lose digits
_ALIKE = 1e-13  # the largest error of rounding that is taken for that of all pairs
_NONE = np.arange(0)
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
    means = arrays_of([each.loc.expand((*batch, size)) for each in (p, q)])
    factors = arrays_of([each.scale_tril.expand((*batch, size, size)) for each in (p, q)])
    if means is None or factors is None or means[0].dtype != factors[0].dtype or 0 in batch:
        return None
    sides: list[Array] = [each.reshape(-1, size) for each in means]
    sides += [each.reshape(-1, size, size) for each in factors]
    value, error = np.empty((2, len(sides[0])), sides[0].dtype)
    eps = float(np.finfo(value.dtype).eps) if value.dtype != np.float64 else 0.0
    with np.errstate(all="ignore"):
        if size > _MOST:
            write_divergences(sides, value, error)
            error += value * value.dtype.type(eps)
        else:
            _write_divergences(sides, value, error, eps)
        if not np.isfinite(value.sum()):
            return None
    return tuple(torch.from_numpy(each).reshape(batch) for each in (value, error))  # type: ignore[return-value]


def _write_divergences(sides: list[Array], value: Array, error: Array, eps: float) -> None:
    """Writes those of all pairs as differences, and anew those of the close ones."""
    size = sides[0].shape[-1]
    for start, work in _in_blocks(size, len(value)):
        pairs = slice(start, start + work.pairs)
        work.read([each[pairs] for each in sides])
        work.write_apart(value[pairs], error[pairs], eps)
    near = np.flatnonzero(value < _NEAR * size)
    for start, work in _in_blocks(size, len(near)):
        some = near[start : start + work.pairs]
        work.read([each.take(some, axis=0) for each in sides])
        value[some], error[some] = work.close(eps)


def condition_of_factors(factor: Tensor) -> Tensor | None:
    r"""The largest entry of :math:`|L^{-1}| |L| \mathbf 1` of lower triangular matrices.

    Arguments:
        factor: With shape :math:`(*, D, D)`.

    Returns:
        With shape :math:`(*)`; ``None`` where the ordinary way is the right one.
    """
    size = factor.shape[-1]
    arrays = arrays_of([factor])
    if arrays is None or size > _MOST:
        return None
    matrices = arrays[0].reshape(-1, size, size)
    found = np.empty(len(matrices))
    with np.errstate(all="ignore"):
        for start, work in _in_blocks(size, len(matrices)):
            pairs = slice(start, start + work.pairs)
            found[pairs] = work.condition(matrices[pairs])
        if not np.isfinite(found.sum()):
            return None
    return torch.from_numpy(found).reshape(factor.shape[:-2])


def is_by_factor(normal: MultivariateNormal) -> bool:
    """Whether it was given by its factor, which is then all that it holds."""
    held = vars(normal)
    return "scale_tril" in held and not held.keys() & {"covariance_matrix", "precision_matrix"}


def _in_blocks(size: int, count: int) -> Iterator[tuple[int, _Work]]:
    """Where each block of pairs begins, and memory for it; the last two may overlap."""
    if not count:
        return
    most = min(BLOCK, _NUMBERS // (size * (size + 1)))
    work = _Work(size, math.ceil(count / math.ceil(count / most)))
    for start in range(0, count, work.pairs):
        yield min(start, count - work.pairs), work


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
        self.diagonal, self.scales = (
            each.reshape(-1, pairs)[1 :: size + 2] for each in (self.solution, self.factor)
        )
        self.value, self.spare = np.empty((2, pairs))
        self.rows = [
            (self.solution[i, : i + 2], self.factor[i, i + 1], self.factor[i, 1 : i + 1])
            for i in range(size)
        ]
        solution, factor = (torch.from_numpy(each) for each in (self.solution, self.factor))
        self.steps = [
            (solution[k:, : k + 1], factor[k:, k, None], solution[k - 1, : k + 1])
            for k in range(1, size)
        ]

    def read(self, block: list[Array]) -> None:
        """Reads the means of both sides and their factors, a row after the other."""
        first, second, own, other = block
        for held, mean, factor in (
            (self.solution, first, own),
            (self.factor, second, other),
        ):
            np.copyto(held[:, 0], mean.T)
            self._read_rows(held, factor)
        self.solution[:, 0] -= self.factor[:, 0]

    def _read_rows(self, held: Array, factor: Array) -> None:
        for i in range(self.size):
            np.copyto(held[i, 1 : i + 2], factor[:, i, : i + 1].T)

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
        growth, large = self._growth(max(_ALIKE, eps / 8))
        if eps:  # no root is more than so many times its value
            root = 1 / math.sqrt(_NEAR * self.size)
            np.multiply(value, value.dtype.type(eps + growth * (1 + root)), out=error)
        else:
            np.sqrt(value, out=error)
            error += value
            error *= growth
        some = value[large]
        if some.size:
            error[large] = eps * some + self._growth_of(large) * (some + np.sqrt(some))

    def close(self, eps: float) -> tuple[Array, Array]:
        """The divergences of close pairs, as sums of terms of one sign, and their errors."""
        own, other = self.diagonal.copy(), self.scales.copy()
        self.solution[:, 1:] -= self.factor[:, 1:]
        self._solve()
        found = self._half_square()
        for scale, unit in zip(own, other, strict=True):
            found += remainder(scale, unit, self.spare)
        error = self._growth_of(slice(None))
        error += eps
        error *= found
        return found, error

    def condition(self, factor: Array) -> Array:
        """What `condition_of_factors` gives, by inverting."""
        self._read_rows(self.factor, factor)
        sums = np.abs(self.factor[:, 1:]).sum(1)
        self.solution[:] = 0.0
        self.diagonal[:] = 1.0
        self._solve()
        inverse = np.abs(self.solution[:, 1:])
        found: Array = np.einsum("ijn,jn->in", inverse, sums).max(0)
        return found

    def _solve(self) -> None:
        """Divides both sides by the diagonal, and replaces the right-hand one by the solution."""
        for row, scale, entries in self.rows:
            np.divide(1.0, scale, out=scale)
            row *= scale
            entries *= scale
        for below, factors, above in self.steps:
            below.addcmul_(factors, above, value=-1.0)

    def _half_square(self) -> Array:
        """Half of the sum of the squares of the solution."""
        found: Array = np.einsum("ijn,ijn->n", self.solution, self.solution, out=self.value)
        found *= 0.5
        return found

    def _log_determinant(self) -> Array:
        """The logarithm of the product of the ratios of the scales, and half of their number."""
        found = self.spare
        self.diagonal.prod(0, out=found)
        if self.diagonal.min() < _SMALL:
            np.log(self.diagonal).sum(0, out=found)
        else:
            np.log(found, out=found)
        found += self.size / 2
        return found

    def _growth(self, most: float) -> tuple[float, Array | slice]:
        r"""What the divergences and their roots are multiplied by for what rounding does to them.

        The squares of the entries of the inverse of a unit triangular T add up to a symmetric
        polynomial of the squares of its singular values, whose product is 1, by Maclaurin's
        inequality to :math:`D (|T|^2 / D)^{D - 1}` or less. So
        :math:`|T^{-1}|\,|T| \leq D (|T|^2 / D)^{D / 2}`, in Frobenius's norm.

        Arguments:
            most: What is not much.

        Returns:
            That of all pairs but some, and those some, for which it may be more than that.
        """
        size, unit = self.size, 4 * self.size * _EPS
        entries = self.factor[1:, 1:size]
        square = np.einsum("ikn,ikn->n", entries, entries, out=self.spare)
        room = most / unit / size - 4 / math.sqrt(size)
        limit = size * (max(room, 1.0) ** (2 / size) - 1)
        norm, large = float(square.max()), _NONE
        if not norm <= limit:
            norm, large = limit, np.flatnonzero(~(square <= limit))
        found = unit * (4 * math.sqrt(size) + size * (1 + norm / size) ** (size / 2))
        return found, slice(None) if 2 * len(large) > self.pairs else large

    def _growth_of(self, some: Array | slice) -> Array:
        """The same of some pairs, each by its own comparison matrix."""
        bound = np.full_like(self.factor[:, 0][:, some], 2.0)
        for i in range(1, self.size):
            row = np.abs(self.factor[i, 1 : i + 1][:, some])
            bound[i] += np.einsum("kn,kn->n", row, bound[:i])  # 1, and 1 as it enters others
        growth: Array = bound.max(0)
        growth += 4
        growth *= 4 * self.size**1.5 * _EPS
        return growth
