r"""What sums add up: the integrands at integers, each as often as its weight says.

A point may stand for :math:`10^{300}` integers where the density is below :math:`10^{-300}`: the
weight is put into the logarithms, where the integrands allow that. They do where they are
homogeneous, :math:`g(\log p + s, \log q + s) = e^s g(\log p, \log q)`, as those of f-divergences
are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrands import Densities, in_sight

__all__ = ["Terms", "is_homogeneous", "terms_of", "terms_of_statistics"]

Terms = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Points (N, *, E) and the logarithms (N, *) of their weights, to the values (k, N, *) of k
summands times the weights, and the rounding noise in each."""

_ROUNDING = 4 * torch.finfo(torch.float64).eps


def terms_of(sides: Densities) -> Terms:
    """The integrands of a divergence, with the noise of rounding in the log densities."""
    homogeneous = is_homogeneous(sides)

    def terms(x: Tensor, log_weight: Tensor) -> tuple[Tensor, Tensor]:
        shift = log_weight if homogeneous else torch.zeros_like(log_weight)
        log_p = sides.problem.p.log_prob(x) - sides.log_mass_p
        log_q = sides.problem.q.log_prob(x) - sides.log_mass_q
        noise_p, noise_q = _rounding(log_p), _rounding(log_q)
        log_p, log_q = in_sight(log_p + shift, log_q + shift, sides.stack)
        values = sides.stack(log_p, log_q)
        with torch.no_grad():
            noise = values.abs() * _ROUNDING
            for shifted in ((log_p + noise_p, log_q), (log_p, log_q + noise_q)):
                change = (sides.stack(*shifted) - values).abs()
                noise = noise + change.nan_to_num(nan=0.0, posinf=0.0)
        if homogeneous:
            return values, noise
        weight = log_weight.exp()
        return values * weight, noise * weight

    return terms


def terms_of_statistics(
    target: Target, statistics: Callable[[Tensor], tuple[Tensor, ...]], height: Tensor | float
) -> Terms:
    """A density over the exponential of a height, and its products with statistics."""

    def terms(x: Tensor, log_weight: Tensor) -> tuple[Tensor, Tensor]:
        log = target.log_prob(x) - height
        density = (log + log_weight).exp()
        values = torch.stack([density, *(density * statistic for statistic in statistics(x))])
        return values, values.detach().abs() * _rounding(log)

    return terms


def _rounding(log_density: Tensor) -> Tensor:
    size = 1 + log_density.detach().abs()
    return _ROUNDING * torch.where(size.isfinite(), size, 0.0)


def is_homogeneous(sides: Densities) -> bool:
    """Whether a factor of both densities is one of the integrands."""
    if isinstance(sides.problem.divergence, FDivergence):
        return True
    with torch.no_grad():
        log = torch.tensor([-2.0, -0.3], dtype=torch.float64, device=sides.problem.p.device)
        log = log.reshape(-1, *(1,) * len(sides.problem.batch_shape))
        plain, shifted = sides.stack(log, log.flip(0)), sides.stack(log + 1, log.flip(0) + 1)
    return bool(torch.allclose(shifted, torch.e * plain, rtol=1e-10, atol=0.0))
