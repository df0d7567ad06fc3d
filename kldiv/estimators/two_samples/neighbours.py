r"""The logarithm of a ratio of densities from distances to nearest neighbours.

Let :math:`\rho` be the distance from x to the k-th nearest other place of p's sample, and
:math:`W_p` the weight of the points up to there; likewise :math:`\nu` and :math:`W_q`. Then

.. math:: \log \frac{p(x)}{q(x)} \approx \log \frac{W_p}{\rho^D} - \log \frac{W_q}{\nu^D}.

By itself this is smoothed over the balls and too flat, the more so the more dimensions there are.
It enters the regression as a function of x among others, whose factor takes the bias out.

Points at the same place are one place with the sum of their weights, and the place of x itself
does not count, so no distance is 0 and no sample is its own neighbour.

References:
    Divergence Estimation for Multidimensional Densities via k-Nearest-Neighbor Distances (Wang,
    Kulkarni and Verdú, 2009), equation 5, doi:10.1109/TIT.2009.2016060.
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray

__all__ = ["neighbour_log_ratio"]

Array = NDArray[np.float64]


def neighbour_log_ratio(
    points: Array, first: NDArray[np.bool_], weights: Array, at: Array, counts: tuple[int, ...]
) -> Array:
    r"""The log ratio of densities at some points, one column for each count of neighbours.

    Arguments:
        points: Both samples, with shape :math:`(N, D)`.
        first: Whether a point is of p, with shape :math:`(N)`.
        weights: What a point counts, with shape :math:`(N)`.
        at: Where the ratio is wanted, with shape :math:`(M, D)`.
        counts: The numbers k of neighbours.

    Returns:
        The log ratios, with shape :math:`(M, K)`, up to a constant each; no columns where a side
        has too few places.
    """
    of_p = _log_density(points[first], weights[first], at, counts)
    of_q = _log_density(points[~first], weights[~first], at, counts)
    if of_p is None or of_q is None:
        return np.empty((len(at), 0))
    return of_p - of_q


def _log_density(
    points: Array, weights: Array, at: Array, counts: tuple[int, ...]
) -> Array | None:
    from scipy.spatial import cKDTree  # scipy takes long to import

    places, place = np.unique(points, axis=0, return_inverse=True)
    most = max(counts) + 1
    if len(places) < most:
        return None
    mass = np.bincount(place.ravel(), weights)
    distances, nearest = cKDTree(places).query(at, k=most)
    own = (distances[:, 0] == 0).astype(np.int64)
    cumulated = np.cumsum(mass[nearest], axis=1) - own[:, None] * mass[nearest[:, :1]]
    rows = np.arange(len(at))
    columns = []
    for count in counts:
        last = count - 1 + own
        radius = np.maximum(distances[rows, last], np.finfo(float).tiny)
        heavy = np.maximum(cumulated[rows, last], np.finfo(float).tiny)
        columns.append(np.log(heavy) - points.shape[1] * np.log(radius))
    return np.stack(columns, axis=1)
