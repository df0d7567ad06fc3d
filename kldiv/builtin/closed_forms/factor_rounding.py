"""How far factoring a covariance rounds it."""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor

from kldiv.blocks import arrays_of
from kldiv.builtin.closed_forms.normal_matrices import MOST, comparison_condition
from kldiv.builtin.closed_forms.normal_vectors import blocks_of_pairs

__all__ = ["comparison_of_factors", "condition", "factor_rounding"]

_SMALL = 100.0  # a bound of a condition number that needs not be sharper


def factor_rounding(factor: Tensor, bound: Tensor | None = None) -> Tensor:
    r"""The relative rounding of a Cholesky factor, by Skeel's condition number, squared.

    Arguments:
        factor: With shape :math:`(*, D, D)`.
        bound: A bound of that number with shape :math:`(*)`, where it is known.

    References:
        Accuracy and Stability of Numerical Algorithms (Higham, 2002), theorem 10.8,
        doi:10.1137/1.9780898718027.
    """
    size, eps = factor.shape[-1], torch.finfo(factor.dtype).eps
    return 4 * size * eps * condition(factor, bound).square()


def condition(factor: Tensor, bound: Tensor | None = None) -> Tensor:
    r"""The largest entry of :math:`|L^{-1}| |L| \mathbf 1`, with shape :math:`(*)`.

    Or a bound that costs less, where it is small.
    """
    found = comparison_of_factors(factor) if bound is None else bound
    if found is None:
        found = comparison_condition(factor)
    coarse = ~(found < _SMALL)
    if coarse.any():
        rows = factor.abs().sum(-1, keepdim=True)
        identity = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
        inverse = torch.linalg.solve_triangular(factor[coarse], identity, upper=False)
        found = found.masked_scatter(coarse, (inverse.abs() @ rows[coarse]).amax((-2, -1)))
    return found


def comparison_of_factors(factor: Tensor) -> Tensor | None:
    r"""A bound of the largest entry of :math:`|L^{-1}| |L| \mathbf 1` of triangular matrices.

    It is that of the comparison matrix.

    Arguments:
        factor: With shape :math:`(*, D, D)`.

    Returns:
        With shape :math:`(*)`; ``None`` where the ordinary way is the right one.
    """
    size = factor.shape[-1]
    arrays = arrays_of([factor])
    if arrays is None or size > MOST:
        return None
    matrices = arrays[0].reshape(-1, size, size)
    found = np.empty(len(matrices))
    with np.errstate(all="ignore"):
        for start, work in blocks_of_pairs(size, len(matrices)):
            pairs = slice(start, start + work.pairs)
            found[pairs] = work.comparison(matrices[pairs])
        if not np.isfinite(found.sum()):
            return None
    return torch.from_numpy(found).reshape(factor.shape[:-2])
