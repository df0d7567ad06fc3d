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
_BLOCK = 8192  # points
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
    weights = size * _to_zero(count, min(1.0, 2 / size))
    found = _Sums.of(p, q, weights)
    each = found.each
    value = each.mean() + math.log(len(q) / (len(p) - 1))
    without_q = found.gained_q / len(p) + math.log1p(-1 / len(q))
    without_p = (each.sum() - each - found.gained_p) / (len(p) - 1)
    variance = (len(p) - 1) * without_p.var() + (len(q) - 1) * without_q.var()
    stderr = math.sqrt(variance)
    error = _CONFIDENCE * stderr + abs(each.mean() - size * found.last.mean())
    return Comparison(max(value, 0.0), error, stderr)


@dataclass(frozen=True)
class _Sums:
    """Of the points of p the weighted sums of the log ratios of distances, and the last ratio.

    Beside them stands by what the weighted sum of all log distances is larger without each of the
    points of p, and of q.
    """

    each: Array
    last: Array
    gained_p: Array
    gained_q: Array

    @classmethod
    def of(cls, p: Array, q: Array, weights: Array) -> _Sums:
        """Those of two samples, some points at a time, so that memory serves again."""
        found = cls(*(np.zeros(len(each)) for each in (p, p, p, q)))
        among_p, among_q = Search(p), Search(q)
        count = len(weights) + 1
        for start in range(0, len(p), _BLOCK):
            rows = among_p.order[start : start + _BLOCK]
            at = p.take(rows, 0)
            distances, numbers = among_p.nearest(at, count + 1)
            own = _logs(distances[:, 1:])  # without the points themselves
            _add_gained(found.gained_p, own, numbers[:, 1:], weights)
            distances, numbers = among_q.nearest(at, count)
            other = _logs(distances)
            _add_gained(found.gained_q, other, numbers, weights)
            ratios = (other - own)[:, :-1]
            found.each[rows], found.last[rows] = ratios @ weights, ratios[:, -1]
        return found


def _logs(distances: Array) -> Array:
    """Their logarithms.

    Raises:
        NotAvailable: If a distance is 0.
    """
    if distances.min() == 0:
        raise NotAvailable(
            "points are at the same place, which tells nothing of densities by distances; "
            "kldiv.Samples() learns their ratio where points repeat"
        )
    return np.log(distances)


def _add_gained(gained: Array, logs: Array, numbers: NDArray[np.intp], weights: Array) -> None:
    """Adds by what the weighted sum of log distances is larger without each of the points."""
    from_there_on = np.tril(np.repeat(weights[:, None], len(weights), axis=1))
    further = (logs[:, 1:] - logs[:, :-1]) @ from_there_on
    np.add.at(gained, numbers[:, :-1].ravel(), further.ravel())


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
