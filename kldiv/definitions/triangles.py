"""Lower triangles of matrices as vectors: their entries row by row, each row to its diagonal."""

from __future__ import annotations

from functools import lru_cache

import torch

from torch import Tensor

__all__ = ["gram", "triangle_of", "triangular", "with_diagonal"]

_LARGE = 256  # rows, of which products take longer than the calls that make them


def triangle_of(matrix: Tensor) -> Tensor:
    """The entries of the lower triangle.

    Arguments:
        matrix: With shape :math:`(*, D, D)`.

    Returns:
        The entries, with shape :math:`(*, D (D + 1) / 2)`.
    """
    places = _places(matrix.shape[-1], matrix.device)
    return matrix.flatten(-2).index_select(-1, places)


def triangular(entries: Tensor, size: int) -> Tensor:
    """The lower triangular matrix of entries, zero above the diagonal.

    Arguments:
        entries: With shape :math:`(*, D (D + 1) / 2)`.
        size: The number D of rows.

    Returns:
        The matrix, with shape :math:`(*, D, D)`.
    """
    flat = entries.new_zeros((*entries.shape[:-1], size * size))
    places = _places(size, entries.device)
    found: Tensor = flat.index_copy(-1, places, entries).unflatten(-1, (size, size))
    return found


def with_diagonal(matrix: Tensor, diagonal: Tensor) -> Tensor:
    """A matrix with another diagonal, of shape :math:`(*, D)`."""
    return torch.diagonal_scatter(matrix, diagonal, 0, -2, -1)


def gram(factor: Tensor) -> Tensor:
    r"""The product :math:`L L^\top`, of which many zeros of a large L are left out.

    Arguments:
        factor: The lower triangular matrix L, with shape :math:`(*, D, D)`.
    """
    size = factor.shape[-1]
    if size <= _LARGE:
        return factor @ factor.mT
    (first, _), (below, last) = (
        rows.tensor_split([size // 2], -1) for rows in factor.tensor_split([size // 2], -2)
    )
    aside = below @ first.mT
    upper = torch.cat([gram(first), aside.mT], -1)
    lower = torch.cat([aside, below @ below.mT + gram(last)], -1)
    return torch.cat([upper, lower], -2)


@lru_cache(maxsize=4)
def _places(size: int, device: torch.device) -> Tensor:
    """Where the entries are in all those of a matrix, row by row."""
    rows, columns = torch.tril_indices(size, size, device=device)
    found: Tensor = rows * size + columns
    return found
