r"""Divergences of many categories by a compiled function, which reads each number once.

The sums are those of `kldiv.builtin.closed_forms.shared_sums`, in the precision of the
probabilities, row by row. Those of float32 are added in float64, two or four at a time in float32
first, as a change of format takes longer than a sum. The masses are taken out at the end, so that
a pass is enough; where they are too far from 1 for that, or a value is small or not finite, the
way without a compiler is the right one.
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

from kldiv.blocks import BLOCK, Array, blocks
from kldiv.builtin.closed_forms.kinds_of_sums import (
    Masses,
    Sums,
    divergences_of_sums,
    sums_of,
)
from kldiv.builtin.closed_forms.large_block import BUFFERS, LargeBlock
from kldiv.builtin.closed_forms.large_exponentials import bits, exponential, logarithm
from kldiv.builtin.closed_forms.large_side import LargeSide
from kldiv.compiling import compiled
from kldiv.definitions.divergence import Divergence

__all__ = ["compiled_divergences", "compiles", "summed"]

_ROW = 1 << 13  # categories whose sums are added one by one
_APART = 16  # neighbours that are added up apart: some vectors of any machine
_UNITS = {np.dtype(np.float32): 12, np.dtype(np.float64): 4096}  # of rounding in a sum, of a row's
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


def compiles(divergence: Divergence, p: Distribution, q: Distribution) -> bool:
    """Whether there is a compiled function for two distributions as they were given."""
    return sums_of(divergence) is not None and _sides(p, q) is not None


def compiled_divergences(
    divergences: Sequence[Divergence], p: Distribution, q: Distribution
) -> list[tuple[Tensor, Tensor] | None]:
    """The divergences of categorical distributions, and their rounding, in one pass.

    Arguments:
        divergences: Divergences that compile.
        p: The one, as it was given.
        q: The other.

    Returns:
        Of each both with the batch shape, in float64; ``None`` where they are to be had without.
    """
    sides = _sides(p, q)
    kinds = tuple(kind for kind in map(sums_of, divergences) if kind is not None)
    if sides is None or len(kinds) < len(divergences):
        return [None] * len(divergences)
    with np.errstate(all="ignore"):
        found = divergences_of_sums(kinds, *_sums(kinds, sides))
    shape = p.batch_shape
    return [
        None if pair is None else (_tensor(pair[0], shape), _tensor(pair[1], shape))
        for pair in found
    ]


def summed(kinds: Sequence[Sums], p: Tensor, q: Tensor, *, logs: bool, in_rows: bool) -> Tensor:
    """The sums of some kinds over the last dimension, or over rows of it.

    Arguments:
        kinds: The kinds of sums.
        p: The numbers of the one.
        q: Those of the other.
        logs: Whether they are logarithms.
        in_rows: Whether there are many, as many as make whole rows.

    Returns:
        The sums of p, of q and of the kinds; then, where quotients are summed, the least
        probability and the largest logarithm of a quotient; in float64.
    """
    q = q.view(p.shape)  # which tells a compiler that the sizes are the same
    parts = _in_rows(kinds, p, q) if in_rows else [(p, q)]
    along = (-1, -2) if in_rows else (-1,)
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


def _in_rows(kinds: Sequence[Sums], p: Tensor, q: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The numbers of both sides, a matrix for each row; in several parts in float32."""
    count = 1 if p.dtype == torch.float64 else 2 if _by_quotients(kinds) else 4
    shape = -1, _ROW // (count * _APART), count, _APART
    sides = (each.unflatten(-1, shape).unbind(-2) for each in (p, q))
    return [*zip(*sides, strict=True)]


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
    """The masses and the sums of whole rows by the compiled function, and of the rest without."""
    given, kind = [side.given for side in sides], sides[0].given.dtype
    columns = given[0].shape[1]
    in_rows = columns > _ROW
    whole = columns - columns % _ROW if in_rows else columns
    function = _function(kinds, logs=sides[0].logs, in_rows=in_rows)
    views = (each[0, :whole] if len(each) == 1 else each[:, :whole] for each in given)
    (found,) = function(*map(torch.from_numpy, views))
    parts = found.numpy().reshape(len(found), len(given[0]), -1)
    eps, least, most = float(np.finfo(kind).eps), 1.0, 0.0
    if _by_quotients(kinds):
        least, most = parts[-2].min(), parts[-1].max()
    totals = parts[: 2 + sum(each.number for each in kinds)].sum(-1)
    for place in blocks(len(totals[0]), columns - whole) if whole < columns else ():
        rest, smallest = _without(kinds, sides, place, whole)
        totals[:, place[0]] += rest
        least = min(least, smallest) if _by_quotients(kinds) else least
    usable = least > _LEAST[kind] and math.isfinite(most)
    rounding = eps * (_UNITS[kind] + 4 * most) if usable else math.nan
    return Masses(totals[0], totals[1], rounding, _LOOSE[kind]), totals[2:]


def _without(
    kinds: Sequence[Sums],
    sides: tuple[LargeSide, LargeSide],
    place: tuple[slice, slice],
    first: int,
) -> tuple[list[Array], float]:
    """The sums over some categories without a compiler, and the least of their probabilities."""
    rows, columns = place
    place = rows, slice(first + columns.start, first + columns.stop)
    roots = any(kind.roots for kind in kinds)
    block = LargeBlock(sides, place, np.empty((BUFFERS, BLOCK)), scaled=False, roots=roots)
    least = min(block.p.min(), block.q.min())
    parts = [block.mass_p, block.mass_q, *(part for kind in kinds for part in kind.of(block))]
    return parts, float(least)


@cache
def _function(kinds: tuple[Sums, ...], *, logs: bool, in_rows: bool) -> Callable[..., Any]:
    """The compiled function for some kinds of sums."""

    def sums(p: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        return (summed(kinds, p, q, logs=logs, in_rows=in_rows),)

    return compiled(sums, varying=2)


def _sides(p: Distribution, q: Distribution) -> tuple[LargeSide, LargeSide] | None:
    """Both sides, where they are alike and no gradient is asked for."""
    first, second = LargeSide.of(p), LargeSide.of(q)
    if first is None or second is None or p.batch_shape != q.batch_shape:
        return None
    alike = first.logs == second.logs and first.given.dtype == second.given.dtype
    return (first, second) if alike and first.given.shape == second.given.shape else None


def _tensor(numbers: Array, shape: torch.Size) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers)).reshape(shape)
