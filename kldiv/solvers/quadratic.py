"""A log density that is quadratic, found from a gradient and a Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_optimum import diagonal_root

__all__ = ["Quadratic"]

_LEAST = 1e-8  # of the largest curvature


@dataclass(frozen=True)
class Quadratic:
    r"""A log density that is quadratic, up to a constant.

    Arguments:
        loc: Where it is largest, with shape :math:`(*, D)`.
        precision: The matrix P, with shape :math:`(*, D, D)`.
        factor: The upper triangular U of :math:`P = U U^\top`.
    """

    loc: Tensor
    precision: Tensor
    factor: Tensor

    @classmethod
    def of(cls, loc: Tensor, slope: Tensor, bend: Tensor) -> Quadratic:
        """The one that has a slope and a Hessian at a point; negative curvatures change sign."""
        precision = (bend + bend.mT).mul_(-0.5)
        factor, info = torch.linalg.cholesky_ex(precision.flip(-1, -2))
        if bool(info.any()):
            precision = _positive(precision)
            factor, _ = torch.linalg.cholesky_ex(precision.flip(-1, -2))
        factor = factor.flip(-1, -2)
        half = torch.linalg.solve_triangular(factor, slope.unsqueeze(-1), upper=True)
        step = torch.linalg.solve_triangular(factor.mT, half, upper=False)
        return cls(loc + step.squeeze(-1), precision, factor)

    def root(self, chart: NormalChart) -> Tensor:
        """The lower triangular factors L of the covariances of the nearest members."""
        if chart.shape == "full":
            identity = torch.eye(chart.size, dtype=self.loc.dtype, device=self.loc.device)
            inverse: Tensor = torch.linalg.solve_triangular(self.factor, identity, upper=True)
            return inverse.mT
        return diagonal_root(chart, self.precision.diagonal(dim1=-2, dim2=-1))


def _positive(matrix: Tensor) -> Tensor:
    """The matrix, all eigenvalues made positive and none of them tiny."""
    values, vectors = torch.linalg.eigh(matrix.nan_to_num())
    size = values.abs()
    least = (_LEAST * size.amax(-1, keepdim=True)).clamp_min(1e-100)
    found: Tensor = (vectors * torch.maximum(size, least).unsqueeze(-2)) @ vectors.mT
    return (found + found.mT) / 2
