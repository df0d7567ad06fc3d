r"""The Kullback-Leibler divergence of many pairs of normal vectors of two dimensions in float32.

With :math:`[z, A] = L_q^{-1} [\mu_p - \mu_q, L_p]`, of which a, g and c are the three entries of
A, it is a sum of terms that are not negative,

.. math:: V = \frac12 \bigl(z_1^2 + z_2^2 + g^2 + (a - c)^2\bigr) + P - 1 - \log P, \qquad P = a c.

In units u of rounding, with t the lower entry of :math:`L_q` divided by the one beside it, z is
wrong by at most :math:`(2 |z_1|,\ 3 |z_2| + 6 |t z_1|)`, g by :math:`2 |g| + 4 |t a|`, a and c by
themselves, P and :math:`P - 1` by themselves once more, a logarithm by four units in its last
place, eight of these, and the sums by :math:`7 V`. With :math:`f(a) = (a^2 - 1) / 2 - \log a`, of
which V has that of a and of c,

.. math:: a^2 \leq 4 f + 1.39, \qquad |a^2 - 1| \leq 2 f + 2.83 \sqrt f, \qquad
    |P - 1|,\ |\log P| \leq V + 2 \sqrt V,

so that V is wrong by at most :math:`u\,(29 + 7 |t|)\,(V + \sqrt V)`. No product that underflows
counts beside that, but for P, whose logarithm would lose digits.
"""

from __future__ import annotations

import numpy as np
import torch

from kldiv.blocks import BLOCK, Array, even_blocks

__all__ = ["RELATIVE", "UNIT", "write_in_single"]

RELATIVE = 2e-5
"""The largest error that is taken, of a divergence."""

UNIT = 1.01 * float(np.finfo(np.float32).eps) / 2
"""The unit of rounding, with what is of second order."""

_FEW = 0.25  # of the pairs, above which float64 takes no longer
_LEAST = 2.0**-100  # of products whose logarithm has all its digits


def write_in_single(sides: list[Array], value: Array, error: Array) -> tuple[int, Array]:
    """Writes the divergences of pairs in float32 and bounds of their rounding.

    Arguments:
        sides: The means of both with shape :math:`(N, 2)`, and their factors with shape
            :math:`(N, 2, 2)`, in float32.
        value: Where the divergences go.
        error: Where their errors go.

    Returns:
        How many pairs were looked at, which are not all where float64 is the better way, and the
        indices of those among them that need more digits.
    """
    length, starts = even_blocks(len(value), BLOCK)
    work, rest = _Work(length), []
    for start in starts:
        pairs = slice(start, start + length)
        found = work.write([each[pairs] for each in sides], value[pairs], error[pairs])
        rest.append(found + start)
        if len(found) > _FEW * length:
            break
    return start + length, np.concatenate(rest)


class _Work:
    """The memory of a block of so many pairs: rows of numbers, one for each pair."""

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self._first, self._second = np.empty((2, 3, pairs), np.float32)  # rows of [z, A]
        self._unit, self._other_unit, self._entry, self._spare, self._log = np.empty(
            (5, pairs), np.float32
        )
        self._sum = torch.from_numpy(self._first[2])
        self._terms = [torch.from_numpy(each) for each in (*self._first[:2], *self._second[:2])]
        self._steps = tuple(
            torch.from_numpy(each)
            for each in (self._second[:2], self._entry[None], self._first[:2])
        )

    def write(self, block: list[Array], value: Array, error: Array) -> Array:
        """Writes divergences and their errors; returns which are not to be taken."""
        self._solve(*block)
        (_, own, rest), other = self._first, self._second[2]
        np.multiply(own, other, out=rest)
        if not rest.min() >= _LEAST:  # so too where one is NaN
            return np.arange(self.pairs)
        own -= other
        np.log(rest, out=self._log)
        rest -= 1.0
        rest -= self._log
        for each in self._terms[:-1]:
            self._sum.addcmul_(each, each, value=0.5)
        torch.addcmul(
            self._sum, self._terms[-1], self._terms[-1], value=0.5, out=torch.from_numpy(value)
        )
        root = np.sqrt(value, out=self._spare)
        root += value
        growth = np.abs(self._entry, out=self._entry)
        growth *= 7 * UNIT
        growth += 29 * UNIT
        np.multiply(root, growth, out=error)
        np.multiply(value, np.float32(RELATIVE), out=root)
        return np.flatnonzero(~(error < root))  # so too where one is NaN or infinite

    def _solve(self, mean: Array, centre: Array, own: Array, other: Array) -> None:
        first, second = self._first, self._second
        np.copyto(self._unit, other[:, 0, 0])
        np.copyto(self._entry, other[:, 1, 0])
        np.copyto(self._other_unit, other[:, 1, 1])
        self._entry /= self._other_unit
        np.subtract(mean[:, 0], centre[:, 0], out=first[0])
        np.copyto(first[1], own[:, 0, 0])
        first[:2] /= self._unit
        np.subtract(mean[:, 1], centre[:, 1], out=second[0])
        np.copyto(second[1], own[:, 1, 0])
        np.copyto(second[2], own[:, 1, 1])
        second /= self._other_unit
        rest, entry, above = self._steps
        rest.addcmul_(entry, above, value=-1.0)
