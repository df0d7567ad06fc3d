r"""What the last steps of a descent tell of the inverse Hessian.

Of m steps :math:`s_i` and changes of the gradient :math:`y_i`, in the rows of S and Y, the BFGS
method makes

.. math:: H = \gamma M + \begin{pmatrix} S^\top & \gamma M Y^\top \end{pmatrix}
    \begin{pmatrix} R^{-\top} (D + \gamma\, Y M Y^\top) R^{-1} & -R^{-\top} \\ -R^{-1} & 0
    \end{pmatrix} \begin{pmatrix} S \\ \gamma\, Y M \end{pmatrix},

with R the upper triangle of :math:`S Y^\top` and D its diagonal. M is what the inverse Hessian is
thought to be beforehand, up to a factor :math:`\gamma`: a metric's inverse, or 1.

References:
    Representations of Quasi-Newton Matrices and Their Use in Limited Memory Methods (Byrd, Nocedal
    and Schnabel, 1994), theorem 2.2, doi:10.1007/BF01582063.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["CurvaturePairs", "inverse_of"]

_FIRST = 0.5  # the longest component of a step of which nothing is known
_POSITIVE = 1e-12  # of the product of two lengths: a curvature that is more than rounding
_LEAST = 0.05  # of a curvature of 1: less is not believed of a place that a step leads away from


@dataclass(frozen=True)
class CurvaturePairs:
    r"""The last steps and changes of the gradient, for each of many rows.

    Arguments:
        memory: How many are remembered.
        metric: The matrix M, with shape :math:`(S, *, P, P)`, or its diagonal, with shape
            :math:`(P)`, or ``None`` where nothing is known.
        steps: The steps, with shape :math:`(S, *, m, P)`; 0 where they are of no use to a row.
        changes: The changes of the gradient, likewise.
        basis: The steps, and the products of M with the changes, with shape
            :math:`(S, *, 2m, P)`.
        upper: The triangle R, with shape :math:`(S, *, m, m)`, its diagonal 1 where it were 0.
        inner: The matrix :math:`D + \gamma\, Y M Y^\top`, with shape :math:`(S, *, m, m)`.
        scale: The factor :math:`\gamma`, with shape :math:`(S, *, 1)`, NaN where it is unknown.
    """

    memory: int
    metric: Tensor | None = None
    steps: Tensor | None = None
    changes: Tensor | None = None
    basis: Tensor | None = None
    upper: Tensor | None = None
    inner: Tensor | None = None
    scale: Tensor | None = None

    def with_pair(self, step: Tensor, change: Tensor) -> CurvaturePairs:
        """One step more; a row whose curvature is not positive forgets it."""
        raised = self._raised(change)
        curvature = (step * change).sum(-1, keepdim=True)
        scale = curvature / (change * raised).sum(-1, keepdim=True)
        bound = torch.linalg.vector_norm(step, dim=-1, keepdim=True)
        bound = bound * torch.linalg.vector_norm(change, dim=-1, keepdim=True)
        usable = curvature > _POSITIVE * bound
        if not bool(usable.all()):
            known = torch.nan if self.scale is None else self.scale
            scale = torch.where(usable, scale, known)
            step, change, raised = (
                torch.where(usable, each, 0.0) for each in (step, change, raised)
            )
        rows = [each.unsqueeze(-2) for each in (step, change, raised)]
        if self.steps is not None and self.changes is not None and self.basis is not None:
            count = self.steps.shape[-2]
            olds: Sequence[Tensor] = self.steps, self.changes, self.basis[..., count:, :]
            if count >= self.memory:
                olds = [old[..., count + 1 - self.memory :, :] for old in olds]
            rows = [torch.cat(pair, -2) for pair in zip(olds, rows, strict=True)]
        steps, changes, raised = rows
        basis = torch.cat([steps, raised], -2)
        products, squares = (basis @ changes.mT).tensor_split(2, -2)
        own = products.diagonal(dim1=-2, dim2=-1)
        upper = products.triu() + torch.diag_embed((own == 0).to(own))
        inner = torch.diag_embed(own) + scale.nan_to_num(1.0).unsqueeze(-1) * squares
        found = steps, changes, basis, upper, inner, scale
        return CurvaturePairs(self.memory, self.metric, *found)

    def forgotten(self) -> CurvaturePairs:
        """Nothing but the metric."""
        return CurvaturePairs(self.memory, self.metric)

    def pick(self, rows: Tensor) -> CurvaturePairs:
        """What is known of some rows."""
        parts = self.steps, self.changes, self.basis, self.upper, self.inner, self.scale
        metric = self.metric
        metric = metric if metric is None or metric.ndim == 1 else metric[rows]
        picked = (each if each is None else each[rows] for each in parts)
        return CurvaturePairs(self.memory, metric, *picked)

    def times(self, gradient: Tensor) -> Tensor:
        """The product of H with gradients, with shape (S, *, P)."""
        scale = self._scale(gradient)
        first = scale * self._raised(gradient)
        if self.basis is None or self.upper is None or self.inner is None:
            return first
        along, raised = (self.basis @ gradient.unsqueeze(-1)).tensor_split(2, -2)
        scale = scale.unsqueeze(-1)
        last = torch.linalg.solve_triangular(self.upper, along, upper=True)
        rest = self.inner @ last - scale * raised
        rest = torch.linalg.solve_triangular(self.upper.mT, rest, upper=False)
        return first + (self.basis.mT @ torch.cat([rest, -scale * last], -2)).squeeze(-1)

    def _raised(self, vector: Tensor) -> Tensor:
        """The product of M with vectors."""
        if self.metric is None:
            return vector
        if self.metric.ndim == 1:
            return self.metric * vector
        return (self.metric @ vector.unsqueeze(-1)).squeeze(-1)

    def _scale(self, gradient: Tensor) -> Tensor:
        """The factor; with nothing known, such that the first step is of bearable length."""
        if self.metric is not None and self.scale is not None:
            return self.scale.nan_to_num(1.0)
        if self.metric is None:
            longest = gradient.abs().amax(-1, keepdim=True).clamp_min(1e-300)
            guess = (_FIRST / longest).clamp_max(1.0)
        else:
            guess = torch.ones((), dtype=gradient.dtype, device=gradient.device)
        return guess if self.scale is None else torch.where(self.scale.isnan(), guess, self.scale)


def inverse_of(matrix: Tensor) -> Tensor:
    """The inverses of symmetric matrices, the identity where one is not well positive."""
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    _, info = torch.linalg.cholesky_ex(matrix - _LEAST * identity)
    good = (info == 0) & matrix.isfinite().all(-1).all(-1)
    root, _ = torch.linalg.cholesky_ex(torch.where(good[..., None, None], matrix, identity))
    return torch.cholesky_inverse(root)
