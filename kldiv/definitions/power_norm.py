r"""The integral of a power of one density, :math:`\int p^s dx`: what data leave to be computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence

__all__ = ["PowerNorm"]


@dataclass(frozen=True)
class PowerNorm(IntegralDivergence):
    r"""The power s of the :math:`L^s` norm of p, :math:`\int p^s dx`; it does not depend on q.

    It is no divergence, but all that computes one of two densities computes it.

    Arguments:
        power: The power s.
    """

    power: float

    unit = ""

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`p^s`."""
        present = ~log_p.isneginf()
        raised = (self.power * torch.where(present, log_p, 0.0)).exp()
        return (torch.where(present, raised, 0.0),)
