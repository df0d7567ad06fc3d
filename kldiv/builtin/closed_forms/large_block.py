"""The probabilities of some of many categories, and the sums that divergences share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from kldiv.blocks import Array, dot
from kldiv.builtin.closed_forms.large_side import LargeSide

__all__ = ["BUFFERS", "LargeBlock"]

BUFFERS = 6
"""How many buffers a block needs."""


class LargeBlock:
    """The probabilities of both sides in a block; what is made of them is made once.

    Arguments:
        sides: The two sides.
        place: The block.
        buffers: Memory to work in, a row for each buffer.
        scaled: Whether the probabilities are to be normalised.
        roots: Whether square roots are summed: then the ratio is made of them, and p of it.
    """

    def __init__(
        self,
        sides: Sequence[LargeSide],
        place: tuple[slice, slice],
        buffers: Array,
        *,
        scaled: bool,
        roots: bool,
    ) -> None:
        shape = sides[0].given[place].shape
        memory = buffers[:, : shape[0] * shape[1]].reshape(-1, *shape)
        first, second, self._log_u, self._u, self._root, self._spare = memory
        p, q = (
            side.read(place, buffer, scaled=scaled)
            for side, buffer in zip(sides, buffers[:2], strict=True)
        )
        self._by_logs = sides[0].logs and sides[1].logs
        if self._by_logs:
            np.subtract(p, q, out=self._log_u)
        self.q = np.exp(q, out=second) if sides[1].logs else q
        if self._by_logs and roots:
            self.ratio = np.square(self.root, out=self._u)
            self.p = np.multiply(self.q, self.ratio, out=first)
        else:
            self.p = np.exp(p, out=first) if sides[0].logs else p

    @cached_property
    def mass_p(self) -> Array:
        """The sums of p."""
        return _sum(self.p)

    @cached_property
    def mass_q(self) -> Array:
        """The sums of q."""
        return _sum(self.q)

    @cached_property
    def ratio(self) -> Array:
        """The ratio u of p to q."""
        ratio: Array = np.divide(self.p, self.q, out=self._u)
        return ratio

    @cached_property
    def log_ratio(self) -> Array:
        """Its logarithm."""
        return self._log_u if self._by_logs else np.log(self.ratio, out=self._log_u)

    @cached_property
    def root(self) -> Array:
        """Its square root, for which an exponential is faster than a root."""
        np.multiply(self.log_ratio, 0.5, out=self._root)
        root: Array = np.exp(self._root, out=self._root)
        return root

    @cached_property
    def cross(self) -> Array:
        r"""The sums of :math:`p \log u`."""
        return dot(self.p, self.log_ratio)

    @cached_property
    def reverse(self) -> Array:
        r"""The sums of :math:`-q \log u`."""
        return -dot(self.q, self.log_ratio)

    def power(self, order: float) -> Array:
        r"""The sums of :math:`p^\alpha q^{1 - \alpha}`."""
        if order == 2:
            return dot(self.p, self.ratio)
        if order == 0.5:
            return dot(self.q, self.root)
        np.multiply(self.log_ratio, order, out=self._spare)
        return dot(self.q, np.exp(self._spare, out=self._spare))

    def of_mixture(self, weight: float) -> tuple[Array, Array]:
        r"""The sums of :math:`p\,l` and :math:`q\,l`, :math:`l = \log((1 - w) u + w)`."""
        share = np.float64(1 - weight)
        np.log(np.add(self.ratio, weight / share, out=self._spare), out=self._spare)
        of_p, of_q = dot(self.p, self._spare), dot(self.q, self._spare)
        return of_p + np.log(share) * self.mass_p, of_q + np.log(share) * self.mass_q

    def overlap(self, multiple: float) -> Array:
        r"""The sums of :math:`\min(p, \gamma q)`."""
        other = self.q if multiple == 1 else np.multiply(self.q, multiple, out=self._spare)
        return _sum(np.minimum(self.p, other, out=self._spare))

    def harmonic(self) -> Array:
        r"""The sums of :math:`p q / (p + q)`."""
        np.add(self.ratio, 1, out=self._spare)
        return _sum(np.divide(self.p, self._spare, out=self._spare))


def _sum(rows: Array) -> Array:
    found: Array = rows.sum(-1)
    return found
