"""A categorical distribution of many categories as it was given, read block by block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torch.distributions import Categorical, Distribution

from kldiv.blocks import LARGE, Array, arrays_of, blocks
from kldiv.definitions.log_probability import was_given_probs

__all__ = ["LargeSide", "is_large"]


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
        mass = np.zeros((len(self.given), 1))
        for place in blocks(*self.given.shape):
            mass[place[0]] += np.exp(self.given[place], dtype=np.float64).sum(-1, keepdims=True)
        return np.log(mass)

    def read(self, place: tuple[slice, slice], out: Array, *, scaled: bool) -> Array:
        """Its numbers in a block in float64, the memory to write to or as they are.

        Arguments:
            place: The block.
            out: Memory of its shape.
            scaled: Whether they are to be normalised.
        """
        block: Array = self.given[place]
        if scaled and self.logs:
            return np.subtract(block, self.log_mass[place[0]], out=out)
        if scaled:
            return np.multiply(block, np.exp(-self.log_mass[place[0]]), out=out)
        if block.dtype == np.float64:
            return block
        np.copyto(out, block)
        return out

    def log_probabilities(self, place: tuple[slice, slice]) -> Array:
        """Those of a block, normalised, in float64."""
        block = self.given[place].astype(np.float64)
        if not self.logs:
            np.log(block, out=block)
        block -= self.log_mass[place[0]]
        return block


def is_large(p: Distribution, q: Distribution) -> bool:
    """Whether both have as many categories, many of them, and nobody asks for gradients."""
    first, second = (LargeSide.of(side) for side in (p, q))
    if first is None or second is None or p.batch_shape != q.batch_shape:
        return False
    return first.given.shape == second.given.shape and first.given.size >= LARGE
