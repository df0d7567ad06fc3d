r"""Normal vectors of few common factors that are near another normal vector.

Of :math:`q = N(\mu, W W^\top + \Psi)` and :math:`p = N(\mu, \Sigma)` only the variances
:math:`\Psi = \operatorname{diag}(e^{\theta})` need be searched. With the eigenvalues
:math:`\lambda_k` and eigenvectors :math:`u_k` of :math:`\Psi^{-1/2} \Sigma \Psi^{-1/2}` the best r
factors have :math:`\Psi^{-1/2} W` along the largest, of squared length :math:`\lambda_k - 1`, and

.. math:: \min_W D(p \parallel q) = \tfrac12 \sum_{k > r} \lambda_k - \log \lambda_k - 1, \qquad
    \frac{\partial}{\partial \theta_i} = \tfrac12 \sum_{k > r} (1 - \lambda_k) u_{ik}^2.

The reverse divergence is the same of :math:`\Psi^{1/2} \Sigma^{-1} \Psi^{1/2}`, with the smallest
eigenvalues, of squared lengths :math:`1 / \lambda_k - 1`, and the other sign. Newton's steps are
taken with half the squared entries of the projection on the other eigenvectors as Hessian. There
may be several minima, and variances may tend to 0: Heywood cases.

References:
    Some Contributions to Maximum Likelihood Factor Analysis (Jöreskog, 1967), sections 4 and 5,
    doi:10.1007/BF02289658.
    A Rapidly Convergent Method for Maximum-Likelihood Factor Analysis (Clarke, 1970), section 3,
    doi:10.1111/j.2044-8317.1970.tb00437.x.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Factors", "nearest_factors"]

_STARTS = 12
_WIDE = 6.0  # logarithms of variances, of starts by chance
_STEPS = 60
_HALVINGS = 8
_LONGEST = 2.0  # of a step, in logarithms of variances
_LEAST = 1e-13  # of a variance of the other vector: where Heywood's are left
_DAMPING = 1e-6
_SAME = 1e-6  # nats


@dataclass(frozen=True)
class Factors:
    r"""Members and how far they are.

    Arguments:
        factor: The W, with shape :math:`(K, *, D, r)`.
        variance: The diagonals of :math:`\Psi`, with shape :math:`(K, *, D)`.
        divergence: With shape :math:`(K, *)`, the least first.
    """

    factor: Tensor
    variance: Tensor
    divergence: Tensor


def nearest_factors(matrix: Tensor, rank: int, *, forward: bool) -> Factors:
    r"""Local minima of a Kullback-Leibler divergence, from several starts.

    Arguments:
        matrix: Covariances :math:`\Sigma`, with shape :math:`(*, D, D)`.
        rank: How many factors.
        forward: Whether the divergence is from the given vector, else it is to it.
    """
    unit = matrix.diagonal(dim1=-2, dim2=-1).sqrt()
    scaled = matrix / unit.unsqueeze(-1) / unit.unsqueeze(-2)
    inverse = torch.linalg.inv(scaled)
    profile = _Profile(scaled if forward else inverse, rank, forward=forward)
    theta = _descended(profile, _starts(inverse, rank))
    value = profile.at(theta).value
    order = value.argsort(0)
    theta, value = theta.take_along_dim(order.unsqueeze(-1), 0), value.take_along_dim(order, 0)
    if value.ndim == 1:
        fresh = torch.cat([value.new_ones(1), value.diff()]) > _SAME
        theta, value = theta[fresh], value[fresh]
    factor = profile.factor(theta) * unit.unsqueeze(-1)
    return Factors(factor, theta.exp() * unit.square(), value)


@dataclass(frozen=True)
class _At:
    """The profile at logarithms of variances, its gradient and about its Hessian."""

    value: Tensor
    gradient: Tensor
    hessian: Tensor


@dataclass(frozen=True)
class _Profile:
    """The divergence as a function of logarithms of variances, its factors the best."""

    matrix: Tensor
    rank: int
    forward: bool

    def at(self, theta: Tensor) -> _At:
        values, vectors, used = self._spectrum(theta)
        left = torch.where(used, 0.0, values - values.log() - 1)
        slope = torch.where(used, 0.0, 1 - values if self.forward else values - 1)
        squares = vectors.square()
        gradient = (squares @ slope.unsqueeze(-1)).squeeze(-1) / 2
        rest = torch.where(used, 0.0, 1.0)
        hessian = ((vectors * rest.unsqueeze(-2)) @ vectors.mT).square() / 2
        return _At(left.sum(-1) / 2, gradient, hessian)

    def factor(self, theta: Tensor) -> Tensor:
        """The best factors, those of no use zero, with shape (*, D, r)."""
        values, vectors, used = self._spectrum(theta)
        square = torch.where(used, values - 1 if self.forward else 1 / values - 1, 0.0)
        scaled = (
            (theta / 2).exp().unsqueeze(-1) * vectors * square.clamp_min(0).sqrt().unsqueeze(-2)
        )
        size = theta.shape[-1]
        first = max(size - self.rank, 0) if self.forward else 0
        found = scaled[..., first : first + self.rank]
        return torch.nn.functional.pad(found, (0, self.rank - found.shape[-1]))

    def _spectrum(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvalues and eigenvectors, and which of them have a factor."""
        root = ((-theta if self.forward else theta) / 2).exp()
        values, vectors = torch.linalg.eigh(root.unsqueeze(-1) * self.matrix * root.unsqueeze(-2))
        values = values.clamp_min(1e-300)
        number = torch.arange(theta.shape[-1], device=theta.device)
        if self.forward:
            return values, vectors, (number >= len(number) - self.rank) & (values > 1)
        return values, vectors, (number < self.rank) & (values < 1)


def _starts(inverse: Tensor, rank: int) -> Tensor:
    """Logarithms of variances: about what the other coordinates leave, and some by chance."""
    size = inverse.shape[-1]
    alone = -inverse.diagonal(dim1=-2, dim2=-1).log() + math.log1p(-rank / (2 * size + rank))
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand((_STARTS - 1, *alone.shape), generator=generator, dtype=torch.float64)
    return torch.cat([alone.unsqueeze(0), -_WIDE * drawn.to(alone)])


def _descended(profile: _Profile, theta: Tensor) -> Tensor:
    """Where Newton's steps lead."""
    here = profile.at(theta)
    identity = torch.eye(theta.shape[-1], dtype=theta.dtype, device=theta.device)
    for _ in range(_STEPS):
        step = -torch.linalg.solve(here.hessian + _DAMPING * identity, here.gradient)
        longest = step.abs().amax(-1, keepdim=True).clamp_min(_LONGEST)
        there = _lower(profile, theta, here, step * _LONGEST / longest)
        if torch.equal(there[0], theta):
            break
        theta, here = there
    return theta


def _lower(profile: _Profile, theta: Tensor, here: _At, step: Tensor) -> tuple[Tensor, _At]:
    """Where the longest of some halves of a step leads that goes down, else where it began."""
    waiting = torch.ones_like(here.value, dtype=torch.bool)
    for _ in range(_HALVINGS):
        trial = (theta + step).clamp_min(math.log(_LEAST))
        there = profile.at(trial)
        better = waiting & (there.value < here.value)
        theta = torch.where(better.unsqueeze(-1), trial, theta)
        here = _At(
            torch.where(better, there.value, here.value),
            torch.where(better.unsqueeze(-1), there.gradient, here.gradient),
            torch.where(better[..., None, None], there.hessian, here.hessian),
        )
        waiting, step = waiting & ~better, torch.where(better.unsqueeze(-1), 0.0, step / 2)
        if not bool(waiting.any()):
            break
    return theta, here
