r"""Two data sets put together, and what can be said of their points without knowing the side.

Let :math:`\ell(x) = \log p(x) - \log q(x)`. It does not change when both samples go through the
same one-to-one map, so each coordinate is replaced by its *normal score*, the normal quantile of
its rank in the pool: heavy tails, ends and units are gone before anything is fitted. The functions
in which :math:`\ell` is sought are made of these scores:

- natural cubic splines of each coordinate, for what the marginals show;
- products of two coordinates, for what their correlations show;
- Gaussian bumps around points of the pool, up to :data:`FEW` dimensions, for the rest.

References:
    The Elements of Statistical Learning (Hastie, Tibshirani and Friedman, 2009), equations 5.4
    and 5.5 for the splines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from numpy.typing import NDArray

__all__ = ["FEW", "Array", "Mask", "Pool"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEW = 8
"""Up to how many dimensions distances between points say something."""
_KNOTS = {1: 12, 2: 9, 3: 8}
_END = 2.2  # the outermost knots: beyond is one point in forty
_BUMPS = 150
_WIDTH = 0.3  # of the mean distance
_REPEATED = 10  # copies of a point, from which on its neighbours need not speak for it


@dataclass(frozen=True)
class Pool:
    r"""Two samples, one below the other.

    Arguments:
        points: The points, with shape :math:`(N, D)`.
        first: Whether a point is of p, with shape :math:`(N)`.
        weights: What a point counts, with shape :math:`(N)`; both sides weigh :math:`N / 2`.
        seed: What all randomness follows.
    """

    points: Array
    first: Mask
    weights: Array
    seed: int

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """A number for each point, the same for copies, with shape :math:`(N)`."""
        return np.unique(self.points, axis=0, return_inverse=True)[1].ravel()

    @property
    def size(self) -> float:
        """How many points of equal weight the smaller side is worth."""
        return min(
            float(self.weights[side].sum() ** 2 / (self.weights[side] ** 2).sum())
            for side in self.sides()
        )

    def sides(self, among: Mask | None = None) -> tuple[Mask, Mask]:
        """Which points are of p and which of q, with shape :math:`(N)` each."""
        chosen = np.ones(len(self.first), bool) if among is None else among
        return chosen & self.first, chosen & ~self.first

    @cached_property
    def scores(self) -> Array:
        """The normal scores of the coordinates that vary, with shape :math:`(N, D)`."""
        return np.stack([_normal_scores(column) for column in self._varying.T], 1)

    @cached_property
    def units(self) -> Array:
        """The coordinates that vary, with mean 0 and variance 1, with shape :math:`(N, D)`."""
        return _standardised(self._varying, self.weights)

    @cached_property
    def white(self) -> Array:
        """The normal scores, decorrelated, with shape :math:`(N, D)`."""
        scores = _standardised(self.scores, self.weights)
        covariance = scores.T @ (scores * self.weights[:, None]) / self.weights.sum()
        values, vectors = np.linalg.eigh(covariance)
        kept = values > 1e-8
        white: Array = scores @ vectors[:, kept] / np.sqrt(values[kept])
        return white

    @cached_property
    def single(self) -> Array:
        """Functions of one coordinate each, with shape :math:`(N, K)`."""
        knots = np.linspace(-_END, _END, _KNOTS.get(self.scores.shape[1], 6))
        splines = [_natural_splines(column, knots) for column in self.scores.T]
        return _standardised(np.hstack([self.scores, *splines]), self.weights)

    @cached_property
    def joint(self) -> Array:
        """Functions of more than one coordinate, with shape :math:`(N, K)`."""
        i, j = np.triu_indices(self.scores.shape[1], 1)
        parts = [self.scores[:, i] * self.scores[:, j]]
        if self.scores.shape[1] <= FEW:
            parts.append(self._bumps())
        return _standardised(np.hstack(parts), self.weights)

    def folds(self, count: int, draw: int) -> NDArray[np.int64]:
        """Which of ``count`` parts a point is in; both sides and copies are spread evenly.

        Copies of a point share a part, so that none is predicted from its own twin, unless
        there are many.
        """
        random = np.random.default_rng((self.seed, draw))
        copies = np.bincount(self.places)[self.places]
        many = copies >= _REPEATED
        label = np.where(many, self.places.max() + 1 + np.arange(len(copies)), self.places)
        _, start, inverse = np.unique(label, return_index=True, return_inverse=True)
        part = np.empty(len(start), np.int64)
        for side in (True, False):
            members = np.flatnonzero(self.first[start] == side)
            part[members] = random.permutation(np.arange(len(members)) % count)
        return part[inverse.ravel()]

    @property
    def _varying(self) -> Array:
        return self.points[:, self.points.min(0) < self.points.max(0)]

    def _bumps(self) -> Array:
        from scipy.spatial.distance import cdist  # scipy takes long to import

        random = np.random.default_rng(self.seed)
        size = min(_BUMPS, len(self.white))
        centres = self.white[random.choice(len(self.white), size, replace=False)]
        distances = cdist(self.white, centres)
        bumps: Array = np.exp(-0.5 * (distances / (_WIDTH * distances.mean())) ** 2)
        return bumps


def _standardised(columns: Array, weights: Array) -> Array:
    """Columns with mean 0 and variance 1; constant ones become 0."""
    share = weights / weights.sum()
    centred = columns - share @ columns
    spread = np.sqrt(share @ centred**2)
    standardised: Array = centred / np.where(spread > 0, spread, 1.0)
    return standardised


def _normal_scores(column: Array) -> Array:
    """Normal quantiles of the mid-ranks; equal values have equal scores.

    All points count the same: by weights, the gaps around a point would tell its side.
    """
    from scipy.special import ndtri  # scipy takes long to import

    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(column)
    scores: Array = ndtri(middle[inverse])
    return scores


def _natural_splines(column: Array, knots: Array) -> Array:
    """Cubic splines that are straight beyond the outermost knots, without the straight ones."""
    cubes = np.maximum(column[:, None] - knots, 0.0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    splines: Array = slopes[:, :-1] - slopes[:, -1:]
    return splines
