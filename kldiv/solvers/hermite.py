r"""Gauss–Hermite nodes: averages under standard normals, of products on a grid.

n nodes are exact for polynomials of degree 2n - 1. They are the eigenvalues of the Jacobi matrix
of the polynomials that are orthonormal under the standard normal,
:math:`\sqrt{k+1}\, h_{k+1}(z) = z h_k(z) - \sqrt k\, h_{k-1}(z)`, and their weights are
:math:`1 / \sum_{k<n} h_k^2`.

References:
    Calculation of Gauss Quadrature Rules (Golub and Welsch, 1969),
    doi:10.1090/S0025-5718-69-99647-1.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from torch import Tensor

__all__ = ["grid", "hermite"]


@lru_cache(maxsize=32)
def hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights, with shape (n); the weights of sum 1, and the far ones to full digits."""
    beside = torch.arange(1, count, dtype=torch.float64).sqrt().diag(1)
    nodes: Tensor = torch.linalg.eigvalsh(beside + beside.mT)
    nodes = (nodes - nodes.flip(0)) / 2
    before, here = torch.zeros_like(nodes), torch.ones_like(nodes)
    total = torch.ones_like(nodes)
    for k in range(1, count):
        before, here = here, (nodes * here - (k - 1) ** 0.5 * before) / k**0.5
        total = total + here.square()
    return nodes, 1 / total


@lru_cache(maxsize=64)
def grid(counts: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Nodes of shape (K, k) of all products, and their weights, with shape (K)."""
    nodes, weights = zip(*(hermite(count) for count in counts), strict=True)
    points = torch.cartesian_prod(*nodes).reshape(-1, len(counts))
    return points, torch.cartesian_prod(*weights).reshape(-1, len(counts)).prod(-1)
