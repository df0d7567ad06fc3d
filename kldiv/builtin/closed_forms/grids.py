r"""From a density on a grid to a normal distribution: its moments and its entropy are enough.

.. math:: D(p \parallel q) = \frac12 \bigl(|L_q^{-1} (\mu_p - \mu_q)|^2
        + \operatorname{tr} L_q^{-1} \Sigma_p L_q^{-\top} + d \log 2 \pi\bigr)
        + \log \det L_q - H(p)

Both are sums over the grid, which are taken once.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.builtin.closed_forms.whitening import as_gaussian
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.grid_density import GridDensity

__all__ = ["CLOSED_FORMS", "GridRule"]

_LARGEST = 1e-9  # nats: a coarser bound on the entropy is left to quadrature
_ROUNDING = 1e-13


class GridRule:
    """The Kullback-Leibler divergence from a density on a grid to a normal distribution."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether the entropy is known well enough, and no gradient of the density asked for."""
        if type(divergence) is not KL or not isinstance(p, GridDensity) or as_gaussian(q) is None:
            return False
        followed = torch.is_grad_enabled() and p.density.requires_grad
        return not followed and bool((p.entropy_error() <= _LARGEST).all())

    def function(self, p: GridDensity, q: Distribution, divergence: Divergence) -> Tensor:
        """The divergence."""
        normal = as_gaussian(q)
        if normal is None:
            return NotImplemented  # type: ignore[no-any-return]
        mean = p.mean if p.event_shape else p.mean.unsqueeze(-1)
        gap, spread = mean - normal.mean, p.covariance_matrix
        if normal.diagonal:
            spread = spread.diagonal(dim1=-2, dim2=-1)
            square = ((spread + gap.square()) / normal.scale.square()).sum(-1)
        else:
            second = spread + gap.unsqueeze(-1) * gap.unsqueeze(-2)
            half = torch.linalg.solve_triangular(normal.scale, second, upper=False)
            whole = torch.linalg.solve_triangular(normal.scale, half.mT, upper=False)
            square = whole.diagonal(dim1=-2, dim2=-1).sum(-1)
        constant = gap.shape[-1] * math.log(2 * math.pi)
        logs = normal.diagonal_of_factor.log().sum(-1)
        value: Tensor = (square + constant) / 2 + logs - p.entropy()
        return value

    def error_of(
        self, value: Tensor, p: GridDensity, q: Distribution, divergence: Divergence
    ) -> Tensor:
        """That of the entropy, and of sums that cancel."""
        size = value.abs() + p.entropy().abs() + 1
        return p.entropy_error() + _ROUNDING * size


CLOSED_FORMS = (GridRule(),)
"""The rule."""
