r"""The integral of a power of one density, :math:`\int p^s dx`: what data leave to be computed.

It is counted in units of a density u, as :math:`u^{1 - s}` has the unit of its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence

__all__ = ["PowerNorm"]


@dataclass(frozen=True)
class PowerNorm(IntegralDivergence):
    r"""The power s of the :math:`L^s` norm of p, :math:`u^{1-s} \int p^s dx`; q plays no part.

    It is no divergence, but all that computes one of two densities computes it.

    Arguments:
        power: The power s.
        log_unit: The logarithm of u.
    """

    power: float
    log_unit: float = 0.0

    unit = ""

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`u^{1 - s} p^s`."""
        present = ~log_p.isneginf()
        raised = self.in_units(self.power * torch.where(present, log_p, 0.0)).exp()
        return (torch.where(present, raised, 0.0),)

    def in_units(self, log_norm: Tensor) -> Tensor:
        r"""The logarithm of the integral from that of :math:`\int p^s dx`."""
        return log_norm + (1 - self.power) * self.log_unit
