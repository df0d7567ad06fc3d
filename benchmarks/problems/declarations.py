r"""Posteriors declared as sums of functions of linear combinations, up to constants.

A generalised linear model looks along lines. The others are normal given one coordinate, so that
each term is quadratic in all of its combinations but the first.
"""

from __future__ import annotations

import torch

from torch import Tensor

import kldiv

from benchmarks.problems.densities import EFFECTS, ERRORS, counts, signed_design

__all__ = ["DECLARED"]


def banana() -> kldiv.ProjectedTarget:
    """The second coordinate given the first."""
    first, second = _axes(2).split(1)
    return kldiv.ProjectedTarget(
        (first, lambda x: -x.square() / 2),
        (first, second, lambda x, y: -2 * (y - x.square() / 2).square()),
    )


def funnel() -> kldiv.ProjectedTarget:
    """Nine coordinates given the neck."""
    neck, rest = _axes(10).split([1, 9])
    return kldiv.ProjectedTarget(
        (neck, lambda v: -v.square() / 18 - 4.5 * v),
        (neck, rest, lambda v, x: -x.square() * (-v).exp() / 2),
    )


def schools() -> kldiv.ProjectedTarget:
    """Mean and deviations given the spread."""
    mean, log_spread, own = _axes(10).split([1, 1, 8])
    effects, errors = torch.from_numpy(EFFECTS), torch.from_numpy(ERRORS)

    def likelihood(log_spread: Tensor, mean: Tensor, own: Tensor) -> Tensor:
        return -((effects - mean - log_spread.exp() * own) / errors).square() / 2

    return kldiv.ProjectedTarget(
        (mean, lambda m: -m.square() / 50),
        (log_spread, _log_spread_prior),
        (own, lambda x: -x.square() / 2),
        (log_spread, mean, own, likelihood),
    )


def centred_schools() -> kldiv.ProjectedTarget:
    """The distance of the effects from their mean, given the spread."""
    mean, log_spread, own = _axes(10).split([1, 1, 8])
    effects, errors = torch.from_numpy(EFFECTS), torch.from_numpy(ERRORS)
    return kldiv.ProjectedTarget(
        (mean, lambda m: -m.square() / 50),
        (log_spread, _log_spread_prior),
        (own, lambda x: -((effects - x) / errors).square() / 2),
        (log_spread, own - mean, lambda s, x: -x.square() * (-2 * s).exp() / 2 - s),
    )


def logistic_regression() -> kldiv.ProjectedTarget:
    """Each answer, and each direction of the prior."""
    return kldiv.ProjectedTarget(
        (signed_design(), torch.nn.functional.logsigmoid),
        (_axes(21), lambda x: -x.square() / 2),
    )


def poisson_regression() -> kldiv.ProjectedTarget:
    """Each count, and each direction of the prior."""
    rows, seen = (torch.from_numpy(each) for each in counts())
    return kldiv.ProjectedTarget(
        (rows, lambda t: seen * t - t.exp()),
        (_axes(6), lambda x: -x.square() / 12.5),
    )


DECLARED = {
    "banana": banana,
    "funnel": funnel,
    "schools": schools,
    "centred schools": centred_schools,
    "logistic": logistic_regression,
    "Poisson": poisson_regression,
}


def _axes(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.float64)


def _log_spread_prior(x: Tensor) -> Tensor:
    """Half a Cauchy distribution of scale 5, of the logarithm."""
    return x - torch.log1p((2 * x).exp() / 25)
