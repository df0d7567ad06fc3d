"""Things that belong together by an index: lines of an element, cells of a line."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Group", "ranks"]


@dataclass(frozen=True)
class Group:
    """The element of each of M lines, with shape (M), and how many elements there are."""

    of_line: Tensor
    count: int

    def total(self, parts: Tensor) -> Tensor:
        """The sums over the lines of an element: from shape (*, M) to (*, B)."""
        total = parts.new_zeros(*parts.shape[:-1], self.count)
        return total.index_add(parts.ndim - 1, self.of_line, parts)

    def largest(self, parts: Tensor) -> Tensor:
        """The largest of numbers that are not negative: from shape (k, M) to (k, B)."""
        total = parts.new_zeros(parts.shape[0], self.count)
        return total.scatter_reduce(1, self.of_line.expand_as(parts), parts, "amax")

    @property
    def sizes(self) -> Tensor:
        """How many lines each element has, with shape (B)."""
        return torch.bincount(self.of_line, minlength=self.count).clamp_min(1)


def ranks(index: Tensor, count: int) -> tuple[Tensor, int]:
    """How many earlier entries belong to the same one of a number, for each; and the most of one.

    Arguments:
        index: What each entry belongs to, with shape :math:`(C)`.
        count: How many there are to belong to.
    """
    order = index.argsort(stable=True)
    numbers = torch.bincount(index, minlength=count)
    first = numbers.cumsum(0) - numbers
    rank = torch.empty_like(index)
    rank[order] = torch.arange(len(index), device=index.device) - first[index[order]]
    return rank, int(numbers.max())
