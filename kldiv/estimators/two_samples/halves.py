r"""The error of a function of samples, by balanced halves of them.

The units of a sample are dealt into pairs of cells at random. A row :math:`s` of a Hadamard matrix
takes one cell of each pair, :math:`-s` the others: with :math:`\theta` the value of the whole,

.. math:: o_s = \tfrac12 (\theta_s - \theta_{-s}), \qquad
    e_s = \tfrac12 (\theta_s + \theta_{-s}) - \theta.

A half differs from the whole as the whole does from all that might have been drawn. So the mean
of :math:`o_s^2` is the variance of the part that is linear in the samples, exactly that of the
pairs as the matrix is orthogonal; the mean of :math:`e_s` shows the bias, and its spread the part
that is quadratic. That is all there is to a degenerate statistic, such as the squared distance of
two samples from one distribution, of which leaving out single groups shows nothing.

Of many units a random share is dealt, and what its halves show is multiplied by the root of the
share: by as much an error falls with the number of units, or by more.

References:
    Pseudo-Replication: Half Samples (McCarthy, 1969), section 4, doi:10.2307/1402116.
    The Jackknife and Bootstrap (Shao and Tu, 1995), sections 4.2 and 6.2.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from torch import Tensor

from kldiv.errors import InvalidType
from kldiv.estimators.two_samples.lots import Lot

__all__ = ["with_halves"]

Statistic = Callable[..., Tensor]

_ORDER = 32  # of the matrix, whose first column is constant and serves no pair
_STUDENT = (63.7, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17, 3.11, 3.05, 3.01, 2.98)
_BIAS = 1 / (math.sqrt(2) - 1)  # of what halves have more, where bias falls with the root of N
_CURVED = 4.0  # standard deviations: a square is skew


def with_halves(
    statistic: Statistic,
    lots: Sequence[Lot],
    seed: int,
    *,
    weightings: bool = False,
    halved: tuple[int, int] = (2000, 500),
) -> tuple[Tensor, Tensor, Tensor]:
    """The value of a statistic of lots, its error and its standard error.

    Arguments:
        statistic: A function of the arguments of all lots, with shape :math:`()`.
        lots: The samples.
        seed: What the dealing follows.
        weightings: Whether it takes weights with shape :math:`(H, N)`, for H halves at once.
        halved: How many units are all dealt, at most, and how many of more.
    """
    value = _value(statistic, lots)
    halves = partial(_at_once if weightings else _one_by_one, statistic)
    with torch.no_grad():
        fewest = min(lot.units for lot in lots)
        most, dealt = halved
        if fewest <= most:
            return value, *_errors(halves, lots, value, seed)
        share = dealt / fewest
        some = [_some(lot, round(share * lot.units), seed) for lot in lots]
        error, stderr = _errors(halves, some, _value(statistic, some), seed)
        return value, math.sqrt(share) * error, math.sqrt(share) * stderr


def _errors(
    halves: Callable[[Sequence[Lot], Sequence[Tensor]], Tensor],
    lots: Sequence[Lot],
    value: Tensor,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """The error and the standard error of the value of lots."""
    most = min(len(_STUDENT), (_ORDER - 1) // len(lots))
    pairs = [min(most, lot.units // 2) for lot in lots]
    signs = _signs().split([*pairs, _ORDER - 1 - sum(pairs)], -1)[:-1]
    cells = _dealt(lots, pairs, seed)
    chosen = [_chosen(*each) for each in zip(signs, cells, strict=True)]
    ends = halves(lots, chosen).unflatten(0, (2, _ORDER))
    odd, even = (ends[0] - ends[1]) / 2, (ends[0] + ends[1]) / 2 - value
    straight, curved = odd.square().mean().sqrt(), even.std(correction=0)
    spread = _STUDENT[min(pairs) - 1] * straight + _CURVED * curved
    return spread + _BIAS * even.mean().abs(), torch.hypot(straight, curved)


def _some(lot: Lot, count: int, seed: int) -> Lot:
    """A lot of so many of its units, at random."""
    random = np.random.default_rng(seed % 2**63)
    chosen = torch.zeros(lot.units, dtype=torch.bool)
    chosen[torch.from_numpy(random.choice(lot.units, count, replace=False, shuffle=False))] = True
    return lot.part(chosen.to(lot.weights.device))


def _at_once(statistic: Statistic, lots: Sequence[Lot], chosen: Sequence[Tensor]) -> Tensor:
    """The values of all halves by weights, with shape (H)."""
    return _value(statistic, [lot.weighed(each) for lot, each in zip(lots, chosen, strict=True)])


def _one_by_one(statistic: Statistic, lots: Sequence[Lot], chosen: Sequence[Tensor]) -> Tensor:
    """The values of all halves, with shape (H)."""
    halves = zip(*chosen, strict=True)
    return torch.stack(
        [
            _value(statistic, [lot.part(each) for lot, each in zip(lots, half, strict=True)])
            for half in halves
        ]
    )


def _chosen(signs: Tensor, cells: Tensor) -> Tensor:
    """The units of all halves: those of each row of signs, then of their opposites, (H, units)."""
    taken = (torch.cat([signs, -signs]) > 0).to(cells.device)
    return taken[:, cells // 2] == (cells % 2 == 0)


def _dealt(lots: Sequence[Lot], pairs: Sequence[int], seed: int) -> list[Tensor]:
    """The number of the cell of each unit: cells 2k and 2k + 1 are a pair."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return [
        (torch.randperm(lot.units, generator=generator) % (2 * count)).to(lot.weights.device)
        for lot, count in zip(lots, pairs, strict=True)
    ]


def _signs() -> Tensor:
    """A Hadamard matrix without its constant column, by Sylvester's construction."""
    matrix = torch.ones(1, 1)
    while len(matrix) < _ORDER:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix[:, 1:]


def _value(statistic: Statistic, lots: Sequence[Lot]) -> Tensor:
    value = statistic(*(argument for lot in lots for argument in lot.arguments))
    shape = lots[0].weights.shape[:-1]
    if not isinstance(value, Tensor) or value.shape != shape:
        raise InvalidType(f"compare must return a tensor with shape {tuple(shape)}, got {value!r}")
    return value.double()
