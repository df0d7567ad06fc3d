r"""The Kullback-Leibler divergence of two samples by nearest neighbours.

Let :math:`\rho_{ik}` be the distance of the i-th of N points of p to the k-th nearest other one,
:math:`\nu_{ik}` that to the k-th nearest of M points of q, and D the number of coordinates. Then

.. math:: \theta_k = \frac DN \sum_{i=1}^N \log \frac{\nu_{ik}}{\rho_{ik}} + \log \frac{M}{N - 1}.

That either distance is to the k-th point of few has an effect on its logarithm that is the same
for both. What remains of a bias is that densities vary within the balls, by the square of their
radius, so that :math:`\theta_k \approx \theta + b\,(k / N)^{2 / D}`, and by the radius itself on a
line where a density ends. The straight line through all :math:`\theta_k` is taken to k = 0.

If one point is left out, the next nearest takes its place wherever it was one of the nearest: the
jackknife has the value without each point from the same distances. Its variance is in the mean
not less than that of the value. The error is three standard errors, and what was corrected.

The coordinates are decorrelated first, as their units do not matter to the divergence.

References:
    Divergence Estimation for Multidimensional Densities via k-Nearest-Neighbor Distances (Wang,
    Kulkarni and Verdú, 2009), equation 5, doi:10.1109/TIT.2009.2016060.
    Ensemble Estimation of Information Divergence (Moon, Sricharan, Greenewald and Hero, 2018),
    section 3, for values of many k, doi:10.3390/e20080560.
    The Jackknife Estimate of Variance (Efron and Stein, 1981), theorem 2,
    doi:10.1214/aos/1176345462.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import numpy as np

from numpy.typing import NDArray

from kldiv.errors import NotAvailable
from kldiv.estimators.two_samples.comparison import Comparison
from kldiv.estimators.two_samples.nearest import nearest
from kldiv.estimators.two_samples.pooled import Array

__all__ = ["kl_by_neighbours"]

_CONFIDENCE = 3.0
_FLAT = 1e-10  # of the largest variance: beyond rounding, there is no such coordinate


def kl_by_neighbours(p: Array, q: Array, count: int) -> Comparison:
    r"""The divergence of two samples.

    Arguments:
        p: Points, with shape :math:`(N, D)`.
        q: Points, with shape :math:`(M, D)`.
        count: How many of the nearest points of each are looked at, at least 3 and less than
            either number.

    Raises:
        NotAvailable: If a point is at the place of another one.
    """
    points = _decorrelated(np.concatenate([p, q]))
    p, q = points[: len(p)], points[len(p) :]
    size = points.shape[1]
    own, other = _Nearest.of(p, p, count + 1).but_the_first, _Nearest.of(q, p, count)
    if min(own.distances.min(), other.distances.min()) == 0:
        raise NotAvailable(
            "points are at the same place, which tells nothing of densities by distances; "
            "kldiv.Samples() learns their ratio where points repeat"
        )
    weights = _to_zero(count, min(1.0, 2 / size))
    terms = size * np.log(other.distances / own.distances)[:, :-1]
    each = terms @ weights
    value = each.mean() + math.log(len(q) / (len(p) - 1))
    without_q = other.gained(size * weights, len(q)) / len(p) + math.log1p(-1 / len(q))
    without_p = (each.sum() - each - own.gained(size * weights, len(p))) / (len(p) - 1)
    variance = (len(p) - 1) * without_p.var() + (len(q) - 1) * without_q.var()
    stderr = math.sqrt(variance)
    error = _CONFIDENCE * stderr + abs(each.mean() - terms[:, -1].mean())
    return Comparison(max(value, 0.0), error, stderr)


@dataclass(frozen=True)
class _Nearest:
    """The distances of the nearest of some points and their numbers, from N others, (N, K)."""

    distances: Array
    numbers: NDArray[np.intp]

    @classmethod
    def of(cls, points: Array, at: Array, count: int) -> _Nearest:
        return cls(*nearest(points, at, count))

    @property
    def but_the_first(self) -> _Nearest:
        """Without the points themselves."""
        return _Nearest(self.distances[:, 1:], self.numbers[:, 1:])

    def gained(self, weights: Array, count: int) -> Array:
        """By what the weighted sum of log distances is larger without each of the points."""
        gaps = weights * np.diff(np.log(self.distances), axis=1)
        further = np.cumsum(gaps[:, ::-1], axis=1)[:, ::-1]  # all from where the point was on
        gained = np.bincount(self.numbers[:, :-1].ravel(), further.ravel(), count)
        return np.asarray(gained, np.float64)


def _to_zero(count: int, power: float) -> Array:
    r"""The weights that take a line in :math:`k^\gamma` to 0, from all k below a count.

    The variance of a value falls with k, by which it counts.
    """
    k = np.arange(1.0, count)
    functions = np.stack([np.ones_like(k), k**power])
    weights: Array = np.linalg.solve(functions * k @ functions.T, functions * k)[0]
    return weights


def _decorrelated(points: Array) -> Array:
    """Points in as many uncorrelated coordinates as they vary in, of variance 1."""
    centred = points - points.mean(0)
    centred /= np.maximum(centred.std(0), np.finfo(float).tiny)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(points))
    kept = variances >= min(_FLAT, variances[-1])
    scales = np.sqrt(np.maximum(variances[kept], np.finfo(float).tiny))
    found: Array = centred @ (axes[:, kept] / scales)
    return found
