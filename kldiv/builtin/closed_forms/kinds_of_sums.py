"""The divergences of categorical distributions that are functions of some sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch

from kldiv.blocks import Array
from kldiv.builtin.divergences.chi2 import Triangular
from kldiv.builtin.divergences.jeffreys import Jeffreys
from kldiv.builtin.divergences.jensen_shannon import JensenShannon, SkewKL
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi
from kldiv.builtin.divergences.total_variation import HockeyStick, TotalVariation
from kldiv.definitions.divergence import Divergence, OfAdditive

__all__ = ["ROUNDING", "Block", "Masses", "Pair", "Sums", "divergences_of_sums", "sums_of"]

ROUNDING = 32 * float(np.finfo(np.float64).eps)
"""That of a sum, for logarithms of size 1."""

_NEAR = 0.02  # below which sums of terms of both signs lose digits
_APART = 0.05  # of an order from 1, by which the logarithm of an integral is divided

Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Masses:
    """The sums of the probabilities of both sides, and the rounding of a sum of terms of size 1.

    Arguments:
        p: Those of p, about 1.
        q: Those of q.
        rounding: The rounding.
        loose: How far from 1 a mass may be that is taken for it.
    """

    p: Array
    q: Array
    rounding: float
    loose: float = 1e-12

    @property
    def excess(self) -> Array:
        """How far from 1 they are, both together."""
        return np.abs(np.log(self.p)) + np.abs(np.log(self.q))


class Block(Protocol):
    """Some categories: an array of sums over them, or a tensor of the terms of such sums."""

    @property
    def cross(self) -> Any:  # noqa: ANN401
        r""":math:`p \log u`."""

    @property
    def reverse(self) -> Any:  # noqa: ANN401
        r""":math:`-q \log u`."""

    def power(self, order: float) -> Any:  # noqa: ANN401
        r""":math:`p^\alpha q^{1 - \alpha}`."""

    def of_mixture(self, weight: float) -> tuple[Any, Any]:
        r""":math:`p\,l` and :math:`q\,l`, :math:`l = \log((1 - w) u + w)`."""

    def overlap(self, multiple: float) -> Any:  # noqa: ANN401
        r""":math:`\min(p, \gamma q)`."""

    def harmonic(self) -> Any:  # noqa: ANN401
        r""":math:`p q / (p + q)`."""


class Sums(ABC):
    """The sums over categories that a divergence is a function of."""

    number = 1
    """How many they are."""
    scaled = False
    """Whether the probabilities have to sum to 1."""

    @property
    def quotients(self) -> bool:
        """Whether quotients of probabilities are summed, or their powers."""
        return True

    @property
    def roots(self) -> bool:
        """Whether square roots are summed."""
        return False

    @abstractmethod
    def of(self, block: Block) -> Sequence[Any]:
        """The sums over a block."""

    @abstractmethod
    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """The divergence of the sums over all categories, and its rounding."""


@dataclass(frozen=True)
class _OfRenyi(Sums):
    """Rényi's divergence of an order, at 1 Kullback and Leibler's, or a function of it."""

    order: float
    swapped: bool = False
    form: OfAdditive | None = field(default=None, compare=False)

    @property
    def quotients(self) -> bool:
        """Those of orders but 1 are."""
        return self.order != 1

    @property
    def roots(self) -> bool:
        """Those of order one half are."""
        return self.order == 0.5

    def of(self, block: Block) -> Sequence[Any]:
        """The cross entropy less the entropy, or the integral of the power."""
        if self.order == 1:
            return (block.reverse if self.swapped else block.cross,)
        return (block.power(1 - self.order if self.swapped else self.order),)

    def estimate(self, masses: Masses, *sums: Array) -> Pair:
        """By the divergence of the normalised sides, of which the masses are taken out."""
        (total,) = sums
        p, q = (masses.q, masses.p) if self.swapped else (masses.p, masses.q)
        if self.order == 1:
            renyi = total / p + np.log(q / p)
            error: Array = masses.rounding * (1 + renyi)
        else:
            log = np.log(total) - self.order * np.log(p) - (1 - self.order) * np.log(q)
            renyi = log / (self.order - 1)
            error = np.array(masses.rounding * (1 + self.order) / abs(self.order - 1))
        if self.form is None:
            return renyi, error + ROUNDING * renyi
        value = np.where(renyi < _NEAR, np.nan, _applied(self.form, renyi))
        moved = [_applied(self.form, np.maximum(renyi + sign * error, 0)) for sign in (-1, 1)]
        return value, np.maximum(*(np.abs(each - value) for each in moved)) + ROUNDING * value


@dataclass(frozen=True)
class _OfBothWays(Sums):
    """Jeffreys' divergence."""

    number = 2
    quotients = False

    def of(self, block: Block) -> Sequence[Any]:
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

    def of(self, block: Block) -> Sequence[Any]:
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
        excess = np.where(masses.excess < masses.loose, masses.excess, np.nan)
        return value, masses.rounding * (1 + value) + 2 * (1 + value) * excess


@dataclass(frozen=True)
class _OfSkew(_Scaled):
    """The skewed Kullback-Leibler divergence of a weight."""

    weight: float

    def of(self, block: Block) -> Sequence[Any]:
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

    def of(self, block: Block) -> Sequence[Any]:
        """The mass that is not."""
        return (block.overlap(self.multiple),)

    def total(self, masses: Masses, *sums: Array) -> Array:
        """What is left."""
        return masses.p - sums[0]


@dataclass(frozen=True)
class _OfTriangle(_Scaled):
    """The triangular discrimination."""

    def of(self, block: Block) -> Sequence[Any]:
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
    if 0 < abs(order - 1) <= _APART:
        return None
    return (
        _OfRenyi(order) if form.divergence is divergence else _OfRenyi(order, form.swapped, form)
    )


def divergences_of_sums(
    kinds: Sequence[Sums], masses: Masses, sums: Sequence[Array]
) -> list[Pair | None]:
    """The divergences and their rounding; ``None`` for those that are small or not finite."""
    left = iter(sums)
    pairs = [kind.estimate(masses, *islice(left, kind.number)) for kind in kinds]
    return [pair if _is_usable(*pair) else None for pair in pairs]


def _is_usable(value: Array, error: Array) -> bool:
    """Whether values are not small and all is finite."""
    return bool(((value >= _NEAR) & np.isfinite(value + error)).all())


def _applied(form: OfAdditive, values: Array) -> Array:
    found: Array = form.function(torch.from_numpy(values)).numpy()
    return found


_KINDS: dict[type[Divergence], Callable[[Any], Sums]] = {
    HockeyStick: lambda divergence: _OfOverlap(divergence.gamma),
    Jeffreys: lambda _: _OfBothWays(),
    JensenShannon: lambda divergence: _OfMixture(divergence.weight),
    SkewKL: lambda divergence: _OfSkew(divergence.weight),
    TotalVariation: lambda _: _OfOverlap(1.0),
    Triangular: lambda _: _OfTriangle(),
}
