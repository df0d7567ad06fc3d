r"""Normal vectors on draws that move with them.

Draws :math:`z_k` of mean 0 and covariance 1 make the entropy exact, and the averages of
:class:`kldiv.solvers.normal_surface.NormalSurface` are those over the :math:`\mu + L z_k`.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.errors import NotAvailable
from kldiv.estimators.sampling.moving import normal_points
from kldiv.solvers.lanczos import signature_by
from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective

__all__ = ["NormalDraws"]

_DIFFERENCE = 1e-4  # of a step of length 1
_PRODUCTS = 6  # with the Hessian: in these steps it is nearly the information, which is diagonal


class NormalDraws(NormalSurface):
    """The reverse ``kl`` of normal vectors on draws.

    Arguments:
        objective: The objective.
        chart: The family, of which neither the mean nor the scale is held fixed.
    """

    def __init__(self, objective: Objective, chart: NormalChart) -> None:
        super().__init__(chart, objective.target.device)
        self.objective = objective
        self._nodes = torch.zeros(0, chart.size, dtype=torch.float64)

    @staticmethod
    def of(objective: Objective) -> NormalDraws | None:
        """The same of an objective, ``None`` where it is another divergence or family."""
        if objective.forward or objective.divergence.name != "kl":
            return None
        chart = chart_of(objective.family)
        free = {"loc", "scale"}, {"loc", "covariance_matrix"}
        if chart is None or {*objective.family.space.parameters} not in free:
            return None
        return NormalDraws(objective, chart) if objective.target.event_shape else None

    def hold(self, count: int, seed: int) -> None:
        """From now on these are the draws."""
        self._nodes = normal_points(count, self.size, seed).to(self.device)

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages over the draws."""
        z = self._nodes
        if self.full:
            log_p, slopes = self._slopes(loc + (z @ spread.mT).movedim(-2, 0))
            return log_p.mean(0), slopes.mean(0), (slopes.movedim(0, -1) @ z) / len(z)
        z = z.reshape(len(z), *(1,) * (loc.ndim - 1), self.size)
        log_p, slopes = self._slopes(loc + spread * z)
        return log_p.mean(0), slopes.mean(0), (slopes * z).mean(0)

    def signature(self, point: Tensor) -> Tensor:
        """The signs of some of the Hessian's eigenvalues, in steps."""

        def times(vector: Tensor) -> Tensor:
            ends = [self.moved(point, sign * _DIFFERENCE * vector) for sign in (1, -1)]
            ahead, behind = self.value_and_gradient(torch.cat(ends))[1].chunk(2)
            return (ahead - behind) / (2 * _DIFFERENCE)

        shape = (*point.shape[:-1], len(self.metric))
        return signature_by(times, point.new_empty(shape), _PRODUCTS)

    def _slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The target's log densities and their gradients."""
        self.objective.evaluations += x.shape[:-1].numel()
        self.objective.gradients += 1
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            log_p = self.objective.target.log_prob(x)
            if not log_p.requires_grad:
                raise NotAvailable(
                    f"the log density of {self.objective.target!r} has no gradient; write it in "
                    "torch operations"
                )
            (slopes,) = torch.autograd.grad(log_p.sum(), x)
        return log_p.detach(), slopes
