r"""Formulas between normal distributions that do not follow from Rényi's divergence of an order.

In the notation of `kldiv.builtin.closed_forms.whitening`, Chernoff's coefficient of an order is

.. math:: -\log \int p^\alpha q^{1 - \alpha} \,dx = \frac12 \bigl(
        (1 - \alpha) R(M) - R(W) + \alpha (1 - \alpha)\, z^\top W^{-1} z \bigr),
    \qquad W = \alpha I + (1 - \alpha) M,

concave in :math:`\alpha`. The largest log ratio of the densities is

.. math:: \sup_x \log \frac{p(x)}{q(x)}
    = \frac12 \bigl(z^\top (I - M)^{-1} z - \log \det M\bigr)

if :math:`I - M` is positive definite, or positive semidefinite with z in its range; else it is
infinite. The Fisher divergence is
:math:`\|L_q^{-\top} (M - I) A^{-\top}\|^2 + \|L_q^{-\top} z\|^2`.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.builtin.closed_forms.whitening import (
    Gaussian,
    Whitened,
    excess_of,
    log_remainder,
    whiten,
)

__all__ = ["chernoff_coefficient", "fisher_gaussian_gaussian", "largest_log_ratio"]

_ROUNDING = 16 * torch.finfo(torch.float64).eps


def chernoff_coefficient(seen: Whitened, order: Tensor) -> Tensor:
    r"""Minus the logarithm of the power integral at orders of shape :math:`(*)`."""
    below = 1 - order
    if seen.factor is None:
        weight = below.unsqueeze(-1)
        change = weight * seen.excess
        rest = weight * log_remainder(seen.excess, seen.log_square)
        shift = order.unsqueeze(-1) * weight * seen.shift.square() / (1 + change)
        return (rest - log_remainder(change, change.log1p()) + shift).sum(-1) / 2
    excess = excess_of(seen.factor)
    identity = torch.eye(excess.shape[-1], dtype=excess.dtype, device=excess.device)
    root = torch.linalg.cholesky(identity + below[..., None, None] * excess)
    diagonal = root.diagonal(dim1=-2, dim2=-1)
    over = (diagonal - 1) * (diagonal + 1)
    rest = log_remainder(over, 2 * diagonal.log()).sum(-1) + root.tril(-1).square().sum((-2, -1))
    shift = torch.linalg.solve_triangular(root, seen.shift.unsqueeze(-1), upper=False)
    distance = order * below * shift.square().sum((-2, -1))
    value: Tensor = (below * seen.remainder - rest + distance) / 2
    return value


def largest_log_ratio(p: Gaussian, q: Gaussian) -> Tensor:
    """Rényi's divergence of infinite order in nats, with shape :math:`(*)`."""
    seen = whiten(p, q)
    if seen.factor is None:
        return _largest_of_diagonals(seen)
    return _largest_of_matrices(seen, excess_of(seen.factor))


def fisher_gaussian_gaussian(p: Gaussian, q: Gaussian) -> Tensor:
    """The Fisher divergence, with shape :math:`(*)`."""
    seen = whiten(p, q)
    if seen.factor is None:
        return ((seen.excess / p.scale).square() + (seen.shift / q.scale).square()).sum(-1)
    beyond = excess_of(seen.factor)
    scores = torch.linalg.solve_triangular(seen.factor, beyond, upper=False).mT
    both = torch.cat([scores, seen.shift.unsqueeze(-1)], -1)
    back = torch.linalg.solve_triangular(q.factor.mT, both, upper=True)
    total: Tensor = back.square().sum((-2, -1))
    return total


def _largest_of_diagonals(seen: Whitened) -> Tensor:
    equal = (seen.excess == 0) & (seen.shift == 0)
    inside = (seen.excess < 0) | equal
    room = torch.where(seen.excess < 0, -seen.excess, 1.0)
    value = (seen.shift.square() / room - seen.log_square).sum(-1) / 2
    return torch.where(inside.all(-1), value, torch.inf)


def _largest_of_matrices(seen: Whitened, excess: Tensor) -> Tensor:
    """Directions in which the two are the same count for nothing, others must have room."""
    with torch.no_grad():
        room, axes = torch.linalg.eigh(-excess)
        along = (axes.mT @ seen.shift.unsqueeze(-1)).squeeze(-1)
        flat = room.abs() <= _ROUNDING * room.abs().amax(-1, keepdim=True).clamp_min(1e-300)
        still = along.abs() <= _ROUNDING * along.abs().amax(-1, keepdim=True)
        inside = ((room > 0) & ~flat | flat & still).all(-1)
        filled = axes @ torch.diag_embed(flat.double()) @ axes.mT
        identity = torch.eye(room.shape[-1], dtype=room.dtype, device=room.device)
    gap = torch.where(inside[..., None, None], filled - excess, identity)
    root = torch.linalg.cholesky(gap)
    shift = torch.linalg.solve_triangular(root, seen.shift.unsqueeze(-1), upper=False)
    value = (shift.square().sum((-2, -1)) - seen.log_determinant) / 2
    return torch.where(inside, value, torch.inf)
