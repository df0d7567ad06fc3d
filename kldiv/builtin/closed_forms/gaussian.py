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

from collections.abc import Callable
from itertools import product

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from kldiv.builtin.closed_forms.whitening import (
    Gaussian,
    Whitened,
    as_gaussian,
    log_remainder,
    whiten,
)
from kldiv.builtin.divergences.alpha import Alpha
from kldiv.builtin.divergences.chi2 import Chi2, NeymanChi2
from kldiv.builtin.divergences.hellinger import Bhattacharyya, Hellinger, SquaredHellinger
from kldiv.builtin.divergences.jeffreys import Jeffreys
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi, Tsallis
from kldiv.builtin.divergences.squared_l2 import CauchySchwarz, Cosine, SquaredL2
from kldiv.closed_form import ClosedForm
from kldiv.definitions.divergence import Divergence

__all__ = ["CLOSED_FORMS", "GaussianForm", "kl_gaussian_gaussian", "renyi_gaussian_gaussian"]

Formula = Callable[[Gaussian, Gaussian, Divergence], Tensor]

_TYPES = (Normal, Independent, MultivariateNormal, LowRankMultivariateNormal)
_LARGEST = 709.0


class GaussianForm(ClosedForm):
    """A closed form between normals, of which ``Independent`` is one only if its base is."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether the types fit and both are normals."""
        return super().covers(divergence, p, q) and _is_gaussian(p) and _is_gaussian(q)


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
    beyond = factor - identity
    excess = beyond + beyond.mT + beyond @ beyond.mT  # M - I
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


def _power(p: Gaussian, q: Gaussian, alpha: float) -> Tensor:
    r""":math:`(\int p^\alpha q^{1 - \alpha} dx - 1) / (\alpha - 1)` for a positive order."""
    if alpha == 1:
        return kl_gaussian_gaussian(p, q)
    exponent = (alpha - 1) * renyi_gaussian_gaussian(p, q, alpha)
    inside = exponent < _LARGEST
    value = torch.where(inside, exponent, 0.0).expm1() / (alpha - 1)
    return torch.where(inside, value, torch.inf)


def _alpha(p: Gaussian, q: Gaussian, alpha: float) -> Tensor:
    if alpha < 0.5:
        return _alpha(q, p, 1 - alpha)
    return _power(p, q, alpha) / alpha


def _tsallis(p: Gaussian, q: Gaussian, alpha: float) -> Tensor:
    return alpha * _alpha(p, q, alpha) if alpha > 0 else 0 * kl_gaussian_gaussian(p, q)


def _hellinger(p: Gaussian, q: Gaussian) -> Tensor:
    square = _power(p, q, 0.5) / 2
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0 * square)


def _squared(p: Gaussian) -> Gaussian:
    """The normal proportional to the square of a normal density."""
    return Gaussian(p.mean, p.scale / math.sqrt(2), p.diagonal)


def _cauchy_schwarz(p: Gaussian, q: Gaussian) -> Tensor:
    return renyi_gaussian_gaussian(_squared(p), _squared(q), 0.5) / 2


def _cosine(p: Gaussian, q: Gaussian) -> Tensor:
    return -(-_cauchy_schwarz(p, q)).expm1()


def _squared_l2(p: Gaussian, q: Gaussian) -> Tensor:
    """The square of the difference of lengths, and what the angle adds."""
    log_p, log_q = _log_norm(p), _log_norm(q)
    gap = -whiten(p, q).log_determinant / 4
    lengths = torch.where(gap > 0, log_p.exp() * (-gap).expm1(), log_q.exp() * gap.expm1())
    return lengths.square() + 2 * (log_p + log_q).exp() * _cosine(p, q)


def _log_norm(p: Gaussian) -> Tensor:
    """The logarithm of the square root of the integral of the squared density."""
    size = p.mean.shape[-1]
    return -(size * math.log(4 * math.pi) / 2 + p.diagonal_of_factor.log().sum(-1)) / 2


_FORMULAS: dict[type[Divergence], Formula] = {
    KL: lambda p, q, _: kl_gaussian_gaussian(p, q),
    Jeffreys: lambda p, q, _: kl_gaussian_gaussian(p, q) + kl_gaussian_gaussian(q, p),
    Renyi: lambda p, q, d: renyi_gaussian_gaussian(p, q, d.parameters["alpha"]),
    Tsallis: lambda p, q, d: _tsallis(p, q, d.parameters["alpha"]),
    Alpha: lambda p, q, d: _alpha(p, q, d.parameters["alpha"]),
    Chi2: lambda p, q, _: _power(p, q, 2),
    NeymanChi2: lambda p, q, _: _power(q, p, 2),
    SquaredHellinger: lambda p, q, _: _power(p, q, 0.5) / 2,
    Hellinger: lambda p, q, _: _hellinger(p, q),
    Bhattacharyya: lambda p, q, _: renyi_gaussian_gaussian(p, q, 0.5) / 2,
    SquaredL2: lambda p, q, _: _squared_l2(p, q),
    Cosine: lambda p, q, _: _cosine(p, q),
    CauchySchwarz: lambda p, q, _: _cauchy_schwarz(p, q),
}


def _is_gaussian(distribution: Distribution) -> bool:
    if isinstance(distribution, Independent):
        return isinstance(distribution.base_dist, Normal)
    return isinstance(distribution, _TYPES)


def _form(divergence: type[Divergence], type_p: type, type_q: type) -> ClosedForm:
    formula = _FORMULAS[divergence]

    def function(p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        first, second = as_gaussian(p), as_gaussian(q)
        if first is None or second is None:
            return NotImplemented  # type: ignore[no-any-return]
        return formula(first, second, divergence)

    return GaussianForm(divergence, type_p, type_q, function)


def _left_to_torch(divergence: type[Divergence], type_p: type, type_q: type) -> bool:
    """Torch's KL with a low-rank side needs no dense matrix."""
    low, dense = LowRankMultivariateNormal, MultivariateNormal
    return divergence is KL and {type_p, type_q} in ({low}, {low, dense})


CLOSED_FORMS = tuple(
    _form(divergence, type_p, type_q)
    for divergence in _FORMULAS
    for type_p, type_q in product(_TYPES, repeat=2)
    if not _left_to_torch(divergence, type_p, type_q)
)
"""The closed forms of every pair of normals."""
