r"""The log ratio of two densities, learnt by telling two samples apart.

With both sides weighing the same, a point x of the pool is of p with probability

.. math:: \eta(x) = \frac{p(x)}{p(x) + q(x)} = \frac{1}{1 + e^{-\ell(x)}}, \qquad
    \ell = \log \frac{p}{q},

so :math:`\ell` is what logistic regression estimates. It is sought as
:math:`\ell = \ell_0 + \beta \cdot \phi(x)`: a simple guess, and a combination of functions of
single coordinates, of functions of more than one, the log ratio by nearest neighbours among them,
and of the guess itself, held by a penalty :math:`\lambda \|\beta\|^2 / 2`. Where there are few
distinct points, as in counts, the ratio of their frequencies is a guess too.

All is judged on points that were not used: the pool is cut into parts, and each is predicted from
the others. The guess, the penalty, and whether functions of single coordinates do, are those with
the smallest held-out loss.

References:
    Density Ratio Estimation in Machine Learning (Sugiyama, Suzuki and Kanamori, 2012), chapter 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from numpy.typing import NDArray

from kldiv.estimators.two_samples.discriminants import (
    NORMAL,
    frequency_log_ratio,
    normal_log_ratio,
)
from kldiv.estimators.two_samples.neighbours import neighbour_log_ratio
from kldiv.estimators.two_samples.pooled import FEW, Array, Mask, Pool

__all__ = ["Choice", "best_choice", "free_log_ratio", "held_out_log_ratio"]

_PENALTIES = (300.0, 30.0, 3.0, 0.3, 0.03)
_STEPS = 25
_PRECISION = 1e-4  # of the loss of all points together
_COPIES = 8  # how often a point is there on average where frequencies are taken


@dataclass(frozen=True)
class Choice:
    """What a log ratio is learnt by.

    Arguments:
        guess: Which guess to begin with.
        joint: Whether functions of more than one coordinate take part.
        penalty: What holds the functions; with ``None`` the guess is taken as it is.
    """

    guess: int
    joint: bool
    penalty: float | None


def best_choice(pool: Pool, folds: NDArray[np.int64]) -> Choice:
    r"""What the log ratio is learnt by with the smallest held-out loss.

    Arguments:
        pool: The two samples.
        folds: The part of each point, with shape :math:`(N)`.
    """
    trains = _trains(folds)
    guesses = [_guesses(pool, train) for train in trains]
    losses = [_loss(pool, _gather(trains, each)) for each in zip(*guesses, strict=True)]
    guess = int(np.argmin(losses))
    best = {Choice(guess, False, None): losses[guess]}
    for joint in (False, True):
        paths = [
            _path(pool, train, found[guess], joint, _PENALTIES)
            for train, found in zip(trains, guesses, strict=True)
        ]
        for penalty, fits in zip(_PENALTIES, zip(*paths, strict=True), strict=True):
            best[Choice(guess, joint, penalty)] = _loss(pool, _gather(trains, fits))
    return min(best, key=best.__getitem__)


def held_out_log_ratio(pool: Pool, folds: NDArray[np.int64], choice: Choice) -> Array:
    """The log ratio at every point, learnt without the points of its own part by a choice."""
    trains = _trains(folds)
    return _gather(trains, [_learnt(pool, train, choice) for train in trains])


def free_log_ratio(pool: Pool, choice: Choice) -> Array:
    r"""The log ratio at every point, held loosely and learnt from all points, itself among them.

    It sees more in the samples than there is. The penalty is :math:`\sqrt n`: weak beside the
    likelihood of many points, and strong enough that chance alone is not all that is seen.
    """
    everywhere = np.ones(len(pool.first), bool)
    return _learnt(pool, everywhere, Choice(choice.guess, True, pool.size**0.5))


def _guesses(pool: Pool, train: Mask) -> list[Array]:
    counted = (pool.places.max() + 1) * _COPIES <= len(pool.places)
    return [_guess(pool, train, number) for number in range(NORMAL + counted)]


def _guess(pool: Pool, train: Mask, number: int) -> Array:
    """A guess by its number: those by normal distributions come first."""
    if number < NORMAL:
        return normal_log_ratio(pool, train, number)
    return frequency_log_ratio(pool, train)


def _trains(folds: NDArray[np.int64]) -> list[Mask]:
    """For each part the points outside it, which it is learnt from."""
    return [folds != part for part in range(int(folds.max()) + 1)]


def _gather(trains: Iterable[Mask], fits: Iterable[Array]) -> Array:
    """One log ratio for each point, from the fit that it was no part of."""
    total: Array = np.sum(
        [np.where(train, 0.0, fit) for train, fit in zip(trains, fits, strict=True)], axis=0
    )
    return total


def _loss(pool: Pool, log_ratio: Array) -> float:
    """The logistic loss."""
    return float(pool.weights @ np.logaddexp(0.0, np.where(pool.first, -log_ratio, log_ratio)))


def _learnt(pool: Pool, train: Mask, choice: Choice) -> Array:
    """The log ratio at all points, learnt from some."""
    guess = _guess(pool, train, choice.guess)
    if choice.penalty is None:
        return guess
    return _path(pool, train, guess, choice.joint, [choice.penalty])[0]


def _path(
    pool: Pool, train: Mask, guess: Array, joint: bool, penalties: Sequence[float]
) -> list[Array]:
    """The fits with ever weaker penalties, at all points."""
    columns = _functions(pool, train, guess, joint)
    functions = np.hstack([np.ones((len(train), 1)), *columns])
    weights = pool.weights[train] * (train.sum() / pool.weights[train].sum())
    regression = _Regression(functions[train], guess[train], pool.first[train], weights)
    factors = np.zeros(functions.shape[1])
    found = []
    for penalty in penalties:
        held = np.full(len(factors), penalty)
        held[0] = 1e-6  # the constant is free
        factors = regression.solve(factors, held)
        found.append(guess + functions @ factors)
    return found


def _functions(pool: Pool, train: Mask, guess: Array, joint: bool) -> list[Array]:
    """What the log ratio is a combination of, on a common scale."""
    columns = [guess[:, None], pool.single]
    if joint:
        columns.append(pool.joint)
    if joint and pool.white.shape[1] <= FEW:
        fewest = min(side.sum() for side in pool.sides(train))
        known = (pool.white[train], pool.first[train], pool.weights[train])
        columns.append(neighbour_log_ratio(*known, pool.white, (3, max(3, round(fewest**0.5)))))
    spreads = [column.std(0) for column in columns]
    return [
        column / np.where(spread > 0, spread, 1.0)
        for column, spread in zip(columns, spreads, strict=True)
    ]


@dataclass(frozen=True)
class _Regression:
    """Penalised logistic regression with an offset."""

    functions: Array
    offset: Array
    first: Mask
    weights: Array

    def loss(self, factors: Array, penalties: Array) -> float:
        log_ratio = self.offset + self.functions @ factors
        misfit = np.logaddexp(0.0, np.where(self.first, -log_ratio, log_ratio))
        return float(self.weights @ misfit + 0.5 * penalties @ factors**2)

    def step(self, factors: Array, penalties: Array) -> Array:
        """Newton's, of a curvature in float32: what it leads to is where the slope vanishes."""
        from scipy.linalg import cho_solve
        from scipy.special import expit  # scipy takes long to import

        chance = expit(self.offset + self.functions @ factors)
        slope = (self.weights * (chance - self.first)) @ self.functions
        root = np.sqrt(self.weights * chance * (1 - chance))
        try:
            factor = _factored(self._single, root.astype(np.float32), penalties)
        except np.linalg.LinAlgError:  # its rounding is more than the penalties
            factor = _factored(self.functions, root, penalties)
        step: Array = cho_solve(factor, slope + penalties * factors)
        return step

    def solve(self, factors: Array, penalties: Array) -> Array:
        """The factors with the smallest loss, by Newton's method with halved steps."""
        current = self.loss(factors, penalties)
        for _ in range(_STEPS):
            step = self.step(factors, penalties)
            trials = (factors - step * 0.5**halvings for halvings in range(20))
            losses = ((trial, self.loss(trial, penalties)) for trial in trials)
            trial, new = next((each for each in losses if each[1] <= current), (factors, current))
            factors, decrease, current = trial, current - new, new
            if decrease < _PRECISION:
                break
        return factors

    @cached_property
    def _single(self) -> NDArray[np.float32]:
        return self.functions.astype(np.float32)


def _factored(functions: NDArray[Any], root: NDArray[Any], penalties: Array) -> tuple[Array, bool]:
    """The curvature's Cholesky factor, from the roots of what points bend it by."""
    from scipy.linalg import cho_factor  # scipy takes long to import

    bent = functions * root[:, None]
    curvature = (bent.T @ bent).astype(np.float64)
    curvature[np.diag_indices_from(curvature)] += penalties
    factor: tuple[Array, bool] = cho_factor(curvature)
    return factor
