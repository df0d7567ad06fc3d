r"""Divergences of many categories by a compiled function, which reads each number once.

The sums are those of `kldiv.builtin.closed_forms.shared_sums`, in the precision of the
probabilities. Many categories are taken in lines of some thousand, each with neighbours that are
added up apart, as the numbers of a vector are best added at the end. Those of float32 are added in
float64, two or four at a time in float32 first, as a change of format takes longer than a sum. The
masses are taken out at the end, so that a pass is enough; where they are too far from 1 for that,
or a value is small or not finite, the way without a compiler is the right one.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from functools import cache, reduce
from itertools import chain
from typing import Any

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.blocks import Array, tensors_of
from kldiv.builtin.closed_forms.kinds_of_sums import (
    Masses,
    Sums,
    divergences_of_sums,
    sums_of,
)
from kldiv.builtin.closed_forms.large_exponentials import bits, exponential, logarithm
from kldiv.builtin.closed_forms.large_side import LargeSide, alike, sides_of
from kldiv.compiling import compiled
from kldiv.definitions.divergence import Divergence

__all__ = ["compiled_divergences", "summed"]

_LINE = 1 << 13  # categories whose sums are added one by one
_APART = 16  # neighbours that are added up apart: some vectors of any machine
_MANY = (
    2 * _LINE
)  # of which there are lines; a single one a compiler would take for a special case
_NOTHING = -50.0  # a logarithm of a probability of which thousands change no sum
_UNITS = {
    np.dtype(np.float32): 12,
    np.dtype(np.float64): 4096,
}  # of rounding in a sum, of a line's
_LEAST = {np.dtype(np.float32): 1e-26, np.dtype(np.float64): 1e-130}  # has a ratio to be squared
_LOOSE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}  # of a mass taken for 1


class TensorBlock:
    """The terms of the sums over categories, for a compiler to fuse.

    Arguments:
        p: The numbers of the one, logarithms or not.
        q: Those of the other.
        logs: Whether they are logarithms.
    """

    def __init__(self, p: Tensor, q: Tensor, *, logs: bool) -> None:
        self.p, self.q = (exponential(p), exponential(q)) if logs else (p, q)
        self.ratio = self.p / self.q
        self.log_ratio = p - q if logs else self.ratio.log()

    @property
    def cross(self) -> Tensor:
        r""":math:`p \log u`."""
        return self.p * self.log_ratio

    @property
    def reverse(self) -> Tensor:
        r""":math:`-q \log u`."""
        return -self.q * self.log_ratio

    def power(self, order: float) -> Tensor:
        r""":math:`p^\alpha q^{1 - \alpha}`."""
        if order == 2:
            return self.p * self.ratio
        if order == 0.5:
            return self.q * exponential(self.log_ratio * 0.5)
        return self.q * (self.log_ratio * order).exp()

    def of_mixture(self, weight: float) -> tuple[Tensor, Tensor]:
        r""":math:`p\,l` and :math:`q\,l`, :math:`l = \log((1 - w) u + w)`."""
        log = logarithm(self.ratio * (1 - weight) + weight)
        return self.p * log, self.q * log

    def overlap(self, multiple: float) -> Tensor:
        r""":math:`\min(p, \gamma q)`."""
        return torch.minimum(self.p, self.q * multiple)

    def harmonic(self) -> Tensor:
        r""":math:`p q / (p + q)`."""
        return self.p / (self.ratio + 1)


def compiled_divergences(
    divergences: Sequence[Divergence], p: Distribution, q: Distribution
) -> Callable[[], list[tuple[Tensor, Tensor] | None]] | None:
    """What gives the divergences of categorical distributions, and their rounding, in one pass.

    Arguments:
        divergences: The divergences.
        p: The one, as it was given.
        q: The other.

    Returns:
        What gives of each both with the batch shape, in float64, or ``None`` where they are to be
        had without a compiler; ``None`` where nothing is compiled for one of them.
    """
    sides = sides_of(p, q)
    kinds = tuple(kind for kind in map(sums_of, divergences) if kind is not None)
    if sides is None or not alike(*sides) or len(kinds) < len(divergences):
        return None

    def found() -> list[tuple[Tensor, Tensor] | None]:
        with np.errstate(all="ignore"):
            pairs = divergences_of_sums(kinds, *_sums(kinds, sides))
        return [None if each is None else tensors_of(each, p.batch_shape) for each in pairs]

    return found


def summed(kinds: Sequence[Sums], p: Tensor, q: Tensor, *, logs: bool) -> Tensor:
    """The sums of some kinds over categories.

    Arguments:
        kinds: The kinds of sums.
        p: The numbers of the one, a matrix with a row for each pair, or in lines: then those that
            are added first are along the last dimension but one, and one by one those along the
            dimension before.
        q: Those of the other.
        logs: Whether they are logarithms.

    Returns:
        The sums of p, of q and of the kinds; then, where quotients are summed, the least
        probability and the largest logarithm of a quotient; in float64, in lines of each of the
        neighbours apart.
    """
    q = q.view(p.shape)  # which tells a compiler that the sizes are the same
    in_lines = p.ndim > 2
    parts = [*zip(p.unbind(-2), q.unbind(-2), strict=True)] if in_lines else [(p, q)]
    along = -2 if in_lines else -1
    taken = [TensorBlock(*part, logs=logs) for part in parts]
    terms = [
        [block.p, block.q, *(term for kind in kinds for term in kind.of(block))] for block in taken
    ]
    found = [_total(each) for each in zip(*terms, strict=True)]
    totals = [each.sum(along, dtype=torch.float64) for each in found]
    if _by_quotients(kinds):
        probabilities = chain.from_iterable((block.p, block.q) for block in taken)
        least = reduce(torch.minimum, map(bits, probabilities)).amin(along)
        most = reduce(torch.maximum, (bits(block.log_ratio.abs()) for block in taken)).amax(along)
        totals += [each.view(p.dtype).double() for each in (least, most)]
    return torch.stack(totals)


def _total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of two or four terms in pairs, or of one."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return _total(terms[:half]) + _total(terms[half:])


def _by_quotients(kinds: Sequence[Sums]) -> bool:
    return any(kind.quotients for kind in kinds)


def _sums(
    kinds: tuple[Sums, ...], sides: tuple[LargeSide, LargeSide]
) -> tuple[Masses, Sequence[Array]]:
    """The masses and the sums of whole lines, and of the rest, by the compiled function."""
    dtype, quotients = sides[0].given.dtype, _by_quotients(kinds)
    function = _function(kinds, logs=sides[0].logs)
    together = 1 if dtype == np.float64 else 2 if quotients else 4
    parts = []
    for p, q in zip(*(_in_lines(side, together) for side in sides), strict=True):
        (found,) = function(torch.from_numpy(p), torch.from_numpy(q))
        parts.append(found.numpy().reshape(len(found), len(p), -1))
    number = 2 + sum(kind.number for kind in kinds)
    mass_p, mass_q, *sums = sum(part[:number].sum(-1) for part in parts)
    least = min(part[-2].min() for part in parts) if quotients else 1.0
    most = max(part[-1].max() for part in parts) if quotients else 0.0
    usable = least > _LEAST[dtype] and math.isfinite(most)
    rounding = float(np.finfo(dtype).eps) * (_UNITS[dtype] + 4 * most) if usable else math.nan
    return Masses(mass_p, mass_q, rounding, _LOOSE[dtype]), sums


def _in_lines(side: LargeSide, together: int) -> list[Array]:
    """The numbers of a side in lines, of which so many are added first; few are in none.

    Those that are left of whole lines, in lines filled up, come before the many, after which
    nothing that a call needs is in the cache.
    """
    rows, columns = side.given.shape
    if columns <= _MANY:
        return [side.given]
    left = columns % _MANY
    lots = [side.given[:, : columns - left]]
    if left:
        nothing = _NOTHING if side.logs else math.exp(_NOTHING)
        wider = np.full((rows, _MANY + 1), nothing, side.given.dtype)
        filled = wider[:, :_MANY]  # rows apart, like those of the many: compiled once for both
        filled[:, :left] = side.given[:, columns - left :]
        lots.insert(0, filled)
    shape = rows, -1, _LINE // (together * _APART), together, _APART
    return [lot.reshape(shape) for lot in lots]


@cache
def _function(kinds: tuple[Sums, ...], *, logs: bool) -> Callable[..., Any]:
    """The compiled function for some kinds of sums."""

    def sums(p: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        return (summed(kinds, p, q, logs=logs),)

    return compiled(sums, varying=2)
