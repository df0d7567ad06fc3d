r"""A divergence between two data sets, from the log ratio of their densities.

A divergence that bijections leave alone is made of integrals :math:`I = \int g(p, q)\,dx` with
:math:`g(cp, cq) = c\,g(p, q)`. With :math:`\varphi(\eta) = g(\eta, 1 - \eta)` and
:math:`\eta = p / (p + q)`,

.. math:: I = \mathbb E_p\,\varphi + \mathbb E_q\,\varphi
    = \mathbb E_p[\varphi + (1 - \eta)\,\varphi'] + \mathbb E_q[\varphi - \eta\,\varphi'].

The second form is a proper score: for a guess :math:`\hat\eta` that was learnt from other points
and a convex :math:`\varphi` its mean is below I by a Bregman divergence of :math:`\eta` from
:math:`\hat\eta`, so its bias is of second order. Where one density is more than :math:`\sqrt n`
times the other, one sample has no points there, and :math:`\varphi'` is left out.

How far the mean is below I falls with the number n of points that were learnt from, like
:math:`n^{-4/5}` where the log ratio is a sum of smooth functions of one coordinate each. It is
learnt from four fifths of the points and from half of them, cut in other ways than where it was
chosen what to learn by, and the difference taken to :math:`n = \infty`.

The error has four parts: three standard errors; what the value owes to places without points of
one sample, seen or not, where the log ratio is a guess; what was added by going to zero; and how
much more there would be if all were true that a loose fit sees in the samples. What none of the
functions shows, such as dependence of three coordinates among many, is in no part of it; nor is
what too few points show, such as tails in ten dimensions by a hundred.

References:
    Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting and Raftery, 2007),
    theorem 2, doi:10.1198/016214506000001437.
    Additive Regression and Other Nonparametric Models (Stone, 1985), theorem 1, for the rate,
    doi:10.1214/aos/1176349548.
    Information, Divergence and Risk for Binary Experiments (Reid and Williamson, 2011), section 5.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
import torch

from torch import Tensor
from torch.nn.functional import logsigmoid

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.estimators.two_samples.log_ratio import (
    best_choice,
    free_log_ratio,
    held_out_log_ratio,
)
from kldiv.estimators.two_samples.pooled import Array, Pool

__all__ = ["Comparison", "LogRatios", "compare"]

_FOLDS = 5
_CUTS = 3
_HALVINGS = 6
_CONFIDENCE = 3.0
_UNSEEN = 3.0  # the points of a part that none is seen of, at most, in 19 of 20 cases
_RATE = 0.8  # what is missing falls like n to the minus this
_ADDED = 1 / ((2 * (_FOLDS - 1) / _FOLDS) ** _RATE - 1)


@dataclass(frozen=True)
class Comparison:
    """A divergence between two samples: its value, the error of it, and the standard error."""

    value: float
    error: float
    stderr: float


@dataclass(frozen=True)
class LogRatios:
    r"""What was learnt of the log ratio, each at all points and with shape :math:`(N)`.

    Arguments:
        fifths: From four fifths of the points, for some ways to cut them.
        halves: From half of the points, for some ways to halve them.
        free: From all points, held loosely.
    """

    fifths: tuple[Array, ...]
    halves: tuple[Array, ...]
    free: Array

    @classmethod
    def learnt(cls, pool: Pool) -> LogRatios:
        """Those of two samples; 0 where all points are at one place."""
        if pool.places.max() == 0:
            nothing = np.zeros(len(pool.first))
            return cls((nothing,), (nothing,), nothing)
        choice = best_choice(pool, pool.folds(_FOLDS, 0))
        fifths, halves = (
            tuple(
                held_out_log_ratio(pool, pool.folds(parts, draw), choice)
                for draw in range(1, 1 + draws)
            )
            for parts, draws in ((_FOLDS, _CUTS), (2, _HALVINGS))
        )
        return cls(fifths, halves, free_log_ratio(pool, choice))


@dataclass(frozen=True)
class _Integrals:
    r"""Estimates of the integrals of a divergence, each with shape :math:`(k)`."""

    scored: Tensor
    plain: Tensor
    stderr: Tensor
    reach: Tensor


def compare(divergence: IntegralDivergence, pool: Pool, learnt: LogRatios) -> Comparison:
    """The divergence between two samples, which must be one that bijections leave alone."""

    def combined(integrals: Tensor) -> float:
        return float(divergence.combine(*integrals))

    whole, half = (
        _middle([_integrals(divergence, pool, each) for each in ratios])
        for ratios in (learnt.fifths, learnt.halves)
    )
    large, small = whole.scored, half.scored
    if not (math.isfinite(combined(large)) and math.isfinite(combined(small))):
        large, small = whole.plain, half.plain  # they are inside the range of the integrals
    added = _ADDED * (combined(large) - combined(small))
    value = min(max(combined(large) + added, 0.0), divergence.upper_bound)
    more = combined(_integrals(divergence, pool, learnt.free).plain) - value
    width = _width(combined, large, _CONFIDENCE * whole.stderr + whole.reach)
    error = width + abs(added) + max(more, 0.0)
    most = max(value, divergence.upper_bound - value)
    return Comparison(value, min(error, most), _width(combined, large, whole.stderr))


def _middle(estimates: list[_Integrals]) -> _Integrals:
    """The median of several estimates, as now and then one from few points is far off."""
    columns = zip(*(astuple(each) for each in estimates), strict=True)
    return _Integrals(*(torch.stack(column).quantile(0.5, dim=0) for column in columns))


def _width(combined: Callable[[Tensor], float], integrals: Tensor, shift: Tensor) -> float:
    """How far the divergence moves with its integrals, infinite where it leaves its range."""
    middle = combined(integrals)
    moves = [abs(combined(integrals + sign * shift) - middle) for sign in (1, -1)]
    return max((move for move in moves if not math.isnan(move)), default=math.inf)


def _integrals(divergence: IntegralDivergence, pool: Pool, log_ratio: Array) -> _Integrals:
    """The integrals by a log ratio, with errors that have the sign in which they go together."""
    ell = torch.from_numpy(log_ratio)
    limit = math.log(pool.size) / 2
    near = ell.abs() <= limit
    inner = ell.clamp(-limit, limit)
    slope = _slopes(divergence, inner)
    chance = inner.sigmoid()
    first = torch.from_numpy(pool.first)
    plain = _plain(divergence, ell)
    scored = plain + torch.where(near, (first.double() - chance) * slope, 0.0)
    reach = torch.where(near, 0.0, 2 * (plain - _plain(divergence, ell / 2)).abs())
    shares = [torch.where(side, torch.from_numpy(pool.weights), 0.0) for side in (first, ~first)]
    shares = [share / share.sum() for share in shares]
    total = shares[0] + shares[1]
    off = [share * (scored - (scored @ share)[:, None]) for share in shares]
    covariance = off[0] @ off[0].T + off[1] @ off[1].T
    sign = torch.where(covariance[0] < 0, -1.0, 1.0)
    stderr = covariance.diagonal().sqrt()
    return _Integrals(
        scored @ total, plain @ total, sign * stderr, sign * (reach @ total + _UNSEEN / pool.size)
    )


def _plain(divergence: IntegralDivergence, log_ratio: Tensor) -> Tensor:
    r""":math:`\varphi(\eta)` of all integrands, with shape :math:`(k, N)`."""
    return torch.stack(divergence.integrands(logsigmoid(log_ratio), logsigmoid(-log_ratio)))


def _slopes(divergence: IntegralDivergence, log_ratio: Tensor) -> Tensor:
    r""":math:`\varphi'(\eta)` of all integrands, with shape :math:`(k, N)`."""
    logs = [logsigmoid(sign * log_ratio).requires_grad_() for sign in (1, -1)]
    slopes = []
    with torch.enable_grad():
        parts = divergence.integrands(*logs)
    for part in parts:
        by_p, by_q = torch.autograd.grad(
            part.sum(), logs, retain_graph=True, materialize_grads=True
        )
        slopes.append(by_p / logs[0].detach().exp() - by_q / logs[1].detach().exp())
    return torch.stack(slopes)
