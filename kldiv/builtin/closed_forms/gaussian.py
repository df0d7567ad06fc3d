r"""Closed forms between normal distributions: scalars, vectors, and mixed pairs of these.

All follow from the Kullback-Leibler divergence and from Rényi's,

.. math:: D_\alpha(p \parallel q) = \frac{\alpha}{2}\, z^\top W^{-1} z
        + \frac12 \Bigl(R(M) - \frac{R(W)}{1 - \alpha}\Bigr),
    \qquad W = \alpha I + (1 - \alpha) M,

in the notation of `kldiv.builtin.closed_forms.whitening`; it is infinite where W is not positive
definite. For orders below one half
:math:`D_\alpha(p \parallel q) = \frac{\alpha}{1 - \alpha} D_{1 - \alpha}(q \parallel p)` is used.

References:
    Rényi Divergence Measures for Commonly Used Univariate Continuous Distributions (Gil, Alajaji
    and Linder, 2013), doi:10.1016/j.ins.2013.06.018.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from kldiv.blocks import arrays_of
from kldiv.builtin.closed_forms.factor_rounding import factor_rounding
from kldiv.builtin.closed_forms.gaussian_direct import (
    chernoff_coefficient,
    fisher_gaussian_gaussian,
    largest_log_ratio,
)
from kldiv.builtin.closed_forms.normal_covariances import kl_of_covariances
from kldiv.builtin.closed_forms.normal_scalars import kl_of_scalars
from kldiv.builtin.closed_forms.normal_vectors import (
    is_by_factor,
    kl_of_vectors,
)
from kldiv.builtin.closed_forms.overlaps import Overlap, divergence_of, follows
from kldiv.builtin.closed_forms.whitening import (
    Gaussian,
    Whitened,
    as_gaussian,
    excess_of,
    log_remainder,
    whiten,
)
from kldiv.builtin.divergences.fisher import Fisher
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import RenyiAtInfinity
from kldiv.closed_form import ArrayRule
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.precision import as_double
from kldiv.lazy import deferred

__all__ = ["CLOSED_FORMS", "GaussianRule", "kl_gaussian_gaussian", "renyi_gaussian_gaussian"]

_compiled_kl = deferred("kldiv.builtin.closed_forms.normal_compiled:compiled_kl")

_ROUNDING = 1e-13
_TYPES = (Normal, Independent, MultivariateNormal, LowRankMultivariateNormal)


def kl_gaussian_gaussian(p: Gaussian, q: Gaussian) -> Tensor:
    r""":math:`\tfrac12 [R(M) + |z|^2]`, in nats, with shape :math:`(*)`."""
    seen = whiten(p, q)
    return (seen.remainder + seen.shift.square().sum(-1)) / 2


def renyi_gaussian_gaussian(p: Gaussian, q: Gaussian, alpha: float) -> Tensor:
    r"""Rényi's divergence of a non-negative order, in nats, with shape :math:`(*)`."""
    if alpha == 0:
        return 0 * kl_gaussian_gaussian(p, q)
    if alpha < 0.5:
        return alpha / (1 - alpha) * renyi_gaussian_gaussian(q, p, 1 - alpha)
    if alpha == 1:
        return kl_gaussian_gaussian(p, q)
    seen = whiten(p, q)
    if seen.factor is None:
        return _renyi_of_diagonals(seen, alpha)
    return _renyi_of_matrices(seen, seen.factor, alpha)


def _renyi_of_diagonals(seen: Whitened, alpha: float) -> Tensor:
    below = 1 - alpha
    excess = below * seen.excess
    inside = excess > -1
    safe = torch.where(inside, excess, 0.0)
    logarithm = safe.log1p()
    near = seen.log_square.abs() <= 1
    close = log_remainder(seen.excess, seen.log_square) - log_remainder(safe, logarithm) / below
    far = logarithm / below - seen.log_square
    shift = alpha * seen.shift.square() / (1 + safe)
    value = (torch.where(near, close, far) + shift).sum(-1) / 2
    return torch.where(inside.all(-1), value, torch.inf)


def _renyi_of_matrices(seen: Whitened, factor: Tensor, alpha: float) -> Tensor:
    below = 1 - alpha
    identity = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    excess = excess_of(factor)
    mean = identity + below * excess
    inside = torch.linalg.cholesky_ex(mean.detach()).info == 0
    root = torch.linalg.cholesky(torch.where(inside[..., None, None], mean, identity))
    diagonal = root.diagonal(dim1=-2, dim2=-1)
    over = (diagonal - 1) * (diagonal + 1)
    rest = log_remainder(over, 2 * diagonal.log()).sum(-1) + root.tril(-1).square().sum((-2, -1))
    near = excess.detach().square().sum((-2, -1)) <= 1
    close = seen.remainder - rest / below
    far = 2 * diagonal.log().sum(-1) / below - seen.log_determinant
    shift = torch.linalg.solve_triangular(root, seen.shift.unsqueeze(-1), upper=False)
    value = (torch.where(near, close, far) + alpha * shift.square().sum((-2, -1))) / 2
    return torch.where(inside, value, torch.inf)


@dataclass(frozen=True)
class GaussianOverlap(Overlap):
    """Two normals."""

    p: Gaussian
    q: Gaussian

    def kl(self) -> Tensor:
        """By the remainder of the whitened covariance."""
        return kl_gaussian_gaussian(self.p, self.q)

    def renyi(self, alpha: float) -> Tensor:
        """By the covariance between both, or beyond."""
        return renyi_gaussian_gaussian(self.p, self.q, alpha)

    def coefficient(self, order: Tensor) -> Tensor:
        """By the covariance between both."""
        return chernoff_coefficient(self._seen, order)

    def largest_log_ratio(self) -> Tensor:
        """The supremum of a quadratic form."""
        return largest_log_ratio(self.p, self.q)

    def fisher(self) -> Tensor:
        """By the covariance and the means."""
        return fisher_gaussian_gaussian(self.p, self.q)

    @cached_property
    def _seen(self) -> Whitened:
        return whiten(self.p, self.q)

    def swapped(self) -> GaussianOverlap:
        """The same two in the other order."""
        return GaussianOverlap(self.q, self.p)

    def powered(self, power: float) -> GaussianOverlap:
        """A power divides the covariance."""
        return GaussianOverlap(_powered(self.p, power), _powered(self.q, power))

    def log_norms(self, power: float) -> tuple[Tensor, Tensor]:
        r""":math:`\log \int p^s = \tfrac{1 - s}{2} \log \det 2 \pi \Sigma - \tfrac D2 \log s`."""
        size = self.q.mean.shape[-1]
        log_root = self.q.diagonal_of_factor.log().sum(-1) + size * math.log(2 * math.pi) / 2
        excess = (1 - power) / 2 * whiten(self.p, self.q).log_determinant
        return (1 - power) * log_root - size / 2 * math.log(power), excess


@dataclass(frozen=True)
class GaussianRule(ArrayRule):
    """The closed forms between normals, of which ``Independent`` is one only if its base is."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether both are normals, and the divergence follows."""
        if isinstance(divergence, KL) and _left_to_torch(p, q):
            return False
        known = type(divergence) in (RenyiAtInfinity, Fisher) or follows(divergence, powers=True)
        return known and _is_gaussian(p) and _is_gaussian(q)

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        """The divergence."""
        first, second = as_gaussian(p), as_gaussian(q)
        if first is None or second is None:
            return NotImplemented  # type: ignore[no-any-return]
        value = divergence_of(GaussianOverlap(first, second), divergence)
        return NotImplemented if value is None else value

    def of_arrays(
        self, p: Distribution, q: Distribution, divergence: Divergence
    ) -> tuple[Tensor, Tensor] | None:
        """That of KL, in blocks of pairs."""
        if type(divergence) is not KL:
            return None
        if type(p) is type(q) is MultivariateNormal:
            return _kl_of_vectors(p, q)
        return kl_of_scalars(p, q)

    def compiled(
        self, p: Distribution, q: Distribution, divergences: Sequence[Divergence]
    ) -> Callable[[], Sequence[tuple[Tensor, Tensor] | None]] | None:
        """That of KL between scalars, or vectors of some dimensions given by factors."""
        if any(type(each) is not KL for each in divergences):
            return None
        kl = _compiled_kl(p, q)
        return None if kl is None else lambda: [kl() for _ in divergences]

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """That of adding positive terms, and of factoring matrices; beyond KL it is found."""
        if type(divergence) is not KL:
            return None
        matrices = [
            side.scale_tril
            for side in (p, q)
            if isinstance(side, MultivariateNormal | LowRankMultivariateNormal)
        ]
        size = value.abs()
        error = _ROUNDING * size
        alike = len({factor.shape for factor in matrices}) == 1
        groups = [torch.stack(matrices)] if alike else [each.unsqueeze(0) for each in matrices]
        for group in groups:
            error = error + factor_rounding(group).sum(0) * (size + size.sqrt())
        return error


def _kl_of_vectors(p: MultivariateNormal, q: MultivariateNormal) -> tuple[Tensor, Tensor] | None:
    """By their factors; those of covariances are had in float64, and their rounding is added."""
    held = [part for each in (p, q) for part in (each.loc, each._unbroadcasted_scale_tril)]
    if arrays_of(held) is None:
        return None
    given = [is_by_factor(each) for each in (p, q)]
    if all(given):
        return kl_of_vectors(p, q)
    found = kl_of_covariances(p, q)
    if found is not None:
        return found
    p, q = as_double(p), as_double(q)
    found = kl_of_vectors(p, q)
    if found is None:
        return None
    value, error = found
    for side, by_factor in zip((p, q), given, strict=True):
        if not by_factor:
            rounding = factor_rounding(side._unbroadcasted_scale_tril)
            error = error + rounding * (value + value.sqrt())
    return value, error


def _powered(p: Gaussian, power: float) -> Gaussian:
    return Gaussian(p.mean, p.scale / math.sqrt(power), p.diagonal)


def _is_gaussian(distribution: Distribution) -> bool:
    if isinstance(distribution, Independent):
        return isinstance(distribution.base_dist, Normal)
    return isinstance(distribution, _TYPES)


def _left_to_torch(p: Distribution, q: Distribution) -> bool:
    """Torch's KL with a low-rank side needs no dense matrix."""
    low, dense = LowRankMultivariateNormal, MultivariateNormal
    return {type(p), type(q)} in ({low}, {low, dense})


CLOSED_FORMS = (GaussianRule(),)
"""The closed forms of every pair of normals."""
