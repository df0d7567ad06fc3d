r"""The Kullback-Leibler divergence of pairs of normal vectors of many dimensions.

In the notation of `kldiv.builtin.closed_forms.whitening`, with
:math:`C = L_q^{-1} (L_p - L_q) = A - I`, it is a sum of terms that are not negative,

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr),

by one triangular solve of a library for each pair.
"""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor

from kldiv.blocks import LARGE, Array
from kldiv.builtin.closed_forms.normal_scalars import remainder

__all__ = ["MOST", "comparison_condition", "write_divergences"]

MOST = 12
"""Dimensions, above which a library's triangular solve is faster than one by entries."""

_EPS = float(np.finfo(np.float64).eps)


def write_divergences(sides: list[Array], value: Array, error: Array) -> None:
    r"""Writes the divergences of pairs, and their errors but for rounding to their precision.

    Arguments:
        sides: The means of both with shape :math:`(N, D)`, and their factors with shape
            :math:`(N, D, D)`.
        value: Where the divergences go.
        error: Where their errors go.
    """
    size = sides[0].shape[-1]
    step = max(1, LARGE // size**2)
    for start in range(0, len(value), step):
        pairs = slice(start, start + step)
        block = (torch.from_numpy(np.asarray(each[pairs], np.float64)) for each in sides)
        found, growth = _of_block(*block)
        value[pairs] = found
        error[pairs] = growth * found


def comparison_condition(factor: Tensor) -> Tensor:
    r"""A bound of the largest entry of :math:`|L^{-1}| |L| \mathbf 1`, with shape :math:`(*)`.

    It is that of :math:`M^{-1} |L| \mathbf 1` with the comparison matrix M of L.

    References:
        Accuracy and Stability of Numerical Algorithms (Higham, 2002), section 8.3,
        doi:10.1137/1.9780898718027.
    """
    magnitude = factor.abs()
    rows = magnitude.sum(-1, keepdim=True)
    comparison = magnitude.neg_()
    comparison.diagonal(dim1=-2, dim2=-1).neg_()
    turned = torch.linalg.solve_triangular(comparison.mT, rows.mT, upper=True, left=False)
    found: Tensor = turned.amax((-2, -1))
    return found


def _of_block(mean: Tensor, centre: Tensor, own: Tensor, other: Tensor) -> tuple[Array, Array]:
    """The divergences of some pairs, and what they are multiplied by for their rounding."""
    size = mean.shape[-1]
    beyond = torch.empty(len(mean), size, size + 1, dtype=torch.float64)
    torch.sub(own, other, out=beyond[..., :size])
    torch.sub(mean, centre, out=beyond[..., size])
    turned = beyond.mT  # as a library wants it to lie in memory
    torch.linalg.solve_triangular(other.mT, turned, upper=True, left=False, out=turned)
    solution = beyond.numpy()
    found: Array = np.einsum("nij,nij->n", solution, solution) / 2
    scale, unit = (
        np.ascontiguousarray(np.diagonal(each, axis1=1, axis2=2)) for each in (own, other)
    )
    found += remainder(scale, unit, np.empty_like(scale)).sum(-1)
    return found, 4 * size**1.5 * _EPS * (5 + comparison_condition(other).numpy())
