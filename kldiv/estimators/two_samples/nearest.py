r"""The nearest of many points, by whichever search is the faster in so many dimensions.

A k-d tree looks at few points in few dimensions and at nearly all in many. There all distances are
taken, by matrix products of some rows at a time: those of a row are laid out as a table, and the
nearest k are among the columns of the table with the k smallest minima.
"""

from __future__ import annotations

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

from kldiv.estimators.two_samples.pooled import Array

__all__ = ["Search"]

_TREES = 6  # dimensions
_LEAF = 20  # points
_LINES = 8  # of a table
_BLOCK = 1 << 19  # numbers


class Search:
    r"""Finds the nearest of some points.

    Arguments:
        points: What is searched, with shape :math:`(N, D)`.
    """

    def __init__(self, points: Array) -> None:
        self._points = points
        self._tree = None
        self.order: NDArray[np.intp] = np.arange(len(points))
        """The numbers of the points such that near ones follow each other where that is known: in
        such an order a search is quicker, as one looks where the one before it did."""
        if points.shape[1] <= _TREES:
            from scipy.spatial import cKDTree  # scipy takes long to import

            self._tree = cKDTree(points, _LEAF)
            self.order = self._tree.indices

    def nearest(self, at: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
        r"""The nearest, the nearest first.

        Arguments:
            at: Where from, with shape :math:`(M, D)`.
            count: How many, at most N.

        Returns:
            Their distances and their numbers, with shape :math:`(M, K)`.
        """
        if self._tree is not None:
            distances, numbers = self._tree.query(at, count)
            return distances.reshape(-1, count), numbers.reshape(-1, count)
        points = self._points
        numbers = _by_products(torch.from_numpy(points), torch.from_numpy(at), count).numpy()
        distances = np.linalg.norm(points[numbers] - at[:, None], axis=-1)
        order = distances.argsort(1)
        return np.take_along_axis(distances, order, 1), np.take_along_axis(numbers, order, 1)


def _by_products(points: Tensor, at: Tensor, count: int) -> Tensor:
    """The numbers of the nearest in any order, by half of the squared distance up to a term."""
    width = max(count, -(-len(points) // _LINES))
    columns = torch.zeros(points.shape[1] + 1, _LINES * width, dtype=points.dtype)
    columns[-1] = torch.inf  # where there are no points
    columns[:-1, : len(points)] = -points.mT
    columns[-1, : len(points)] = points.square().sum(-1) / 2
    rows = torch.cat([at, torch.ones_like(at[:, :1])], -1)
    high = max(1, _BLOCK // columns.shape[1])
    place = torch.empty(high, columns.shape[1], dtype=points.dtype)
    found = []
    for block in rows.split(high):
        tables = torch.mm(block, columns, out=place[: len(block)]).unflatten(1, (_LINES, width))
        few = tables.amin(1).topk(count, -1, largest=False, sorted=False).indices
        left = tables.gather(2, few.unsqueeze(1).expand(-1, _LINES, -1)).flatten(1)
        best = left.topk(count, -1, largest=False, sorted=False).indices
        found.append(best // count * width + few.gather(1, best % count))
    return torch.cat(found)
