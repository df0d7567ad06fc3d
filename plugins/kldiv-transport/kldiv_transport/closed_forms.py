"""Closed forms of distances of transport between pairs of torch distributions."""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Exponential,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    Uniform,
)

import kldiv

from kldiv_transport.bures import Bures, bures, mean_and_root
from kldiv_transport.coupling import root
from kldiv_transport.sinkhorn import Sinkhorn
from kldiv_transport.sliced import SlicedWasserstein
from kldiv_transport.wasserstein import Wasserstein

__all__ = ["CLOSED_FORMS"]

_VECTORS = (MultivariateNormal, LowRankMultivariateNormal, Independent)


def wasserstein_normal_normal(p: Normal, q: Normal, divergence: Wasserstein) -> Tensor:
    r"""Of order 2 the length of :math:`(\mu_p - \mu_q, \sigma_p - \sigma_q)`, of 1 a folded mean.

    The quantiles differ by :math:`m + s z`, with z standard normal, so that

    .. math:: W_1 = \mathbb E |m + s z|
        = s \sqrt{2 / \pi}\,e^{-m^2 / 2 s^2} + m \operatorname{erf}(m / s \sqrt 2) .
    """
    m, s = p.loc - q.loc, (p.scale - q.scale).abs()
    if divergence.order == 2:
        return root(m.square() + s.square(), 2)
    spread = s > 0
    safe = torch.where(spread, s, 1.0)
    fold = m * torch.erf(m / (safe * math.sqrt(2)))
    fold = fold + safe * math.sqrt(2 / math.pi) * (-(m / safe).square() / 2).exp()
    return torch.where(spread, fold, m.abs())


def wasserstein_laplace_laplace(p: Laplace, q: Laplace, divergence: Wasserstein) -> Tensor:
    r"""Of order 2: :math:`\sqrt{(\mu_p - \mu_q)^2 + 2 (b_p - b_q)^2}`."""
    return root((p.loc - q.loc).square() + 2 * (p.scale - q.scale).square(), 2)


def wasserstein_uniform_uniform(p: Uniform, q: Uniform, divergence: Wasserstein) -> Tensor:
    r"""Of order 2: :math:`\sqrt{(a^2 + a b + b^2) / 3}`, a and b the gaps of the ends."""
    a, b = p.low - q.low, p.high - q.high
    return root((a.square() + b.square() + (a + b).square()) / 6, 2)


def wasserstein_exponential(p: Exponential, q: Exponential, divergence: Wasserstein) -> Tensor:
    r"""Of order r: :math:`\Gamma(r + 1)^{1/r}\,|1 / \lambda_p - 1 / \lambda_q|`."""
    factor = math.gamma(divergence.order + 1) ** (1 / divergence.order)
    return factor * (p.rate - q.rate).abs() / (p.rate * q.rate)


def wasserstein_normal_vectors(
    p: Distribution, q: Distribution, divergence: Wasserstein
) -> Tensor:
    """Of order 2 the root of Bures' divergence."""
    return root(bures(p, q, divergence), 2)


def sliced_normal(p: Distribution, q: Distribution, divergence: SlicedWasserstein) -> Tensor:
    """Of order 2: a shadow of a normal distribution is normal."""
    (loc_p, a), (loc_q, b) = mean_and_root(p), mean_and_root(q)
    lines = divergence.lines(loc_p.shape[-1]).to(loc_p)
    means = (loc_p - loc_q) @ lines.mT
    scales = ((a.mT @ lines.mT).norm(dim=-2) - (b.mT @ lines.mT).norm(dim=-2)).square()
    return root((means.square() + scales).mean(-1), 2)


def sinkhorn_normal(p: Normal, q: Normal, divergence: Sinkhorn) -> Tensor:
    r"""Between normal numbers, by differences that do not cancel.

    .. math:: S_\epsilon = (\mu_p - \mu_q)^2
        + h(\sigma_p \sigma_q) - \tfrac12 h(\sigma_p^2) - \tfrac12 h(\sigma_q^2), \qquad
        h(c) = e \log(d + e) - d, \quad d = \sqrt{4 c^2 + e^2}, \quad e = \epsilon / 2

    References:
        Entropic Optimal Transport between Unbalanced Gaussian Measures has a Closed Form (Janati,
        Muzellec, Peyré and Cuturi, 2020), theorem 1, arXiv:2006.02572.
    """
    e = divergence.epsilon / 2
    a, b = p.scale, q.scale
    first, second = _gap(a * b, a * (b - a), a * a, e), _gap(a * b, b * (a - b), b * b, e)
    return (p.loc - q.loc).square() + (first + second) / 2


def sinkhorn_normal_vectors(p: Distribution, q: Distribution, divergence: Sinkhorn) -> Tensor:
    r"""Between normal vectors: h is summed over the singular values of :math:`A^\top B`.

    References:
        Janati, Muzellec, Peyré and Cuturi (2020), theorem 1, as for numbers.
    """
    (loc_p, a), (loc_q, b) = mean_and_root(p), mean_and_root(q)
    e = divergence.epsilon / 2

    def height(first: Tensor, second: Tensor) -> Tensor:
        c = torch.linalg.svdvals(first.mT @ second)
        d = (4 * c.square() + e * e).sqrt()
        return (e * (d + e).log() - d).sum(-1)

    within = (height(a, a) + height(b, b)) / 2
    return (loc_p - loc_q).square().sum(-1) + height(a, b) - within


def _gap(c: Tensor, more: Tensor, other: Tensor, e: float) -> Tensor:
    """The function h at c less that at another number, by which c is more."""
    d, f = (4 * c.square() + e * e).sqrt(), (4 * other.square() + e * e).sqrt()
    rise = 4 * more * (c + other) / (d + f)
    return e * (rise / (f + e)).log1p() - rise


@dataclass(frozen=True)
class _AtOrders(kldiv.ClosedForm):
    """A closed form of some orders only."""

    orders: tuple[float, ...] = (2,)

    def covers(self, divergence: kldiv.Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether the types and the order fit."""
        fits = super().covers(divergence, p, q)
        return fits and getattr(divergence, "order", 2) in self.orders


@dataclass(frozen=True)
class _OfNormals(_AtOrders):
    """A closed form of order 2, if there are orders, between normal distributions."""

    def covers(self, divergence: kldiv.Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether both sides are normal, and no arrays of more than one dimension."""
        return super().covers(divergence, p, q) and all(
            len(side.event_shape) < 2
            and (not isinstance(side, Independent) or isinstance(side.base_dist, Normal))
            for side in (p, q)
        )


def _of_vectors(
    divergence: type[kldiv.Divergence], function: Callable[..., Tensor]
) -> list[kldiv.ClosedForm]:
    return [_OfNormals(divergence, p, q, function) for p in _VECTORS for q in _VECTORS]


CLOSED_FORMS = [
    _AtOrders(Wasserstein, Normal, Normal, wasserstein_normal_normal, orders=(1, 2)),
    _AtOrders(Wasserstein, Laplace, Laplace, wasserstein_laplace_laplace),
    _AtOrders(Wasserstein, Uniform, Uniform, wasserstein_uniform_uniform),
    kldiv.ClosedForm(Wasserstein, Exponential, Exponential, wasserstein_exponential),
    *_of_vectors(Wasserstein, wasserstein_normal_vectors),
    kldiv.ClosedForm(Bures, Normal, Normal, bures),
    *_of_vectors(Bures, bures),
    _AtOrders(SlicedWasserstein, Normal, Normal, sliced_normal),
    *_of_vectors(SlicedWasserstein, sliced_normal),
    kldiv.ClosedForm(Sinkhorn, Normal, Normal, sinkhorn_normal),
    *_of_vectors(Sinkhorn, sinkhorn_normal_vectors),
]
