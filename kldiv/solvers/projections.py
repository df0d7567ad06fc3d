r"""Normals in reverse to targets of linear combinations: expectations without any sampling.

Under :math:`q = N(\mu, L L^\top)` the combination :math:`t_i = a_i^\top w` is a normal scalar of
mean :math:`m_i = a_i^\top \mu` and deviation :math:`s_i = \lVert L^\top a_i \rVert`, so that

.. math::
    E_q[\log p] = \sum_i E[\varphi_i(m_i + s_i z)], \qquad
    E_q[\nabla \log p] = \sum_i a_i E[\varphi_i'], \qquad
    E_q[\nabla^2 \log p] = \sum_i a_i a_i^\top E[\varphi_i''],

integrals on lines, of which equally spaced nodes give all digits. The last is had from the first
derivatives, :math:`E[\varphi''] = E[\varphi'(m + s z)\, z] / s`. Natural gradient steps lead near
the optimum, and L-BFGS to it.

References:
    Variational Approximations in Generalized Linear Latent Variable Models: Gaussian Variational
    Approximation (Hui, Warton, Ormerod, Haapaniemi and Taskinen, 2017).
    Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
    Approximations (Lin, Khan and Schmidt, 2019), section 4, arXiv:1906.02914.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.quadratic import Quadratic

__all__ = ["Projections"]

_REACH = 8.0


@dataclass(frozen=True)
class Projections:
    """The divergence of normal members from a target of linear combinations.

    Arguments:
        target: The target.
        chart: The family of normals.
        spacing: Between the nodes of each line, in standard deviations.
    """

    target: ProjectedTarget
    chart: NormalChart
    spacing: float

    @cached_property
    def nodes(self) -> Tensor:
        """The nodes of the standard normal, with shape (K)."""
        count = int(_REACH / self.spacing)
        steps = torch.arange(-count, count + 1, dtype=torch.float64, device=self.target.device)
        return self.spacing * steps

    def value(self, theta: Tensor) -> Tensor:
        r"""The divergence, up to the logarithm of the mass of the target, differentiable."""
        loc, root = self.chart.members(theta)
        entropy = root.diagonal(dim1=-2, dim2=-1).log().sum(-1) + self.chart.size * NORMAL_ENTROPY
        expected = [
            self._weigh(function(self._points(matrix, loc, root))).sum(-1)
            for matrix, function in self.target.terms
        ]
        found: Tensor = -entropy - torch.stack(expected).sum(0)
        return found

    def stepped(self, theta: Tensor) -> Tensor:
        """One natural gradient step; of a diagonal member the mean takes a step of Newton's."""
        with torch.no_grad():
            loc, root = self.chart.members(theta)
            slope, bend = self._derivatives(loc, root)
            quadratic = Quadratic.of(loc, slope, bend)
            return self.chart.real_vectors(quadratic.loc, quadratic.root(self.chart))

    def _derivatives(self, loc: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
        """The expected gradient and Hessian of the log density."""
        slope, bend = torch.zeros_like(loc), torch.zeros_like(root)
        for matrix, function in self.target.terms:
            with torch.enable_grad():
                t = self._points(matrix, loc, root).requires_grad_()
                (first,) = torch.autograd.grad(function(t).sum(), t)
            z = self.nodes.reshape(-1, *(1,) * (t.ndim - 1))
            second = self._weigh(first * z) / self._spread(matrix, root)
            slope = slope + self._weigh(first) @ matrix
            bend = bend + (matrix.mT * second.unsqueeze(-2)) @ matrix
        return slope, bend

    def _points(self, matrix: Tensor, loc: Tensor, root: Tensor) -> Tensor:
        """The combinations at all nodes, with shape (K, *, N)."""
        middle, spread = loc @ matrix.mT, self._spread(matrix, root)
        return middle + self.nodes.reshape(-1, *(1,) * middle.ndim) * spread

    def _spread(self, matrix: Tensor, root: Tensor) -> Tensor:
        spread: Tensor = (matrix @ root).square().sum(-1).sqrt().clamp_min(1e-150)
        return spread

    def _weigh(self, values: Tensor) -> Tensor:
        """The expectations of values at the nodes."""
        found: Tensor = torch.tensordot(self._weights, values, 1)
        return found

    @cached_property
    def _weights(self) -> Tensor:
        weights = (-self.nodes.square() / 2).exp()
        return weights / weights.sum()
