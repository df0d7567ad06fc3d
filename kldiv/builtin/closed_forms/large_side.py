"""A categorical distribution of many categories as it was given, read block by block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torch.distributions import Categorical, Distribution

from kldiv.blocks import BLOCK, LARGE, Array, arrays_of, blocks
from kldiv.definitions.log_probability import was_given_probs

__all__ = ["LargeSide", "alike", "large_sides", "sides_of"]


@dataclass(frozen=True)
class LargeSide:
    """The probabilities of a distribution, or their logarithms.

    Arguments:
        given: The numbers, a row for each of the batch.
        logs: Whether they are logarithms.
    """

    given: Array
    logs: bool

    @classmethod
    def of(cls, side: Distribution) -> LargeSide | None:
        """That of a categorical distribution that no gradient is to pass through."""
        if type(side) is not Categorical:
            return None
        logs = not was_given_probs(side)
        found = arrays_of([side.logits if logs else side.probs])
        return None if found is None else cls(found[0].reshape(-1, found[0].shape[-1]), logs)

    @property
    def normalised(self) -> bool:
        """Whether the numbers are normalised, mostly to the last digits of float64."""
        return self.logs and self.given.dtype == np.float64

    @cached_property
    def log_mass(self) -> Array:
        """The logarithms of the sums of rows, as a column, in one pass."""
        if not self.logs:
            found: Array = np.log(self.given.sum(-1, keepdims=True, dtype=np.float64))
            return found
        mass, buffer = np.zeros((len(self.given), 1)), np.empty(BLOCK)
        for place in blocks(*self.given.shape):
            block = _in_double(self.given[place], buffer)
            mass[place[0]] += np.exp(block, out=block).sum(-1, keepdims=True)
        return np.log(mass)

    def read(self, place: tuple[slice, slice], buffer: Array, *, scaled: bool) -> Array:
        """Its numbers in a block in float64, as they are or in a buffer.

        Arguments:
            place: The block.
            buffer: Memory to write to.
            scaled: Whether they are to be normalised.
        """
        given: Array = self.given[place]
        if given.dtype == np.float64 and not scaled:
            return given
        block = _in_double(given, buffer)
        if scaled and self.logs:
            block -= self.log_mass[place[0]]
        elif scaled:
            block *= np.exp(-self.log_mass[place[0]])
        return block

    def log_probabilities(self, place: tuple[slice, slice]) -> Array:
        """Those of a block, normalised, in float64."""
        block: Array = self.given[place].astype(np.float64)
        if not self.logs:
            np.log(block, out=block)
        block -= self.log_mass[place[0]]
        return block


def sides_of(p: Distribution, q: Distribution) -> tuple[LargeSide, LargeSide] | None:
    """Both sides, where they have as many categories and nobody asks for gradients."""
    first, second = LargeSide.of(p), LargeSide.of(q)
    if first is None or second is None or p.batch_shape != q.batch_shape:
        return None
    return (first, second) if first.given.shape == second.given.shape else None


def large_sides(p: Distribution, q: Distribution) -> tuple[LargeSide, LargeSide] | None:
    """Both sides, where they have many categories besides."""
    sides = sides_of(p, q)
    return None if sides is None or sides[0].given.size < LARGE else sides


def alike(first: LargeSide, second: LargeSide) -> bool:
    """Whether both were given the same numbers in the same precision."""
    return first.logs == second.logs and first.given.dtype == second.given.dtype


def _in_double(numbers: Array, buffer: Array) -> Array:
    """A copy in float64 in a buffer."""
    copy: Array = buffer[: numbers.size].reshape(numbers.shape)
    np.copyto(copy, numbers)
    return copy
