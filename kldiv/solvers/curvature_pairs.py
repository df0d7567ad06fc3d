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

from dataclasses import dataclass, replace

import torch

from torch import Tensor

__all__ = ["CurvaturePairs"]

_FIRST = 0.5  # the longest component of a step of which nothing is known
_POSITIVE = 1e-12  # of the product of two lengths: a curvature that is more than rounding


@dataclass(frozen=True)
class CurvaturePairs:
    r"""The last steps and changes of the gradient, for each of many rows.

    Arguments:
        memory: How many are remembered.
        metric: The diagonal of M, with shape :math:`(P)`, or ``None`` where nothing is known.
        steps: The steps, with shape :math:`(S, *, m, P)`; 0 where they are of no use to a row.
        changes: The changes of the gradient, likewise.
        scale: The factor :math:`\gamma`, with shape :math:`(S, *, 1)`, NaN where it is unknown.
    """

    memory: int
    metric: Tensor | None = None
    steps: Tensor | None = None
    changes: Tensor | None = None
    scale: Tensor | None = None

    def with_pair(self, step: Tensor, change: Tensor) -> CurvaturePairs:
        """One step more; a row whose curvature is not positive forgets it."""
        curvature = (step * change).sum(-1, keepdim=True)
        size = (change * self._times_metric(change)).sum(-1, keepdim=True)
        bound = step.norm(dim=-1, keepdim=True) * change.norm(dim=-1, keepdim=True)
        usable = curvature > _POSITIVE * bound
        fresh = torch.where(
            usable, curvature / size, torch.nan if self.scale is None else self.scale
        )
        step, change = (torch.where(usable, each, 0.0).unsqueeze(-2) for each in (step, change))
        if self.steps is not None and self.changes is not None:
            step = torch.cat([self.steps, step], -2)[..., -self.memory :, :]
            change = torch.cat([self.changes, change], -2)[..., -self.memory :, :]
        return replace(self, steps=step, changes=change, scale=fresh)

    def forgotten(self) -> CurvaturePairs:
        """Nothing but the metric."""
        return CurvaturePairs(self.memory, self.metric)

    def pick(self, rows: Tensor) -> CurvaturePairs:
        """What is known of some rows."""
        if self.steps is None or self.changes is None or self.scale is None:
            return self
        parts = (each[rows] for each in (self.steps, self.changes, self.scale))
        return CurvaturePairs(self.memory, self.metric, *parts)

    def times(self, gradient: Tensor) -> Tensor:
        """The product of H with gradients, with shape (S, *, P)."""
        scale = self._scale(gradient)
        first = scale * self._times_metric(gradient)
        if self.steps is None or self.changes is None:
            return first
        scaled = scale.unsqueeze(-1) * self._times_metric(self.changes)
        inner = self.steps @ self.changes.mT
        own = inner.diagonal(dim1=-2, dim2=-1)
        upper = inner.triu() + torch.diag_embed((own == 0).to(own))
        column = gradient.unsqueeze(-1)
        along = torch.linalg.solve_triangular(upper, self.steps @ column, upper=True)
        bent = own.unsqueeze(-1) * along + self.changes @ (scaled.mT @ along) - scaled @ column
        back = torch.linalg.solve_triangular(upper.mT, bent, upper=False)
        found: Tensor = first + (self.steps.mT @ back - scaled.mT @ along).squeeze(-1)
        return found

    def _times_metric(self, vectors: Tensor) -> Tensor:
        return vectors if self.metric is None else self.metric * vectors

    def _scale(self, gradient: Tensor) -> Tensor:
        """The factor; with nothing known, such that the first step is of bearable length."""
        guess = torch.ones_like(gradient[..., :1])
        if self.metric is None:
            longest = gradient.abs().amax(-1, keepdim=True).clamp_min(1e-300)
            guess = (_FIRST / longest).clamp_max(1.0)
        return guess if self.scale is None else torch.where(self.scale.isnan(), guess, self.scale)
