r"""Normal vectors on draws that move with them.

Draws :math:`z_k` of mean 0 and covariance 1 make the entropy exact, and the averages of
:class:`kldiv.solvers.normal_surface.NormalSurface` are those over the :math:`\mu + L z_k`.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.triangles import triangle_of, triangular
from kldiv.estimators.sampling.moving import half_of_normal_points
from kldiv.estimators.sampling.quasi_random import AT_ONCE
from kldiv.solvers.curvature_pairs import inverse_of
from kldiv.solvers.lanczos import signature_by
from kldiv.solvers.line_search import State
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective
from kldiv.solvers.slopes import log_density_and_slope
from kldiv.solvers.stein_products import SteinProducts

__all__ = ["NormalDraws"]

_DIFFERENCE = 1e-4  # of a step of length 1
_PRODUCTS = 6  # with the Hessian: in these steps it is nearly the information, which is diagonal
_CURVED = 0.05  # of the information: more than that is no saddle's, however blurred it is
_HANDLED = 4096  # numbers in a few microseconds, as long as a call takes
_BENT = 128  # dimensions, beyond which a matrix of them costs more than it tells


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
        chart = objective.chart
        free = {"loc", "scale"}, {"loc", "covariance_matrix"}
        if chart is None or {*objective.family.space.parameters} not in free:
            return None
        return NormalDraws(objective, chart) if objective.target.event_shape else None

    def at_once(self, theta: Tensor) -> int:
        """How many draws of members take hardly longer than one, a power of 2.

        Those are as many as make the largest of the arrays that are kept for the gradient as long
        as what a processor handles in the time of a call.
        """
        lengths = [1]

        def kept(values: Tensor) -> Tensor:
            lengths.append(values.numel())
            return values

        x = self.chart.members(theta)[0].unsqueeze(0).requires_grad_()
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(kept, lambda x: x):
            self.objective.target.log_prob(x)
        self.objective.evaluations += x.shape[:-1].numel()
        return 1 << (_HANDLED // max(lengths)).bit_length()

    def hold(self, count: int, seed: int) -> None:
        """From now on these are the draws."""
        half = half_of_normal_points(count, self.size, seed)
        self._half = half.to(self.device)

    @torch.no_grad()
    def begin(self, point: Tensor) -> tuple[State, Tensor]:
        """The state at points, and what the inverse Hessian seems to be there.

        It is the inverse of the information; but where members have no correlations, those of
        the target bend it for shifts of the mean.
        """
        if self.full or self.size > _BENT:
            return (point, *self.value_and_gradient(point)), self.metric
        log_p, slopes, z = self._at_draws(*self.parts(point), self._half)
        state = point, *self.seen(point, self._means(log_p, slopes, z))
        block = inverse_of(SteinProducts(slopes, z, self.parts(point)[1]).bend)
        metric = self.metric.diag().repeat(*block.shape[:-2], 1, 1)
        metric[..., : self.size, : self.size] = block
        return state, metric

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages over the draws, some of them at a time."""
        sums: tuple[Tensor, ...] = ()
        for half in self._half.split(max(1, AT_ONCE // (2 * loc.numel()))):
            means = self._means(*self._at_draws(loc, spread, half))
            found = tuple(len(half) * each for each in means)
            sums = tuple(map(torch.add, sums, found)) if sums else found
        log_p, slope, pull = (each / len(self._half) for each in sums)
        return log_p, slope, pull

    def _at_draws(self, loc: Tensor, spread: Tensor, half: Tensor) -> tuple[Tensor, ...]:
        """The target's log densities at draws, their gradients, and the standard draws."""
        z = torch.cat([half, -half])
        if self.full:
            x = loc + (z @ spread.mT).movedim(-2, 0)
        else:
            x = torch.addcmul(loc, spread, z.reshape(len(z), *(1,) * (loc.ndim - 1), self.size))
        return *log_density_and_slope(self.objective, x), z

    def _means(self, log_p: Tensor, slopes: Tensor, z: Tensor) -> Averages:
        """The averages over some of them."""
        if self.full:
            pull = (slopes.movedim(0, -1) @ z) / len(z)
        else:
            pull = (slopes * z.reshape(len(z), *(1,) * (slopes.ndim - 2), self.size)).mean(0)
        return log_p.mean(0), slopes.mean(0), pull

    @torch.no_grad()
    def signature(self, point: Tensor) -> Tensor:
        """The signs of some of the Hessian's eigenvalues, in units of the information.

        Gradients at one point tell them, blurred; what may be a saddle is looked at sharply, by
        differences of gradients.
        """
        scale, (loc, spread) = self.metric.sqrt(), self.parts(point)
        _, slopes, z = self._at_draws(loc, spread, self._half)
        products = SteinProducts(slopes, z, spread)

        def blurred(vector: Tensor) -> Tensor:
            shift, change = (scale * vector).tensor_split([self.size], -1)
            bends = triangular(change, self.size) if self.full else change.expand_as(shift)
            along, across = products.times(shift, bends)
            across = triangle_of(across) if self.full else across
            across = across if change.shape[-1] > 1 else across.sum(-1, keepdim=True)
            return scale * torch.cat([along, across], -1) - _CURVED * vector

        def sharp(vector: Tensor) -> Tensor:
            step = _DIFFERENCE * scale * vector
            ends = torch.cat([self.moved(point, step), self.moved(point, -step)])
            ahead, behind = self.value_and_gradient(ends)[1].chunk(2)
            return scale * (ahead - behind) / (2 * _DIFFERENCE)

        like = point.new_zeros((*point.shape[:-1], len(scale)))
        signs = signature_by(blurred, like, _PRODUCTS)
        return signs if bool((signs > 0).all()) else signature_by(sharp, like, _PRODUCTS)
