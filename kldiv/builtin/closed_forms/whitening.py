r"""Two normal distributions as seen by the second: what all their closed forms are made of.

With :math:`\Sigma = L L^\top`, in the coordinates :math:`L_q^{-1} (x - \mu_q)` the second is the
standard normal, and the first has mean :math:`z = L_q^{-1} (\mu_p - \mu_q)` and covariance
:math:`M = A A^\top`, where :math:`A = L_q^{-1} L_p` is lower triangular. Sums over
:math:`\log M` and over powers of it are written with the remainder

.. math:: R(W) = \operatorname{tr}(W - I) - \log \det W
    = \sum_i \bigl(C_{ii}^2 - 1 - \log C_{ii}^2\bigr) + \sum_{i > j} C_{ij}^2 \geq 0,
    \qquad W = C C^\top,

so that nothing cancels where the two are close.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from kldiv.numerics import phi2

__all__ = ["Gaussian", "Whitened", "as_gaussian", "excess_of", "log_remainder", "whiten"]


@dataclass(frozen=True)
class Gaussian:
    r"""A normal vector by its mean and a factor of its covariance.

    Arguments:
        mean: With shape :math:`(*, D)`.
        scale: The standard deviations with shape :math:`(*, D)`, or a lower triangular factor
            with shape :math:`(*, D, D)`.
        diagonal: Whether ``scale`` is standard deviations.
    """

    mean: Tensor
    scale: Tensor
    diagonal: bool

    @property
    def factor(self) -> Tensor:
        r"""The lower triangular factor, with shape :math:`(*, D, D)`."""
        return torch.diag_embed(self.scale) if self.diagonal else self.scale

    @property
    def diagonal_of_factor(self) -> Tensor:
        r"""The diagonal of the factor, with shape :math:`(*, D)`."""
        return self.scale if self.diagonal else self.scale.diagonal(dim1=-2, dim2=-1)


@dataclass(frozen=True)
class Whitened:
    r"""The first of two normals in coordinates in which the second is standard.

    Arguments:
        shift: Its mean z, with shape :math:`(*, D)`.
        excess: :math:`A_{ii}^2 - 1`, with shape :math:`(*, D)`.
        log_square: :math:`\log A_{ii}^2`, with shape :math:`(*, D)`.
        factor: The factor A with shape :math:`(*, D, D)`, or ``None`` where it is diagonal.
    """

    shift: Tensor
    excess: Tensor
    log_square: Tensor
    factor: Tensor | None

    @property
    def remainder(self) -> Tensor:
        r""":math:`R(M)`, with shape :math:`(*)`."""
        on_diagonal = log_remainder(self.excess, self.log_square).sum(-1)
        if self.factor is None:
            return on_diagonal
        return on_diagonal + self.factor.tril(-1).square().sum((-2, -1))

    @property
    def log_determinant(self) -> Tensor:
        r""":math:`\log \det M`, with shape :math:`(*)`."""
        return self.log_square.sum(-1)


def as_gaussian(distribution: Distribution) -> Gaussian | None:
    """A torch distribution as a normal vector, or ``None`` where it is none."""
    if isinstance(distribution, Normal):
        loc, scale = distribution.loc.unsqueeze(-1), distribution.scale.unsqueeze(-1)
        return Gaussian(loc, scale, diagonal=True)
    if isinstance(distribution, MultivariateNormal | LowRankMultivariateNormal):
        return Gaussian(distribution.loc, distribution.scale_tril, diagonal=False)
    if not isinstance(distribution, Independent) or not isinstance(distribution.base_dist, Normal):
        return None
    base, events = distribution.base_dist, distribution.reinterpreted_batch_ndims
    if events == 0:
        return as_gaussian(base)
    return Gaussian(base.loc.flatten(-events), base.scale.flatten(-events), diagonal=True)


def whiten(p: Gaussian, q: Gaussian) -> Whitened:
    """The first normal as seen by the second."""
    own, other = p.diagonal_of_factor, q.diagonal_of_factor
    excess = (own - other) * (own + other) / other.square()
    near = excess.abs() < 0.5
    close = torch.where(near, excess, 0.0).log1p()
    log_square = torch.where(near, close, 2 * (own.log() - other.log()))
    if p.diagonal and q.diagonal:
        return Whitened((p.mean - q.mean) / q.scale, excess, log_square, None)
    shift = torch.linalg.solve_triangular(q.factor, (p.mean - q.mean).unsqueeze(-1), upper=False)
    beyond = torch.linalg.solve_triangular(q.factor, p.factor - q.factor, upper=False)
    identity = torch.eye(beyond.shape[-1], dtype=beyond.dtype, device=beyond.device)
    return Whitened(shift.squeeze(-1), excess, log_square, beyond + identity)


def excess_of(factor: Tensor) -> Tensor:
    r""":math:`A A^\top - I` without cancellation, with shape :math:`(*, D, D)`."""
    beyond = factor - torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    return beyond + beyond.mT + beyond @ beyond.mT


def log_remainder(excess: Tensor, logarithm: Tensor) -> Tensor:
    r""":math:`e - \log(1 + e) \geq 0` of both, with shape :math:`(*)`."""
    near = logarithm.abs() <= 1
    inner = torch.where(near, logarithm, 0.0)
    return torch.where(near, inner.square() * phi2(inner), excess - logarithm)
