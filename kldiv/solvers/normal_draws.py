r"""Normal vectors on draws that move with them.

Draws :math:`z_k` of mean 0 and covariance 1 make the entropy exact, and the averages of
:class:`kldiv.solvers.normal_surface.NormalSurface` are those over the :math:`\mu + L z_k`.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.estimators.sampling.moving import half_of_normal_points
from kldiv.estimators.sampling.quasi_random import AT_ONCE
from kldiv.solvers.lanczos import signature_by
from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective
from kldiv.solvers.slopes import log_density_and_slope

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
        self._half = torch.zeros(0, chart.size, dtype=torch.float64)

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
        half = half_of_normal_points(count, self.size, seed)
        self._half = half.to(self.device)

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages over the draws, some of them at a time."""
        sums: tuple[Tensor, ...] = ()
        for half in self._half.split(max(1, AT_ONCE // (2 * loc.numel()))):
            found = self._sums(loc, spread, torch.cat([half, -half]))
            sums = tuple(map(torch.add, sums, found)) if sums else found
        log_p, slope, pull = (each / (2 * len(self._half)) for each in sums)
        return log_p, slope, pull

    def _sums(self, loc: Tensor, spread: Tensor, z: Tensor) -> Averages:
        """The sums over some of them."""
        if self.full:
            shift = (z @ spread.mT).movedim(-2, 0)
        else:
            z = z.reshape(len(z), *(1,) * (loc.ndim - 1), self.size)
            shift = spread * z
        log_p, slopes = log_density_and_slope(self.objective, loc + shift)
        pull = slopes.movedim(0, -1) @ z if self.full else (slopes * z).sum(0)
        return log_p.sum(0), slopes.sum(0), pull

    def signature(self, point: Tensor) -> Tensor:
        """The signs of some of the Hessian's eigenvalues, in steps."""

        def times(vector: Tensor) -> Tensor:
            ends = [self.moved(point, sign * _DIFFERENCE * vector) for sign in (1, -1)]
            ahead, behind = self.value_and_gradient(torch.cat(ends))[1].chunk(2)
            return (ahead - behind) / (2 * _DIFFERENCE)

        shape = (*point.shape[:-1], len(self.metric))
        return signature_by(times, point.new_empty(shape), _PRODUCTS)
