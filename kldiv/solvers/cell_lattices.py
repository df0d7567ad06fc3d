r"""Nodes in the plane for a density that is smooth inside the cells of a grid, with kinks between.

Nodes of equal steps, or of adaptive regions, cross the edges of cells and converge slowly. Gauss's
nodes in each cell see none of them: a piecewise bilinear density times a smooth one costs a few
nodes a cell. Cells without mass are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from torch import Tensor

from kldiv.solvers.lattices import Lattice

__all__ = ["cell_lattices", "cells_of"]

_ORDERS = (3, 5, 7, 11, 15)  # nodes along each side of a cell

Logs = Callable[[Tensor], Tensor]


def cells_of(cuts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The edges of cells along each axis, from points whose coordinates they are."""
    return tuple(torch.stack(tuple(cuts)).double().unique(dim=0)[:, k].unique() for k in range(2))


def cell_lattices(logs: Logs, axes: Sequence[Tensor], most: int) -> Iterator[Lattice]:
    """Ever more nodes in each cell.

    Arguments:
        logs: The log density at points of shape :math:`(N, 2)`, with shape :math:`(N, 1)`.
        axes: The edges of the cells along both axes.
        most: How many nodes are too many.
    """
    centres = torch.cartesian_prod(*((each[1:] + each[:-1]) / 2 for each in axes))
    halves = torch.cartesian_prod(*(each.diff() / 2 for each in axes))
    used = logs(centres).isfinite().any(-1)
    centres, halves = centres[used], halves[used]
    for order in _ORDERS:
        if len(centres) * order**2 > most:
            return
        nodes, weights, coarse = (each.to(centres) for each in _gauss(order))
        offsets = torch.cartesian_prod(nodes, nodes)
        area = halves.prod(-1, keepdim=True)
        points = centres.unsqueeze(1) + halves.unsqueeze(1) * offsets
        own, other = (
            (area * torch.outer(each, each).reshape(-1)).reshape(-1) for each in (weights, coarse)
        )
        steps = torch.diag_embed(2 * halves.amax(0) / order)
        yield Lattice(points.reshape(-1, 2), own, other, torch.zeros_like(own), steps)


def _gauss(order: int) -> tuple[Tensor, ...]:
    """Nodes between -1 and 1, their weights, and those that leave the middle one out."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    others = np.delete(np.arange(order), order // 2)
    powers = np.polynomial.legendre.legvander(nodes[others], order - 2).T
    coarse = np.zeros(order)
    coarse[others] = np.linalg.solve(powers, np.eye(order - 1)[0] * 2)
    return tuple(torch.as_tensor(each) for each in (nodes, weights, coarse))
