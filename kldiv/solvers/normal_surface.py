r"""Normal vectors in their own units: D(q‖p) by averages of gradients of log p alone.

With :math:`x = \mu + L z`

.. math:: D(q \parallel p) = -H(q) - E[\log p(\mu + L z)].

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

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.triangles import triangle_of, triangular, with_diagonal
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.line_search import State
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.run import Seen

__all__ = ["Averages", "NormalSurface"]

_LONGEST = 20.0, 1.5  # of a step, in standard deviations and in logarithms of scales

Averages = tuple[Tensor, Tensor, Tensor]
r"""The means of :math:`\log p`, of its gradient g and of :math:`g z^\top`, of this the diagonal
where the family has no correlations: of shape (S, *), (S, *, D) and (S, *, D, D) or (S, *, D)."""


class NormalSurface(ABC):
    """The reverse ``kl`` of normal vectors, a function of points that hold mean and scales.

    Arguments:
        chart: The family. What it holds fixed is not moved.
        device: Where the points are.
    """

    by_rows = True

    def __init__(self, chart: NormalChart, device: torch.device) -> None:
        self.chart, self.size, self.device = chart, chart.size, device
        self.full = chart.shape == "full"

    @abstractmethod
    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        r"""What members see of the target.

        Arguments:
            loc: The means, with shape :math:`(S, *, D)`.
            spread: The factors L, with shape :math:`(S, *, D, D)`; without correlations the
                scales, with shape :math:`(S, *, D)`.
        """

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
        return torch.cat([ones, bends.double()]).to(self.device)

    def point(self, theta: Tensor) -> Tensor:
        """The points of real vectors."""
        return self.point_of(*self.chart.members(theta))

    def point_of(self, loc: Tensor, root: Tensor) -> Tensor:
        """The points of members: the means and the scales' logarithms or the factors L."""
        if self.full:
            return torch.cat([loc, root.flatten(-2)], -1)
        scales = root.diagonal(dim1=-2, dim2=-1)
        return torch.cat([loc, scales[..., : len(self.metric) - self.size].log()], -1)

    def members(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Means and factors L."""
        loc, spread = self.parts(point)
        return loc, spread if self.full else torch.diag_embed(spread)

    def parts(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The means, and the factors L or without correlations the scales."""
        loc, rest = point[..., : self.size], point[..., self.size :]
        if self.full:
            return loc, rest.unflatten(-1, (self.size, self.size))
        return loc, rest.exp().expand_as(loc)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """The family's parameters by name."""
        return self.chart.parameters(*self.members(point))

    def theta(self, point: Tensor) -> Tensor:
        """The real vectors of points."""
        return self.chart.space.unconstrain(self.parameters(point), check=False)

    def real_gradient(self, point: Tensor, gradient: Tensor) -> Tensor:
        """The gradient in the family's real vectors."""
        return self.chart.real_gradient(self.members(point)[1], gradient[..., self._free])

    def told(self, states: Sequence[State]) -> Iterable[Seen]:
        """Of states the losses, the parameters and the norms of the gradients."""
        point, loss, gradient = (torch.stack(each) for each in zip(*states, strict=True))
        norms = torch.linalg.vector_norm(self.real_gradient(point, gradient), dim=-1)
        parameters = self.parameters(point)
        for step in range(len(states)):
            found = {name: values[step] for name, values in parameters.items()}
            yield loss[step], found, norms[step]

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
        excesses = step.abs() / self._longest
        if bool((excesses <= 1).all()):
            return step
        most = [part.amax(-1, keepdim=True) for part in excesses.tensor_split([self.size], -1)]
        parts = zip(step.tensor_split([self.size], -1), most, strict=True)
        return torch.cat([part / longest.clamp_min(1) for part, longest in parts], -1)

    @torch.no_grad()
    def value_and_gradient(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in steps; where it is infinite the gradient is 0."""
        return self.seen(point, self.averages(*self.parts(point)))

    def seen(self, point: Tensor, averages: Averages) -> tuple[Tensor, Tensor]:
        """The same from the averages."""
        (_, spread), (log_p, slope, pull) = self.parts(point), averages
        scales = spread.diagonal(dim1=-2, dim2=-1) if self.full else spread
        loss = -log_p - scales.log().sum(-1) - self.size * NORMAL_ENTROPY
        if self.full:
            shift = (spread.mT @ slope.unsqueeze(-1)).squeeze(-1)
            product = spread.mT @ pull
            change = triangle_of(with_diagonal(product, product.diagonal(dim1=-2, dim2=-1) + 1))
        else:
            pull = pull.diagonal(dim1=-2, dim2=-1) if pull.ndim > slope.ndim else pull
            shift, change = spread * slope, spread * pull + 1
            change = change.sum(-1, keepdim=True) if self.chart.shape == "isotropic" else change
        gradient = -torch.cat([shift, change], -1)
        found = loss.isfinite().unsqueeze(-1) & self._moves
        return loss, torch.where(found, gradient, 0.0)

    @cached_property
    def _longest(self) -> Tensor:
        """The longest component that a step may have, with shape (P)."""
        shift, change = _LONGEST
        found = torch.full_like(self.metric, change)
        found[: self.size] = shift
        return found

    @cached_property
    def _free(self) -> slice:
        """Which parts of a step the family is free to take."""
        names = self.chart.space.parameters
        whole = names.keys() != {"loc"}
        return slice(0 if "loc" in names else self.size, None if whole else self.size)

    @cached_property
    def _moves(self) -> Tensor:
        moves = torch.zeros_like(self.metric, dtype=torch.bool)
        moves[self._free] = True
        return moves
