"""Lots: points with weights, in independent units, of which parts can be taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

__all__ = ["Lot"]


@dataclass(frozen=True)
class Lot:
    r"""A weighted sample, with whatever else is known at its points.

    Arguments:
        columns: The points, with shape :math:`(N, E)`, and other columns of as many rows.
        weights: Their weights, which sum to 1, with shape :math:`(N)`; or of several weightings,
            with shape :math:`(H, N)`.
        units: How many independent units there are; the i-th row belongs to unit i modulo that.
    """

    columns: tuple[Tensor, ...]
    weights: Tensor
    units: int

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """The points, their weights, and the other columns."""
        points, *others = self.columns
        return (points, self.weights, *others)

    def part(self, chosen: Tensor) -> Lot:
        """The rows of chosen units, their weights made to sum to 1."""
        rows = self._rows(chosen)
        weights = self.weights[rows]
        columns = tuple(column[rows] for column in self.columns)
        return Lot(columns, weights / weights.sum(), int(chosen.sum()))

    def weighed(self, chosen: Tensor) -> Lot:
        """All rows, with several weightings: those of chosen units, with shape (H, units)."""
        weights = self._rows(chosen) * self.weights
        return replace(self, weights=weights / weights.sum(-1, keepdim=True))

    def _rows(self, chosen: Tensor) -> Tensor:
        """The rows of units, whose weights are of one weighting."""
        copies = len(self.weights) // self.units
        return chosen.repeat(*(1,) * (chosen.ndim - 1), copies) if copies > 1 else chosen
