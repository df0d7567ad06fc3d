r"""Sums of many smooth series at once, with their errors: adaptive, and told from divergence.

The terms near the landmarks are summed over runs that are halved until their rules agree with
themselves; doubling runs are added as far as terms can be seen from afar; what is beyond is
bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimators.summation.far_tails import look_far
from kldiv.estimators.summation.half_lines import HalfLine, Runs, join
from kldiv.estimators.terms import Terms

__all__ = ["Series", "add_up"]

_SPREAD = 12.0  # scales about a landmark where the terms are looked at closely
_ACCURACY = 1e-12  # of a run's rule, in its own cautious opinion, relative to the whole sum
_NEGLIGIBLE = 1e-19


@dataclass(frozen=True)
class Series:
    r"""A sum as points and weights.

    Arguments:
        points: With shape :math:`(N, *)`.
        weights: How many terms each point stands for, with shape :math:`(N, *)`.
        errors: Of the rules, and a bound on what is beyond, with shape :math:`(k, *)`.
        diverges: Which of the series diverge, with shape :math:`(k, *)`.
    """

    points: Tensor
    weights: Tensor
    errors: Tensor
    diverges: Tensor


@dataclass(frozen=True)
class _Sums:
    """Runs with the sums of the terms, of their magnitudes, and errors, of shape (k, C, *)."""

    runs: Runs
    values: Tensor
    sizes: Tensor
    errors: Tensor

    def but(self, where: Tensor) -> _Sums:
        """The sums without some of the runs."""
        kept = (torch.where(where, 0.0, each) for each in (self.values, self.sizes, self.errors))
        return _Sums(self.runs.emptied(where), *kept)

    def and_also(self, other: _Sums) -> _Sums:
        """The sums over the runs of both."""
        pairs = (
            (self.values, other.values),
            (self.sizes, other.sizes),
            (self.errors, other.errors),
        )
        return _Sums(join(self.runs, other.runs), *(torch.cat(pair, 1) for pair in pairs))


def add_up(terms: Terms, line: HalfLine, *, everywhere: bool, max_terms: int) -> Series:
    """Adds up all terms on a half-line.

    Arguments:
        terms: The summands.
        line: Where they are.
        everywhere: Whether they can be computed where integers are no longer exact.
        max_terms: When to stop halving runs, in terms for each element of the batch.
    """
    with torch.no_grad():
        if bool((line.count <= line.dense).all()):
            return _one_by_one(line)
        reach = line.reach(_SPREAD)
        sums = _over(terms, line, line.runs(0, reach))
        far = look_far(terms, line, reach + 1, everywhere=everywhere)
        floor = _NEGLIGIBLE * sums.sizes.nan_to_num(posinf=0.0).sum(1) + 1e-305
        last = far.last_seen(floor)
        if not everywhere and last >= far.end > 0:
            far = look_far(terms, line, reach + 1, everywhere=True)
            last = far.last_seen(floor)
        if last > reach:
            sums = sums.and_also(_over(terms, line, line.runs(reach + 1, last)))
        diverges, beyond = far.tail(max(last, reach), floor)
        sums = _refined(terms, line, sums, max_terms)
        points, weights, _ = line.nodes(sums.runs)
        points, weights = points.flatten(0, 1), weights.flatten(0, 1)
        used = (weights != 0).reshape(len(weights), -1).any(1)
    errors = sums.errors.sum(1) + beyond
    return Series(points[used], weights[used], errors, diverges)


def _one_by_one(line: HalfLine) -> Series:
    """A finite half-line, without any rule."""
    index = torch.arange(int(line.count.max()), dtype=torch.float64, device=line.origin.device)
    index = index.reshape(-1, *(1,) * line.origin.ndim)
    here = index < line.count
    points = line.origin + line.direction * torch.where(here, index, 0.0)
    none = torch.zeros_like(line.origin).unsqueeze(0)
    return Series(points, here.double(), none, none.bool())


def _over(terms: Terms, line: HalfLine, runs: Runs) -> _Sums:
    points, weights, details = line.nodes(runs)
    values, noise = terms(points.flatten(0, 1), weights.flatten(0, 1).log())
    shape = (values.shape[0], *points.shape)
    values, noise = (each.reshape(shape) for each in (values, noise))
    detail = (details * values.nan_to_num(posinf=0.0).unsqueeze(3)).sum(2).abs().sum(2)
    exact = (runs.level <= 0) | (detail <= 2 * noise.sum(2))
    return _Sums(runs, values.sum(2), values.abs().sum(2), torch.where(exact, 0.0, detail))


def _refined(terms: Terms, line: HalfLine, sums: _Sums, max_terms: int) -> _Sums:
    """The sums over halves of runs where the rules are not good enough."""
    while True:
        whole = sums.sizes.sum(1, keepdim=True)
        wanting = (sums.errors > _ACCURACY * whole) & whole.isfinite() & (sums.runs.level > 0)
        poor = wanting.any(0)
        number = int(poor.reshape(poor.shape[0], -1).sum(0).max())
        if number == 0 or poor.shape[0] * 16 > max_terms:
            return sums
        index = poor.double().argsort(dim=0, descending=True, stable=True)[:number]
        picked = sums.runs.pick(index).emptied(~torch.take_along_dim(poor, index, 0))
        sums = sums.but(poor).and_also(_over(terms, line, picked.halves()))
