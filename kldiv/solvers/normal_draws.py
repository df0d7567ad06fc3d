r"""Normal vectors on draws that move with them: D(q‖p) by the gradients of log p alone.

Draws :math:`z_k` of mean 0 and covariance 1 make the entropy exact, and with
:math:`x_k = \mu + L z_k`

.. math:: D(q \parallel p) = -H(q) - \frac1N \sum_k \log p(x_k).

A step :math:`(a, B)` leads to :math:`x = \mu + L (a + e^B z)`, so that it counts standard
deviations and logarithms of scales, as in :class:`kldiv.solvers.normal_charts.NormalChart`. In
such steps the Fisher information of every member is the same and diagonal: 1 for a shift, 2 for
the logarithm of a scale, 1 for what is below the diagonal. Its inverse is where a quasi-Newton
method begins; its first step is the natural gradient's.

References:
    Natural Gradient Works Efficiently in Learning (Amari, 1998), theorem 1,
    doi:10.1162/089976698300017746.
    Fixed-Form Variational Posterior Approximation through Stochastic Linear Regression (Salimans
    and Knowles, 2013), section 4, arXiv:1206.6679.
"""

from __future__ import annotations

from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.triangles import triangle_of, triangular, with_diagonal
from kldiv.estimators.sampling.moving import half_of_normal_points
from kldiv.estimators.sampling.quasi_random import AT_ONCE
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.lanczos import signature_by
from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["NormalDraws"]

_LONGEST = 20.0, 1.5  # of a step, in standard deviations and in logarithms of scales
_DIFFERENCE = 1e-4  # of a step of length 1
_PRODUCTS = 6  # with the Hessian: in these steps it is nearly the information, which is diagonal


class NormalDraws:
    """The reverse ``kl`` of normal vectors, a function of points that hold mean and scales.

    Arguments:
        objective: The objective.
        chart: The family, of which neither the mean nor the scale is held fixed.
    """

    by_rows = True

    def __init__(self, objective: Objective, chart: NormalChart) -> None:
        self.objective, self.chart, self.size = objective, chart, chart.size
        self.full = chart.shape == "full"
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
        self._half = half.to(self.objective.target.device)

    @cached_property
    def metric(self) -> Tensor:
        """The diagonal of the inverse Fisher information, with shape (P)."""
        scales = {"isotropic": 1, "diagonal": self.size}.get(self.chart.shape)
        if scales is None:
            ones = torch.ones(self.size, self.size, dtype=torch.float64)
            bends = triangle_of(ones.fill_diagonal_(0.5))
        else:
            bends = torch.full((scales,), scales / (2 * self.size))
        ones = torch.ones(self.size, dtype=torch.float64)
        return torch.cat([ones, bends.double()]).to(self.objective.target.device)

    def point(self, theta: Tensor) -> Tensor:
        """The points of real vectors: the means and the scales' logarithms or the factors."""
        loc, root = self.chart.members(theta)
        if self.full:
            return torch.cat([loc, root.flatten(-2)], -1)
        scales = root.diagonal(dim1=-2, dim2=-1)
        return torch.cat([loc, scales[..., : len(self.metric) - self.size].log()], -1)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """The family's parameters by name."""
        return self.chart.parameters(*self._member(point))

    def theta(self, point: Tensor) -> Tensor:
        """The real vectors of points."""
        return self.chart.real_vectors(*self._member(point))

    def real_gradient(self, point: Tensor, gradient: Tensor) -> Tensor:
        """The gradient in the family's real vectors."""
        return self.chart.real_gradient(self._member(point)[1], gradient)

    def moved(self, point: Tensor, step: Tensor) -> Tensor:
        """Where steps lead."""
        shift, change = step[..., : self.size], step[..., self.size :]
        loc, rest = point[..., : self.size], point[..., self.size :]
        if not self.full:
            return torch.cat([loc + rest.exp() * shift, rest + change], -1)
        root, matrix = rest.unflatten(-1, (self.size, self.size)), triangular(change, self.size)
        matrix = with_diagonal(matrix, matrix.diagonal(dim1=-2, dim2=-1).exp())
        loc = loc + (root @ shift.unsqueeze(-1)).squeeze(-1)
        return torch.cat([loc, (root @ matrix).flatten(-2)], -1)

    def bounded(self, step: Tensor) -> Tensor:
        """Steps of the mean and of the scales, each of a length that a density may bear."""
        parts = zip(step.split([self.size, step.shape[-1] - self.size], -1), _LONGEST, strict=True)
        sizes = (
            part * (most / part.abs().amax(-1, keepdim=True).clamp_min(1e-300)).clamp_max(1)
            for part, most in parts
        )
        return torch.cat(tuple(sizes), -1)

    @torch.no_grad()
    def value_and_gradient(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in steps; where it is infinite the gradient is 0."""
        loc, rest = point[..., : self.size], point[..., self.size :]
        root = rest.unflatten(-1, (self.size, self.size)) if self.full else rest.exp()
        log_p, slope, pull = self._means(loc, root)
        if self.full:
            spread = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
            shift = (root.mT @ slope.unsqueeze(-1)).squeeze(-1)
            product = root.mT @ pull
            change = triangle_of(with_diagonal(product, product.diagonal(dim1=-2, dim2=-1) + 1))
        else:
            spread = rest.sum(-1) * (self.size / rest.shape[-1])
            shift, change = root * slope, root * pull + 1
            change = change if rest.shape[-1] == self.size else change.sum(-1, keepdim=True)
        loss = -log_p - spread - self.size * NORMAL_ENTROPY
        gradient = -torch.cat([shift, change], -1)
        return loss, torch.where(loss.isfinite().unsqueeze(-1), gradient, 0.0)

    def _means(self, loc: Tensor, root: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r"""The means of :math:`\log p`, of its gradient g, and of :math:`g z^\top`.

        Arguments:
            loc: The means, with shape :math:`(*, D)`.
            root: The factors L, with shape :math:`(*, D, D)`; or scales alone, and then of the
                last mean the diagonal alone.
        """
        sums: tuple[Tensor, ...] = ()
        for half in self._half.split(max(1, AT_ONCE // (2 * loc.numel()))):
            found = self._sums(loc, root, torch.cat([half, -half]))
            sums = tuple(map(torch.add, sums, found)) if sums else found
        log_p, slope, pull = (each / (2 * len(self._half)) for each in sums)
        return log_p, slope, pull

    def _sums(self, loc: Tensor, root: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The sums of the same over some points."""
        if self.full:
            shift = (z @ root.mT).movedim(-2, 0)
        else:
            z = z.reshape(len(z), *(1,) * (loc.ndim - 1), self.size)
            shift = root * z
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

    def _member(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Means and factors L."""
        loc, rest = point[..., : self.size], point[..., self.size :]
        if self.full:
            return loc, rest.unflatten(-1, (self.size, self.size))
        return loc, torch.diag_embed(rest.exp().expand_as(loc))
