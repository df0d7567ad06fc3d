r"""The Kullback-Leibler divergence of pairs of normal vectors, in blocks of pairs.

In the notation of `kldiv.builtin.closed_forms.whitening` it is

.. math:: \frac12 \bigl(|z|^2 + |A|^2 - D\bigr) - \log \prod_i A_{ii}, \qquad
    [z, A] = L_q^{-1} [\mu_p - \mu_q, L_p],

and, where the two are so close that this cancels, with :math:`C = L_q^{-1} (L_p - L_q) = A - I`

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr).

The triangular system is solved column by column for all pairs of a block at once, an entry of a
matrix being a vector of pairs. What rounding does to its solution is bounded by the comparison
matrix of :math:`L_q`, at most :math:`\gamma \max_i x_i` of it with
:math:`M(L_q)\,x = |L_q|\,\mathbf 1`.

References:
    Accuracy and Stability of Numerical Algorithms (Higham, 2002), theorems 8.5 and 8.10,
    doi:10.1137/1.9780898718027.
"""

from __future__ import annotations

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
    count = len(sides[0])
    value, error = np.empty((2, count), sides[0].dtype)
    step = min(BLOCK, _NUMBERS // (size * (size + 1)), count)
    work = _Work(size, step)
    with np.errstate(all="ignore"):
        for start in range(0, count, step):
            pairs = slice(start, start + step)
            block = [each[pairs] for each in sides]
            work.of(len(block[0])).divergences(block, value[pairs], error[pairs])
        if not np.isfinite(value.sum()):
            return None
    return tuple(torch.from_numpy(each).reshape(batch) for each in (value, error))  # type: ignore[return-value]


def _by_factor(normal: MultivariateNormal) -> bool:
    """Whether it was given by its factor, which is then all that it holds."""
    held = vars(normal)
    return "scale_tril" in held and not held.keys() & {"covariance_matrix", "precision_matrix"}


class _Work:
    """The memory that blocks of pairs are worked on in: rows of numbers, one for each pair.

    Entries above the diagonals stay 0.

    Arguments:
        size: The dimensions.
        pairs: The pairs of a block.
    """

    def __init__(self, size: int, pairs: int) -> None:
        self.size, self.pairs = size, pairs
        self.solution, self.factor = np.zeros((2, size, size + 1, pairs))
        self.diagonal = self.solution.reshape(-1, pairs)[1 :: size + 2]
        self.bound = np.empty((size, pairs))
        self.value, self.spare = np.empty((2, pairs))
        solution, factor = torch.from_numpy(self.solution), torch.from_numpy(self.factor)
        self.steps = [
            (solution[k + 1 :, : k + 2], factor[k + 1 :, k + 1, None], solution[None, k, : k + 2])
            for k in range(size - 1)
        ]

    def of(self, pairs: int) -> _Work:
        """The memory for a number of pairs."""
        return self if pairs == self.pairs else _Work(self.size, pairs)

    def divergences(self, block: list[Array], value: Array, error: Array) -> None:
        """Writes the divergences of a block and their errors, NaN where there is none.

        Arguments:
            block: The means of both sides, then their factors.
            value: Where the divergences are written.
            error: Where their errors are written.
        """
        self._read(block)
        found = self._apart()
        near = np.flatnonzero(found < _NEAR * self.size)
        if near.size:
            found[near] = _Work(self.size, near.size).close([each[near] for each in block])
        value[:] = found
        error[:] = self._growth()
        root = np.sqrt(value)
        root[near] = 0
        error *= np.add(root, value, out=root)
        eps = float(np.finfo(value.dtype).eps)
        if eps > _EPS:
            error += np.multiply(value, eps, out=root)

    def close(self, block: list[Array]) -> Array:
        """The divergences of a block of pairs that are close."""
        self._read(block)
        self.solution[:, 1:] -= self.factor[:, 1:]
        self._solve()
        found = self._half_square()
        for i, share in enumerate(self.diagonal):
            own, other = block[2][:, i, i], block[3][:, i, i]
            found += remainder(share, own, other, self.spare)
        return found

    def _read(self, block: list[Array]) -> None:
        """The triangular system, a row after the other."""
        first, second, own, other = block
        for i in range(self.size):
            row, beside = self.solution[i], self.factor[i]
            np.subtract(first[:, i], second[:, i], out=row[0], dtype=np.float64)
            np.copyto(row[1 : i + 2], own[:, i, : i + 1].T)
            np.copyto(beside[1 : i + 2], other[:, i, : i + 1].T)

    def _solve(self) -> None:
        """Replaces the right-hand sides by their solution."""
        for k in range(self.size):
            self.solution[k, : k + 2] /= self.factor[k, k + 1]
            if k < len(self.steps):
                rest, factors, row = self.steps[k]
                rest.addcmul_(factors, row, value=-1)

    def _apart(self) -> Array:
        """The divergences as a difference."""
        self._solve()
        logarithm = np.multiply.reduce(self.diagonal, axis=0, out=self.spare)
        if self.diagonal.min() < _SMALL:
            np.log(self.diagonal).sum(0, out=logarithm)
        else:
            np.log(logarithm, out=logarithm)
        logarithm += self.size / 2
        found = self._half_square()
        found -= logarithm
        return found

    def _half_square(self) -> Array:
        """Half of the sum of the squares of the solution."""
        found: Array = np.einsum("ijn,ijn->n", self.solution, self.solution, out=self.value)
        found *= 0.5
        return found

    def _growth(self) -> Array:
        """What a divergence and its root are multiplied by for what rounding does to them."""
        bound = self.bound
        for i in range(self.size):
            row, diagonal = self.factor[i, 1 : i + 1], self.factor[i, i + 1]
            np.abs(row, out=row)
            np.einsum("kn,kn->n", row, bound[:i], out=bound[i])
            bound[i] /= diagonal
            bound[i] += 2  # the entry, and 1 as it enters those after it
        growth: Array = np.maximum.reduce(bound, axis=0, out=self.spare)
        growth += 4
        growth *= 4 * self.size**1.5 * _EPS
        return growth
