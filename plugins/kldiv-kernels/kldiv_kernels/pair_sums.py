r"""Weighted sums over all pairs of points of functions of their squared distances.

They are functions of :math:`-\tfrac12\|x - y\|^2 = x \cdot y - \tfrac12\|x\|^2 - \tfrac12\|y\|^2`,
which is a matrix product, tile by tile, each of a size that stays in the processor's cache; of
the pairs within one sample only half are taken. However many weightings of the points there are,
every pair is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Means", "means"]

_TILE = 512

_Kernel = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Means:
    r"""The mean of a kernel over pairs of points of p, of q, and of both.

    Arguments:
        within_p: With shape :math:`(*)`.
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
    kernel: _Kernel,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    *,
    at_zero: float,
    biased: bool,
) -> Means:
    r"""The means of a kernel over pairs.

    Arguments:
        kernel: The kernel as a function of :math:`-r^2 / 2`.
        first: Points, with shape :math:`(N, D)`, and weights, with shape :math:`(*, N)`.
        second: Likewise of the other sample.
        at_zero: The kernel of a point and itself.
        biased: Whether pairs of a point with itself count.
    """
    middle = torch.cat([first[0], second[0]]).detach().mean(0)  # whose squares lose fewer digits
    p, q = (_Side.of(points - middle, weights) for points, weights in (first, second))
    tiles = _Tiles(kernel, torch.empty(_TILE * _TILE).to(p.rows))
    return Means(
        _within(tiles, p, at_zero, biased=biased),
        _within(tiles, q, at_zero, biased=biased),
        _between(tiles, p, q),
    )


@dataclass(frozen=True)
class _Side:
    r"""Points and weights; the product of a row and a column is minus half a squared distance.

    Arguments:
        rows: :math:`(x, -\tfrac12\|x\|^2, 1)`, with shape :math:`(N, D + 2)`.
        columns: :math:`(x, 1, -\tfrac12\|x\|^2)`, likewise.
        weights: With shape :math:`(*, N)`.
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor

    @staticmethod
    def of(x: Tensor, weights: Tensor) -> _Side:
        size, one = -x.square().sum(-1, keepdim=True) / 2, torch.ones_like(x[:, :1])
        return _Side(torch.cat([x, size, one], -1), torch.cat([x, one, size], -1), weights)

    def parts(self) -> Iterator[_Side]:
        """As many points at a time as a tile has rows."""
        every = (self.rows.split(_TILE), self.columns.split(_TILE), self.weights.split(_TILE, -1))
        return (_Side(*each) for each in zip(*every, strict=True))


@dataclass(frozen=True)
class _Tiles:
    """The kernel of tiles of pairs, in one place of memory where there are no gradients."""

    kernel: _Kernel
    place: Tensor

    def at(self, p: _Side, q: _Side) -> Tensor:
        rows, columns = p.rows, q.columns
        if rows.requires_grad or columns.requires_grad:
            return self.kernel(rows @ columns.mT)
        place = self.place[: len(rows) * len(columns)].view(len(rows), len(columns))
        return self.kernel(torch.mm(rows, columns.mT, out=place))


def _within(tiles: _Tiles, side: _Side, at_zero: float, *, biased: bool) -> Tensor:
    parts, total = list(side.parts()), side.weights.new_zeros(())
    for place, part in enumerate(parts):
        v, tile = part.weights, tiles.at(part, part)
        total = total + _product(v, tile, v) - v.square() @ tile.diagonal()
        for other in parts[place + 1 :]:
            total = total + 2 * _product(v, tiles.at(part, other), other.weights)
    alone = side.weights.square().sum(-1)
    return total + at_zero * alone if biased else total / (1 - alone)


def _between(tiles: _Tiles, p: _Side, q: _Side) -> Tensor:
    total, others = p.weights.new_zeros(()), list(q.parts())
    for part in p.parts():
        for other in others:
            total = total + _product(part.weights, tiles.at(part, other), other.weights)
    return total


def _product(v: Tensor, tile: Tensor, w: Tensor) -> Tensor:
    """The sums of a tile, each row and column weighed, with shape (*)."""
    return (v * (w @ tile.mT)).sum(-1)
