"""Closed forms of distances by kernels, between normal distributions and their mixtures."""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

import kldiv

from kldiv_kernels.energy import EnergyDistance
from kldiv_kernels.mmd import MMD

__all__ = ["CLOSED_FORMS"]

_VECTORS = (MultivariateNormal, LowRankMultivariateNormal, Independent)


def mmd_normal_normal(p: Normal, q: Normal, divergence: MMD) -> Tensor:
    r"""Between normal numbers, without cancellation.

    .. math:: \mathrm{MMD}^2 = \frac{h}{\sqrt C} \Bigl[(1 + t)^{-1/2} + (1 - t)^{-1/2} - 2
        + 2 \bigl(1 - e^{-\Delta^2 / 2 C}\bigr)\Bigr], \qquad
        C = h^2 + \sigma_p^2 + \sigma_q^2, \quad t = \frac{\sigma_p^2 - \sigma_q^2}{C}
    """
    h, gap = divergence.bandwidth, p.loc - q.loc
    spread = h * h + p.scale.square() + q.scale.square()
    t = (p.scale - q.scale) * (p.scale + q.scale) / spread
    bend = (-t.log1p() / 2).expm1() + (-(-t).log1p() / 2).expm1()
    return h / spread.sqrt() * (bend - 2 * (-gap.square() / (2 * spread)).expm1())


def mmd_mixtures(p: Distribution, q: Distribution, divergence: MMD) -> Tensor:
    r"""Between mixtures of normals: the sum over pairs of components.

    .. math:: \mathbb E\,k = |I + (\Sigma + \Lambda) / h^2|^{-1/2}
        \exp\bigl(-\tfrac12 \Delta^\top (h^2 I + \Sigma + \Lambda)^{-1} \Delta\bigr) .
    """
    first, second = _parts(p), _parts(q)

    def mean(a: _Parts, b: _Parts) -> Tensor:
        h = divergence.bandwidth
        gap = a.loc.unsqueeze(-2) - b.loc.unsqueeze(-3)
        spread = a.covariance.unsqueeze(-3) + b.covariance.unsqueeze(-4)
        root = torch.linalg.cholesky(torch.eye(gap.shape[-1]).to(gap) + spread / (h * h))
        far = torch.linalg.solve_triangular(root, gap.unsqueeze(-1) / h, upper=False)
        log = -far.square().sum((-2, -1)) / 2 - root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return _weighted(log.exp(), a, b)

    return mean(first, first) + mean(second, second) - 2 * mean(first, second)


def energy_normal_normal(p: Normal, q: Normal, divergence: EnergyDistance) -> Tensor:
    r"""Between normal numbers, without cancellation, with :math:`s^2 = \sigma_p^2 + \sigma_q^2`.

    .. math:: D = 2\,\mathbb E\bigl(|\Delta + s z| - |s z|\bigr)
        + \frac{2}{\sqrt\pi} \frac{(\sigma_p - \sigma_q)^2}{\sqrt2\,s + \sigma_p + \sigma_q}
    """
    s, gap = torch.hypot(p.scale, q.scale), p.loc - q.loc
    fold = s * math.sqrt(2 / math.pi) * (-(gap / s).square() / 2).expm1()
    fold = fold + gap * torch.erf(gap / (s * math.sqrt(2)))
    scales = (p.scale - q.scale).square() / (math.sqrt(2) * s + p.scale + q.scale)
    return 2 * fold + 2 / math.sqrt(math.pi) * scales


def energy_mixtures(p: Distribution, q: Distribution, divergence: EnergyDistance) -> Tensor:
    """Between mixtures of normal numbers: the sum over pairs of components."""
    first, second = _parts(p), _parts(q)

    def mean(a: _Parts, b: _Parts) -> Tensor:
        gap = a.loc[..., 0].unsqueeze(-1) - b.loc[..., 0].unsqueeze(-2)
        variance = a.covariance[..., 0, 0].unsqueeze(-1) + b.covariance[..., 0, 0].unsqueeze(-2)
        s = variance.sqrt()
        fold = s * math.sqrt(2 / math.pi) * (-(gap / s).square() / 2).exp()
        return _weighted(fold + gap * torch.erf(gap / (s * math.sqrt(2))), a, b)

    return 2 * mean(first, second) - mean(first, first) - mean(second, second)


@dataclass(frozen=True)
class _Parts:
    """Weights (*, K), means (*, K, D) and covariances (*, K, D, D) of normal components."""

    weights: Tensor
    loc: Tensor
    covariance: Tensor


def _weighted(values: Tensor, a: _Parts, b: _Parts) -> Tensor:
    return (a.weights.unsqueeze(-1) * b.weights.unsqueeze(-2) * values).sum((-2, -1))


def _parts(side: Distribution) -> _Parts:
    if isinstance(side, MixtureSameFamily):
        loc, covariance = _moments(side.component_distribution)
        return _Parts(side.mixture_distribution.probs, loc, covariance)
    loc, covariance = (
        each.unsqueeze(-1 - extra) for each, extra in zip(_moments(side), (1, 2), strict=True)
    )
    return _Parts(torch.ones_like(loc[..., 0]), loc, covariance)


def _moments(normal: Distribution) -> tuple[Tensor, Tensor]:
    if isinstance(normal, Normal):
        return normal.loc.unsqueeze(-1), normal.variance.unsqueeze(-1).unsqueeze(-1)
    if isinstance(normal, Independent):
        return normal.mean, torch.diag_embed(normal.variance)
    covariance: Tensor = normal.covariance_matrix  # type: ignore[attr-defined]
    return normal.mean, covariance


def _is_normal(side: Distribution) -> bool:
    """Whether it is normal, of numbers or vectors, or a mixture of such."""
    if isinstance(side, MixtureSameFamily):
        return _is_normal(side.component_distribution)
    if isinstance(side, Independent):
        return isinstance(side.base_dist, Normal) and len(side.event_shape) == 1
    return isinstance(side, Normal | MultivariateNormal | LowRankMultivariateNormal)


@dataclass(frozen=True)
class _OfNormals(kldiv.ClosedForm):
    """A closed form between normal distributions and their mixtures, by the Gaussian kernel."""

    def covers(self, divergence: kldiv.Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether types and kernel fit."""
        gaussian = getattr(divergence, "kernel", "gaussian") == "gaussian"
        on_line = isinstance(divergence, MMD) or not p.event_shape
        fits = super().covers(divergence, p, q) and _is_normal(p) and _is_normal(q)
        return fits and gaussian and on_line


_SIDES = (Normal, MixtureSameFamily, *_VECTORS)

CLOSED_FORMS = [
    _OfNormals(MMD, Normal, Normal, mmd_normal_normal),
    *(_OfNormals(MMD, p, q, mmd_mixtures) for p in _SIDES for q in _SIDES),
    _OfNormals(EnergyDistance, Normal, Normal, energy_normal_normal),
    *(_OfNormals(EnergyDistance, p, q, energy_mixtures) for p in _SIDES[:2] for q in _SIDES[:2]),
]
