r"""Several divergences of millions of categories, in one pass over them.

With weights :math:`a_i`, :math:`b_i` of sums A, B, near 1, the Kullback-Leibler divergence and all
functions of Rényi's need

.. math:: \sum_i a_i \log\frac{a_i}{b_i}, \qquad \sum_i a_i^\alpha\,b_i^{1 - \alpha},

of which the masses are taken out at the end. Jensen and Shannon's is homogeneous: the masses
change it by what its slopes in them say, but for the square of how far they are from 1. Others are
sums of probabilities that are normalised before. Each block is exponentiated once for all, in
float64.

It is the plain way, for divergences that are not small: the terms of these sums have both signs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from kldiv.blocks import BLOCK, Array, blocks
from kldiv.builtin.closed_forms.large_block import BUFFERS, LargeBlock
from kldiv.builtin.closed_forms.large_side import LargeSide
from kldiv.builtin.divergences.chi2 import Triangular
from kldiv.builtin.divergences.jeffreys import Jeffreys
from kldiv.builtin.divergences.jensen_shannon import JensenShannon, SkewKL
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi
from kldiv.builtin.divergences.total_variation import HockeyStick, TotalVariation
from kldiv.definitions.divergence import Divergence, OfAdditive

__all__ = ["Sums", "shared_sums", "sums_of"]

_NEAR = 0.02  # below which sums of terms of both signs lose digits
_ROUNDING = 32 * float(np.finfo(np.float64).eps)  # of a sum, for logarithms of size 1
_LEAST = 1e-130  # a probability of which quotients and their squares are numbers
_APART = 0.05  # of an order from 1, by which the logarithm of an integral is divided
_LOOSE = 1e-12  # of the logarithm of a mass that is taken for 1

Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Masses:
    """The sums of the probabilities of both sides, and the rounding of a sum of terms of size 1.

    Arguments:
        p: Those of p, about 1.
        q: Those of q.
        rounding: The rounding.
    """

    p: Array
    q: Array
    rounding: float

    @property
    def excess(self) -> Array:
        """How far from 1 they are, both together."""
        return np.abs(np.log(self.p)) + np.abs(np.log(self.q))


class Sums(ABC):
    """The sums over categories that a divergence is a function of."""

    number = 1
    """How many they are."""
    scaled = False
    """Whether the probabilities have to sum to 1."""

    @property
    def roots(self) -> bool:
        """Whether square roots are summed."""
        return False

    @abstractmethod
    def of(self, block: LargeBlock) -> Sequence[Array]:
        """The sums over a block."""

    @abstractmethod
    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """The divergence of the sums over all categories, and its rounding."""


@dataclass(frozen=True)
class _OfRenyi(Sums):
    """A function of Rényi's divergence of an order, which at 1 is Kullback and Leibler's."""

    order: float
    form: OfAdditive

    @property
    def roots(self) -> bool:
        """Those of order one half are."""
        return self.order == 0.5

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """The cross entropy less the entropy, or the integral of the power."""
        if self.order == 1:
            return (block.reverse if self.form.swapped else block.cross,)
        return (block.power(1 - self.order if self.form.swapped else self.order),)

    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """By the divergence of the normalised sides, of which the masses are taken out."""
        (total,) = sums
        p, q = (masses.q, masses.p) if self.form.swapped else (masses.p, masses.q)
        if self.order == 1:
            renyi = total / p + np.log(q / p)
            error: Array = masses.rounding * (1 + renyi)
        else:
            log = np.log(total) - self.order * np.log(p) - (1 - self.order) * np.log(q)
            renyi = log / (self.order - 1)
            error = np.array(masses.rounding * (1 + self.order) / abs(self.order - 1))
        value = np.where(renyi < _NEAR, np.nan, self._function(renyi))
        moved = [self._function(np.maximum(renyi + sign * error, 0)) for sign in (-1, 1)]
        return value, np.maximum(*(np.abs(each - value) for each in moved)) + _ROUNDING * value

    def _function(self, renyi: Array) -> Array:
        found: Array = self.form.function(torch.from_numpy(renyi)).numpy()
        return found


class _OfBothWays(Sums):
    """Jeffreys' divergence."""

    number = 2

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """Those of both directions."""
        return block.cross, block.reverse

    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """Their sum: what the masses change of one they change of the other."""
        cross, reverse = sums
        value = cross / masses.p + reverse / masses.q
        return value, masses.rounding * (1 + value)


@dataclass(frozen=True)
class _OfMixture(Sums):
    """Jensen and Shannon's divergence of a weight."""

    weight: float

    number = 2

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """The slopes in the two masses, whose sum it is, without the weights of the sides."""
        of_p, of_q = block.of_mixture(self.weight)
        return block.cross - of_p, -of_q

    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """By its slopes, with the square of what the masses lack for an error."""
        of_p, of_q = sums
        value = (1 - self.weight) * of_p / masses.p + self.weight * of_q / masses.q
        return value, masses.rounding + masses.excess**2


class _Scaled(Sums):
    """A sum over categories of both sides normalised."""

    scaled = True

    @abstractmethod
    def total(self, masses: Masses, *sums: Array) -> Array:
        """The divergence."""

    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """What it is of masses of 1; it changes by no more than they do, twice for both sides."""
        value = self.total(masses, *sums)
        excess = np.where(masses.excess < _LOOSE, masses.excess, np.nan)
        return value, masses.rounding * (1 + value) + 2 * (1 + value) * excess


@dataclass(frozen=True)
class _OfSkew(_Scaled):
    """The skewed Kullback-Leibler divergence of a weight."""

    weight: float

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """It is one sum."""
        return (block.cross - block.of_mixture(self.weight)[0],)

    def total(self, masses: Masses, *sums: Array) -> Array:
        """That sum."""
        (found,) = sums
        return found


@dataclass(frozen=True)
class _OfOverlap(_Scaled):
    """The mass of p in excess of a multiple of q."""

    multiple: float

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """The mass that is not."""
        return (block.overlap(self.multiple),)

    def total(self, masses: Masses, *sums: Array) -> Array:
        """What is left."""
        return masses.p - sums[0]


class _OfTriangle(_Scaled):
    """The triangular discrimination."""

    def of(self, block: LargeBlock) -> Sequence[Array]:
        """A quarter of what it lacks of the two masses."""
        return (block.harmonic(),)

    def total(self, masses: Masses, *sums: Array) -> Array:
        """What it does not lack."""
        (lack,) = sums
        value: Array = masses.p + masses.q - 4 * lack
        return value


def sums_of(divergence: Divergence) -> Sums | None:
    """The sums that a divergence is a function of, where they are known."""
    if type(divergence) in _KINDS:
        return _KINDS[type(divergence)](divergence)
    form = divergence.of_additive()
    if form is None or type(form.divergence) not in (KL, Renyi):
        return None
    order = getattr(form.divergence, "alpha", 1.0)
    return _OfRenyi(order, form) if order == 1 or abs(order - 1) > _APART else None


def shared_sums(kinds: Sequence[Sums], sides: Sequence[LargeSide]) -> list[Pair | None]:
    """The divergences of large categorical distributions, and their rounding.

    Arguments:
        kinds: The sums that they are functions of.
        sides: The one and the other, with as many categories.

    Returns:
        Both of each, a number for each row; ``None`` for those that are too small or not finite.
    """
    scaled = any(each.scaled for each in kinds) and not all(side.normalised for side in sides)
    roots = any(each.roots for each in kinds)
    shape = sides[0].given.shape
    buffers = np.empty((BUFFERS, BLOCK))
    totals, least = np.zeros((2 + sum(each.number for each in kinds), shape[0])), np.inf
    for place in blocks(*shape):
        block = LargeBlock(sides, place, buffers, scaled=scaled, roots=roots)
        least = min(least, block.p.min(), block.q.min())
        if not least > _LEAST:
            return [None] * len(kinds)
        parts = [block.mass_p, block.mass_q]
        for kind in kinds:
            parts += kind.of(block)
        totals[:, place[0]] += parts
    mass_p, mass_q, *sums = totals
    masses = Masses(mass_p, mass_q, _ROUNDING * (1 - np.log(least)))
    left = iter(sums)
    pairs = [kind.estimate(masses, *islice(left, kind.number)) for kind in kinds]
    return [pair if _is_usable(*pair) else None for pair in pairs]


def _is_usable(value: Array, error: Array) -> bool:
    """Whether values are not small and all is finite."""
    return bool((value >= _NEAR).all() and np.isfinite(value).all() and np.isfinite(error).all())


_KINDS: dict[type[Divergence], Callable[[Any], Sums]] = {
    HockeyStick: lambda divergence: _OfOverlap(divergence.gamma),
    Jeffreys: lambda _: _OfBothWays(),
    JensenShannon: lambda divergence: _OfMixture(divergence.weight),
    SkewKL: lambda divergence: _OfSkew(divergence.weight),
    TotalVariation: lambda _: _OfOverlap(1.0),
    Triangular: lambda _: _OfTriangle(),
}
