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

from kldiv.errors import NotAvailable
from kldiv.estimators.sampling.moving import normal_points
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.curvature_pairs import inverse_of
from kldiv.solvers.lanczos import signature_by
from kldiv.solvers.line_search import State
from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.stein_products import SteinProducts

__all__ = ["NormalDraws"]

_LONGEST = 20.0, 1.5  # of a step, in standard deviations and in logarithms of scales
_DIFFERENCE = 1e-4  # of a step of length 1
_PRODUCTS = 6  # with the Hessian: in these steps it is nearly the information, which is diagonal
_CURVED = 0.05  # of the information: more than that is no saddle's, however blurred it is
_HANDLED = 4096  # numbers in a few microseconds, as long as a call takes
_BENT = 128  # dimensions, beyond which a matrix of them costs more than it tells


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
        self._nodes = normal_points(count, self.size, seed).to(self.objective.target.device)

    @cached_property
    def inverse(self) -> Tensor:
        """The diagonal of the inverse Fisher information, with shape (P); 0 for what stays 0."""
        if self.full:
            ones = torch.ones(self.size, self.size, dtype=torch.float64)
            bends = (ones.tril() - 0.5 * ones.diag().diag()).flatten()
        else:
            scales = 1 if self.chart.shape == "isotropic" else self.size
            bends = torch.full((scales,), scales / (2 * self.size), dtype=torch.float64)
        ones = torch.ones(self.size, dtype=torch.float64)
        return torch.cat([ones, bends]).to(self.objective.target.device)

    @cached_property
    def _longest(self) -> Tensor:
        """The longest component that a step may have, with shape (P)."""
        shift, change = _LONGEST
        found = torch.full_like(self.inverse, change)
        found[: self.size] = shift
        return found

    @torch.no_grad()
    def begin(self, point: Tensor) -> tuple[State, Tensor]:
        """The state at points, and what the inverse Hessian seems to be there.

        It is the inverse of the information; but where members have no correlations, those of
        the target bend it for shifts of the mean.
        """
        log_p, slopes = self._slopes(point)
        state, metric = (point, *self._averages(point, log_p, slopes)), self.inverse
        if not self.full and self.size <= _BENT:
            block = inverse_of(self._products(point, slopes).bend)
            metric = metric.diag().repeat(*block.shape[:-2], 1, 1)
            metric[..., : self.size, : self.size] = block
        return state, metric

    def point(self, theta: Tensor) -> Tensor:
        """The points of real vectors: the means and the scales' logarithms or the factors."""
        loc, root = self.chart.members(theta)
        if self.full:
            return torch.cat([loc, root.flatten(-2)], -1)
        scales = root.diagonal(dim1=-2, dim2=-1)
        return torch.cat([loc, scales[..., : len(self.inverse) - self.size].log()], -1)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """The family's parameters by name."""
        return self.chart.parameters(*self._member(point))

    def theta(self, point: Tensor) -> Tensor:
        """The real vectors of points."""
        return self.objective.family.space.unconstrain(self.parameters(point), check=False)

    def real_gradient(self, point: Tensor, gradient: Tensor) -> Tensor:
        """The gradient in the family's real vectors."""
        if self.full:
            shift, change = self._split(gradient)
            rows, columns = torch.tril_indices(self.size, self.size, device=point.device)
            gradient = torch.cat([shift, change[..., rows, columns]], -1)
        return self.chart.real_gradient(self._member(point)[1], gradient)

    def moved(self, point: Tensor, step: Tensor) -> Tensor:
        """Where steps lead."""
        (loc, rest), (shift, change) = self._split(point), self._split(step)
        if not self.full:
            return torch.cat([loc + rest.exp() * shift, rest + change], -1)
        scales = change.diagonal(dim1=-2, dim2=-1)
        loc = loc + (rest @ shift.unsqueeze(-1)).squeeze(-1)
        return self._joined(loc, rest @ (change + torch.diag_embed(scales.exp() - scales)))

    def bounded(self, step: Tensor) -> Tensor:
        """Steps of the mean and of the scales, each of a length that a density may bear."""
        excesses = step.abs() / self._longest
        if bool((excesses <= 1).all()):
            return step
        most = [part.amax(-1, keepdim=True) for part in excesses.tensor_split([self.size], -1)]
        parts = zip(step.tensor_split([self.size], -1), most, strict=True)
        return torch.cat([part / longest.clamp_min(1) for part, longest in parts], -1)

    @torch.no_grad()
    def value_and_gradient(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in steps; where it is infinite the gradient is 0."""
        return self._averages(point, *self._slopes(point))

    @torch.no_grad()
    def signature(self, point: Tensor) -> Tensor:
        """The signs of some of the Hessian's eigenvalues, in units of the information.

        Gradients at one point tell them, blurred; what may be a saddle is looked at sharply, by
        differences of gradients.
        """
        scale, products = self.inverse.sqrt(), self._products(point, self._slopes(point)[1])
        still = (scale == 0).double()

        def blurred(vector: Tensor) -> Tensor:
            shift, change = self._split(scale * vector)
            along, across = products.times(shift, change if self.full else change.expand_as(shift))
            across = across if change.shape[-1] > 1 else across.sum(-1, keepdim=True)
            return scale * self._joined(along, across) + (still - _CURVED) * vector

        def sharp(vector: Tensor) -> Tensor:
            step = _DIFFERENCE * scale * vector
            ends = torch.cat([self.moved(point, step), self.moved(point, -step)])
            ahead, behind = self.value_and_gradient(ends)[1].chunk(2)
            return scale * (ahead - behind) / (2 * _DIFFERENCE) + still * vector

        like = point.new_zeros((*point.shape[:-1], len(scale)))
        signs = signature_by(blurred, like, _PRODUCTS)
        return signs if bool((signs > 0).all()) else signature_by(sharp, like, _PRODUCTS)

    def _slopes(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The target's log densities at the draws, and their gradients."""
        loc, rest = self._split(point)
        if self.full:
            x = loc + (self._nodes @ rest.mT).movedim(-2, 0)
        else:
            nodes = self._nodes.reshape(-1, *(1,) * (loc.ndim - 1), self.size)
            x = torch.addcmul(loc, rest.exp(), nodes)
        self.objective.evaluations += x.shape[:-1].numel()
        self.objective.gradients += 1
        with torch.enable_grad():
            x.requires_grad_()
            log_p = self.objective.target.log_prob(x)
            if not log_p.requires_grad:
                raise NotAvailable(
                    f"the log density of {self.objective.target!r} has no gradient; write it in "
                    "torch operations"
                )
            (slopes,) = torch.autograd.grad(log_p.sum(), x)
        return log_p.detach(), slopes

    def _averages(self, point: Tensor, log_p: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in steps."""
        loc, rest = self._split(point)
        slope = slopes.mean(0)
        if self.full:
            spread = rest.diagonal(dim1=-2, dim2=-1).log().sum(-1)
            pull = (slopes.movedim(0, -1) @ self._nodes) / len(self._nodes)
            shift = (rest.mT @ slope.unsqueeze(-1)).squeeze(-1)
            change = (rest.mT @ pull).tril() + torch.eye(self.size).to(pull)
        else:
            scale, each = rest.exp(), self.size / rest.shape[-1]
            spread = each * rest.sum(-1)
            nodes = self._nodes.reshape(-1, *(1,) * (loc.ndim - 1), self.size)
            shift, change = scale * slope, scale * (slopes * nodes).mean(0)
            change = (change if each == 1 else change.sum(-1, keepdim=True)) + each
        loss = -log_p.mean(0) - spread - self.size * NORMAL_ENTROPY
        gradient = -self._joined(shift, change)
        return loss, torch.where(loss.isfinite().unsqueeze(-1), gradient, 0.0)

    def _products(self, point: Tensor, slopes: Tensor) -> SteinProducts:
        """The Hessian's products, by gradients at the draws."""
        loc, rest = self._split(point)
        root = rest if self.full else rest.exp().expand_as(loc)
        return SteinProducts(slopes, self._nodes, root)

    def _member(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Means and factors L."""
        loc, rest = self._split(point)
        return loc, rest if self.full else torch.diag_embed(rest.exp().expand_as(loc))

    def _split(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """What belongs to the mean, and what to the scales or to the factor, a matrix."""
        loc, rest = point[..., : self.size], point[..., self.size :]
        return loc, rest.unflatten(-1, (self.size, self.size)) if self.full else rest

    def _joined(self, loc: Tensor, rest: Tensor) -> Tensor:
        return torch.cat([loc, rest.flatten(-2) if self.full else rest], -1)
