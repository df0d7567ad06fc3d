r"""Divergences that grow as the exponential of another one, and steps that suit them.

Alpha divergences of an order above 1 are :math:`D = (e^{c R} - 1) / c'` with Rényi's R, which is
about quadratic. Far from the optimum Newton's steps on D go down by a factor e at most, so that
from :math:`10^{37}` there are a hundred of them. Those on :math:`\log(1 + D)` are as long as those
on R:

.. math:: g \to \frac{g}{1 + D}, \qquad
    \mathcal H \to \frac{\mathcal H}{1 + D} - \frac{g g^\top}{(1 + D)^2}.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence

__all__ = ["Steepness", "grows"]

_STEEP = 10.0  # a divergence: beyond, its logarithm is what is made small


def grows(divergence: Divergence) -> bool:
    """Whether a divergence is an unbounded function of an additive one, and not additive."""
    form = None if divergence.additive else divergence.of_additive()
    return form is not None and not divergence.upper_bound < torch.inf


@dataclass(frozen=True)
class Steepness:
    r"""Rows where the logarithm of the divergence is what is made small.

    Arguments:
        rows: Which, with shape :math:`(S, *)`.
    """

    rows: Tensor

    @staticmethod
    def of(divergence: Divergence, loss: Tensor) -> Steepness:
        r"""Where a divergence that grows is large, its values of shape :math:`(S, *)`."""
        if not grows(divergence):
            return Steepness(torch.zeros_like(loss, dtype=torch.bool))
        return Steepness((loss > _STEEP) & loss.isfinite())

    def loss(self, loss: Tensor) -> Tensor:
        r"""What is made small, with shape :math:`(S, *)`."""
        return torch.where(self.rows, loss.clamp_min(0).log1p(), loss)

    def gradient(self, loss: Tensor, gradient: Tensor) -> Tensor:
        r"""Its gradient, with shape :math:`(S, *, P)`."""
        return gradient / self._unit(loss).unsqueeze(-1)

    def hessian(self, loss: Tensor, gradient: Tensor, matrix: Tensor) -> Tensor:
        r"""Its Hessian, with shape :math:`(S, *, P, P)`."""
        slope = torch.where(self.rows.unsqueeze(-1), self.gradient(loss, gradient), 0.0)
        bend = slope.unsqueeze(-1) * slope.unsqueeze(-2)
        return matrix / self._unit(loss)[..., None, None] - bend

    def of_starts(self, asked: Tensor) -> Steepness:
        """The same of some starts."""
        return Steepness(self.rows[asked])

    def _unit(self, loss: Tensor) -> Tensor:
        return torch.where(self.rows, 1 + loss, 1.0)
