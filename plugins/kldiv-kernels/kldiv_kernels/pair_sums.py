r"""Weighted sums over all pairs of points of functions of their squared distances.

The distances are those of matrix products, :math:`\|x\|^2 + \|y\|^2 - 2\,x \cdot y`, tile by tile,
each of a size that stays in the processor's cache; of the pairs within one sample only half are
taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Means", "means"]

_TILE = 384

_OfSquares = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Means:
    r"""The mean of a kernel over pairs of points of p, of q, and of both.

    Arguments:
        within_p: With shape :math:`()`.
        within_q: Likewise.
        between: Likewise.
    """

    within_p: Tensor
    within_q: Tensor
    between: Tensor

    @property
    def squared_distance(self) -> Tensor:
        """The squared distance of the mean embeddings."""
        return self.within_p + self.within_q - 2 * self.between


def means(
    of_squares: _OfSquares,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    *,
    at_zero: float,
    biased: bool,
) -> Means:
    r"""The means of a kernel over pairs.

    Arguments:
        of_squares: The kernel of squared distances.
        first: Points, with shape :math:`(N, D)`, and weights, with shape :math:`(N)`.
        second: Likewise of the other sample.
        at_zero: The kernel of a point and itself.
        biased: Whether pairs of a point with itself count.
    """
    middle = torch.cat([first[0], second[0]]).detach().mean(0)  # whose squares lose fewer digits
    p, q = (_Side.of(points - middle, weights) for points, weights in (first, second))
    tiles = _Tiles(of_squares, torch.empty(_TILE * _TILE).to(p.weights))
    return Means(
        _within(tiles, p, at_zero, biased=biased),
        _within(tiles, q, at_zero, biased=biased),
        _between(tiles, p, q),
    )


@dataclass(frozen=True)
class _Side:
    r"""Points and weights; the product of a row and a column is a squared distance.

    Arguments:
        rows: :math:`(-2 x, \|x\|^2, 1)`, with shape :math:`(N, D + 2)`.
        columns: :math:`(x, 1, \|x\|^2)`, likewise.
        weights: With shape :math:`(N)`.
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor

    @staticmethod
    def of(x: Tensor, weights: Tensor) -> _Side:
        size, one = x.square().sum(-1, keepdim=True), torch.ones_like(x[:, :1])
        rows, columns = torch.cat([-2 * x, size, one], -1), torch.cat([x, one, size], -1)
        return _Side(rows, columns, weights)


@dataclass(frozen=True)
class _Tiles:
    """The kernel of tiles of pairs, in one place of memory where there are no gradients."""

    of_squares: _OfSquares
    place: Tensor

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        if rows.requires_grad or columns.requires_grad:
            return self.of_squares((rows @ columns.mT).relu())
        place = self.place[: len(rows) * len(columns)].view(len(rows), len(columns))
        return self.of_squares(torch.mm(rows, columns.mT, out=place).relu_())


def _within(tiles: _Tiles, side: _Side, at_zero: float, *, biased: bool) -> Tensor:
    v = side.weights
    total = v.new_zeros(())
    for rows in _cuts(len(v)):
        own = tiles.at(side.rows[rows], side.columns[rows]).triu(1)
        total = total + v[rows] @ own @ v[rows]
        for columns in _cuts(len(v), rows.stop):
            tile = tiles.at(side.rows[rows], side.columns[columns])
            total = total + v[rows] @ (tile @ v[columns])
    alone = v.square().sum()
    return 2 * total + at_zero * alone if biased else 2 * total / (1 - alone)


def _between(tiles: _Tiles, p: _Side, q: _Side) -> Tensor:
    v, w = p.weights, q.weights
    total = v.new_zeros(())
    for rows in _cuts(len(v)):
        for columns in _cuts(len(w)):
            tile = tiles.at(p.rows[rows], q.columns[columns])
            total = total + v[rows] @ (tile @ w[columns])
    return total


def _cuts(count: int, start: int = 0) -> Iterator[slice]:
    for first in range(start, count, _TILE):
        yield slice(first, min(first + _TILE, count))
