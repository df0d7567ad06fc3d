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
from kldiv.estimators.two_samples.nearest import Search
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
    p, q = np.split(_decorrelated(np.concatenate([p, q])), [len(p)])
    size = p.shape[1]
    among_p, among_q = Search(p), Search(q)
    at = p.take(among_p.order, 0)
    distances, numbers = among_p.nearest(at, count + 1)
    own = _Nearest.of(distances[:, 1:], numbers[:, 1:])  # without the points themselves
    other = _Nearest.of(*among_q.nearest(at, count))
    weights = size * _to_zero(count, min(1.0, 2 / size))
    ratios = (other.logs - own.logs)[:, :-1]
    each = ratios @ weights
    value = each.mean() + math.log(len(q) / (len(p) - 1))
    without_q = other.gained(weights, len(q)) / len(p) + math.log1p(-1 / len(q))
    gained = own.gained(weights, len(p))[among_p.order]
    without_p = (each.sum() - each - gained) / (len(p) - 1)
    variance = (len(p) - 1) * without_p.var() + (len(q) - 1) * without_q.var()
    stderr = math.sqrt(variance)
    error = _CONFIDENCE * stderr + abs(each.mean() - size * ratios[:, -1].mean())
    return Comparison(max(value, 0.0), error, stderr)


@dataclass(frozen=True)
class _Nearest:
    """The logarithms of the distances of the nearest points, and their numbers, (N, K)."""

    logs: Array
    numbers: NDArray[np.intp]

    @classmethod
    def of(cls, distances: Array, numbers: NDArray[np.intp]) -> _Nearest:
        """Those at some distances.

        Raises:
            NotAvailable: If a distance is 0.
        """
        if distances.min() == 0:
            raise NotAvailable(
                "points are at the same place, which tells nothing of densities by distances; "
                "kldiv.Samples() learns their ratio where points repeat"
            )
        return cls(np.log(distances), numbers)

    def gained(self, weights: Array, count: int) -> Array:
        """By what the weighted sum of log distances is larger without each of the points."""
        from_there_on = np.tril(np.repeat(weights[:, None], len(weights), axis=1))
        further = (self.logs[:, 1:] - self.logs[:, :-1]) @ from_there_on
        gained = np.bincount(self.numbers[:, :-1].ravel(), further.ravel(), count)
        return np.asarray(gained, np.float64)


def _to_zero(count: int, power: float) -> Array:
    r"""The weights that take a line in :math:`k^\gamma` to 0, from all k below a count.

    The variance of a value falls with k, by which it counts.
    """
    k = np.arange(1.0, count)
    x = k**power
    shares = k * (k @ x**2 - (k @ x) * x)
    weights: Array = shares / shares.sum()
    return weights


def _decorrelated(points: Array) -> Array:
    """Points in as many uncorrelated coordinates as they vary in, of variance 1."""
    rows = np.ascontiguousarray(points.T)
    rows = rows - rows[:, :1]  # exactly 0 where all are the same
    rows -= rows.mean(1, keepdims=True)
    rows /= np.maximum(rows.std(1, keepdims=True), np.finfo(float).tiny)
    variances, axes = np.linalg.eigh(rows @ rows.T / len(points))
    kept = variances >= min(_FLAT, variances[-1])
    scales = np.sqrt(np.maximum(variances[kept], np.finfo(float).tiny))
    found: Array = rows.T @ (axes[:, kept] / scales)
    return found
