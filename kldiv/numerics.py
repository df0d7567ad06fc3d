r"""Elementary functions that keep their digits where the textbook form loses them.

Every function is smooth through its removable singularity, in value and in gradient: the argument
of the branch that is not taken is replaced *before* the singular operation, never after it.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor

__all__ = ["exp_gap", "log_mean", "phi2", "product", "relative_entropy"]

_SERIES = tuple(1.0 / math.factorial(k + 2) for k in range(17))


def phi2(x: Tensor) -> Tensor:
    r"""The remainder :math:`\varphi_2(x) = (e^x - 1 - x) / x^2`, smooth, :math:`\tfrac12` at 0.

    It is the building block of divergences that cannot go negative: with :math:`d = \log(p / q)`,
    :math:`p\,d - p + q = p\,d^2\,\varphi_2(-d)`.

    Arguments:
        x: Any real numbers, with shape :math:`(*)`.

    Returns:
        The remainder, with shape :math:`(*)`, to a few units in the last place.
    """
    small = x.abs() <= 1
    inner = torch.where(small, x, 0.0)
    outer = torch.where(small, 1.0, x)
    series = torch.full_like(inner, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        series = series * inner + coefficient
    return torch.where(small, series, (outer.expm1() - outer) / outer.square())


def exp_gap(log_a: Tensor, log_b: Tensor) -> Tensor:
    r""":math:`|e^a - e^b|` without cancellation, from finite logarithms of shape :math:`(*)`."""
    gap = -(log_a - log_b).abs()
    return -torch.maximum(log_a, log_b).exp() * gap.expm1()


def log_mean(log_a: Tensor, log_b: Tensor, weight: float) -> Tensor:
    r""":math:`\log((1 - w) e^a + w e^b)` for :math:`0 < w < 1`, with shape :math:`(*)`."""
    return torch.logaddexp(log_a + math.log1p(-weight), log_b + math.log(weight))


def relative_entropy(log_p: Tensor, log_q: Tensor) -> Tensor:
    r""":math:`p \log(p/q) - p + q`, never negative beyond rounding, from finite logarithms.

    For densities close to one another it is computed as :math:`p\,(d + \operatorname{expm1}(-d))`
    with :math:`d = \log(p / q)`, as exact as :math:`d` itself.
    """
    d = log_p - log_q
    near = d.abs() <= 1
    inner, outer = torch.where(near, d, 0.0), torch.where(near, 0.0, d)
    p = log_p.exp()
    return torch.where(near, p * (inner + (-inner).expm1()), product(p, outer) - p + log_q.exp())


def product(p: Tensor, factor: Tensor) -> Tensor:
    """``p * factor`` with 0 · ∞ = 0, as in the limit, and no gradient there."""
    lost = (p == 0) & ~factor.isfinite()
    return torch.where(lost, 0.0, p * torch.where(lost, 0.0, factor))
