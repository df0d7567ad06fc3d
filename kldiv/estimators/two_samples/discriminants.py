r"""Simple guesses of a log ratio of densities: by normal distributions, and by frequencies.

Two normal distributions with the moments of the samples have the quadratic discriminant

.. math:: \ell_0(x) = -\tfrac12 (x - \mu_p)^\top \Sigma_p^{-1} (x - \mu_p)
    + \tfrac12 (x - \mu_q)^\top \Sigma_q^{-1} (x - \mu_q)
    - \tfrac12 \log \frac{\det \Sigma_p}{\det \Sigma_q}.

With few points fewer parameters are better: the covariances are drawn towards their mean, at
which :math:`\ell_0` is linear, or to their diagonals.

References:
    Regularized Discriminant Analysis (Friedman, 1989), doi:10.1080/01621459.1989.10478752.
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray

from kldiv.estimators.two_samples.pooled import Array, Mask, Pool

__all__ = ["NORMAL", "frequency_log_ratio", "normal_log_ratio"]

_SHRINKAGES = (0.0, 0.3, 1.0)
NORMAL = 1 + 2 * (len(_SHRINKAGES) + 1)
"""How many guesses there are by normal distributions, zero among them."""
_FLOOR = 1e-10  # of the variance of the pool


def frequency_log_ratio(pool: Pool, train: Mask) -> Array:
    """The logarithm of the ratio of frequencies, each with half a point added, at all points."""
    count = int(pool.places.max()) + 1
    shares = []
    for side in pool.sides(train):
        mass = np.bincount(pool.places[side], pool.weights[side], count)
        half = (pool.weights[side] ** 2).sum() / pool.weights[side].sum() / 2
        shares.append((mass + half) / (mass.sum() + count * half))
    ratio: Array = np.log(shares[0] / shares[1])[pool.places]
    return ratio


def normal_log_ratio(pool: Pool, train: Mask, number: int) -> Array:
    """Zero, or one of the discriminants in both coordinates of the pool, at all points.

    Arguments:
        pool: The two samples.
        train: Which points it is made from.
        number: Which one it is, from 0 to below :data:`NORMAL`.
    """
    if number == 0:
        return np.zeros(len(train))
    coordinates, shape = divmod(number - 1, len(_SHRINKAGES) + 1)
    points = (pool.units, pool.scores)[coordinates]
    sides = [_moments(points[side], pool.weights[side]) for side in pool.sides(train)]
    common = (sides[0][1] + sides[1][1]) / 2
    of_p, of_q = (
        _normal_log_density(points, mean, _shaped(own, common, shape)) for mean, own in sides
    )
    return of_p - of_q


def _shaped(own: Array, common: Array, shape: int) -> Array:
    """A covariance drawn towards what both have in common, or its diagonal."""
    if shape == len(_SHRINKAGES):
        return np.diag(np.diag(own))
    share = _SHRINKAGES[shape]
    return (1 - share) * own + share * common


def _moments(points: Array, weights: Array) -> tuple[Array, Array]:
    share = weights / weights.sum()
    mean = share @ points
    centred = points - mean
    return mean, centred.T @ (centred * share[:, None])


def _normal_log_density(points: Array, mean: Array, covariance: NDArray[np.float64]) -> Array:
    """Up to the constant that all normal densities share."""
    from scipy.linalg import solve_triangular  # scipy takes long to import

    root = np.linalg.cholesky(covariance + _FLOOR * np.eye(len(mean)))
    distances = solve_triangular(root, (points - mean).T, lower=True)
    value: Array = -0.5 * (distances**2).sum(0) - np.log(np.diag(root)).sum()
    return value
