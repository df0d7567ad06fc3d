r"""Elementary functions that keep their digits where the textbook form loses them.

Every function is smooth through its removable singularity, in value and in gradient: the argument
of the branch that is not taken is replaced *before* the singular operation, never after it.
"""

from __future__ import annotations

import math

from functools import lru_cache

import torch

from torch import Tensor
from torch.autograd.function import FunctionCtx

__all__ = [
    "NORMAL_ENTROPY",
    "exp_gap",
    "is_finite",
    "log_gamma",
    "log_gamma_half_step",
    "log_gamma_remainder",
    "log_mean",
    "log_ratio",
    "phi2",
    "polynomial",
    "product",
    "relative_entropy",
    "total",
    "weighted_density",
]

NORMAL_ENTROPY = (1 + math.log(2 * math.pi)) / 2
"""The entropy of a standard normal distribution."""

_FAR_UP = 25.0
_HALF_STEP = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)
_EULER = 0.57721566490153286061
_ZETA = tuple(
    float(torch.special.zeta(torch.tensor(k, dtype=torch.float64), 2)) for k in range(2, 30)
)
_PHI2 = tuple(1.0 / math.factorial(k + 2) for k in range(17))
_LOG_GAMMA = tuple((-1) ** k * _ZETA[k] / (k + 2) for k in range(len(_ZETA)))


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
    series = polynomial(inner, _PHI2)
    return torch.where(small, series, (outer.expm1() - outer) / outer.square())


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    r""":math:`\sum_k c_k x^k` by Horner's rule, with shape :math:`(*)`.

    Arguments:
        x: Any real numbers, with shape :math:`(*)`.
        coefficients: The numbers :math:`c_0, c_1, \dots`
    """
    *lower, value = _as_tensors(coefficients, x.dtype, x.device)
    for coefficient in reversed(lower):
        value = torch.addcmul(coefficient, value, x)
    return value


@lru_cache
def _as_tensors(
    numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, ...]:
    with torch.inference_mode(mode=False):  # else no later gradient could use them
        return torch.tensor(numbers, dtype=dtype, device=device).unbind()


def exp_gap(log_a: Tensor, log_b: Tensor) -> Tensor:
    r""":math:`|e^a - e^b|` without cancellation, from finite logarithms of shape :math:`(*)`."""
    gap = -(log_a - log_b).abs()
    return -torch.maximum(log_a, log_b).exp() * gap.expm1()


def log_gamma(x: Tensor) -> Tensor:
    r""":math:`\log \Gamma(x)` for :math:`x > 0`, of shape :math:`(*)`, to be differentiated often.

    All derivatives are right to the last digits; the second one of ``torch.lgamma`` has nine.
    """
    value: Tensor = _LogGammaDerivative.apply(x, 0)  # type: ignore[no-untyped-call]
    return value


class _LogGammaDerivative(torch.autograd.Function):
    r"""A derivative of log-gamma, by :math:`\psi^{(n-1)}(x) = (-1)^n (n-1)!\,\zeta(n, x)`."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, order: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.order = order  # type: ignore[attr-defined]
        if order < 2:
            return x.digamma() if order else x.lgamma()
        zeta: Tensor = torch.special.zeta(torch.full_like(x, order), x)
        return (-1.0) ** order * math.factorial(order - 1) * zeta

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        order = ctx.order + 1  # type: ignore[attr-defined]
        return gradient * _LogGammaDerivative.apply(x, order), None  # type: ignore[no-untyped-call]


def log_gamma_remainder(x: Tensor, whole: Tensor | None = None) -> Tensor:
    r""":math:`\log \Gamma(1 + x) + \gamma x \geq 0` for :math:`x > -1`, exact near 0.

    There it is :math:`x - \log(1 + x) + \sum_{k \geq 2} (\zeta(k) - 1) (-x)^k / k`.

    Arguments:
        x: With shape :math:`(*)`.
        whole: :math:`1 + x`, where it is known more precisely than by addition.
    """
    near = x.abs() < 0.5
    inner, outer = torch.where(near, x, 0.0), torch.where(near, 1.0, x)
    logarithm = inner.log1p()
    series = polynomial(inner, _LOG_GAMMA)
    close = logarithm.square() * phi2(logarithm) + inner.square() * series
    beyond = 1 + outer if whole is None else torch.where(near, 2.0, whole)
    return torch.where(near, close, beyond.lgamma() + _EULER * outer)


def log_gamma_half_step(a: Tensor) -> Tensor:
    r""":math:`\log \Gamma(a + \frac12) - \log \Gamma(a) - \frac12 \log a \leq 0` for a > 0.

    For large a, where the logarithms cancel, it is the series :math:`-\frac1{8a} +
    \frac1{192 a^3} - \frac1{640 a^5} + \dots`

    Arguments:
        a: With shape :math:`(*)`.
    """
    far = a > _FAR_UP
    inverse = 1 / torch.where(far, a, _FAR_UP)
    series = inverse * polynomial(inverse.square(), _HALF_STEP)
    near = torch.where(far, _FAR_UP, a)
    return torch.where(far, series, (near + 0.5).lgamma() - near.lgamma() - near.log() / 2)


def log_mean(log_a: Tensor, log_b: Tensor, weight: float) -> Tensor:
    r""":math:`\log((1 - w) e^a + w e^b)` for :math:`0 < w < 1`, with shape :math:`(*)`."""
    return torch.logaddexp(log_a + math.log1p(-weight), log_b + math.log(weight))


def log_ratio(a: Tensor, b: Tensor, excess: Tensor | None = None) -> Tensor:
    r""":math:`\log(a / b)` of positive numbers of shape :math:`(*)`, also of close ones.

    Arguments:
        a: The numerator.
        b: The denominator.
        excess: :math:`a - b`, where it is known more precisely than by subtraction.
    """
    share = (a - b if excess is None else excess) / b
    near = share.abs() < 0.5
    return torch.where(near, torch.where(near, share, 0.0).log1p(), a.log() - b.log())


def relative_entropy(log_p: Tensor, log_q: Tensor) -> Tensor:
    r""":math:`p \log(p/q) - p + q`, never negative beyond rounding, from finite logarithms.

    For densities close to one another it is computed as :math:`p\,d^2\,\varphi_2(-d)` with
    :math:`d = \log(p / q)`, as exact as :math:`d` itself.
    """
    d = log_p - log_q
    near = d.abs() <= 1
    inner, outer = torch.where(near, d, 0.0), torch.where(near, 0.0, d)
    p = log_p.exp()
    close = p * inner.square() * phi2(-inner)
    return torch.where(near, close, product(p, outer) - p + log_q.exp())


def product(p: Tensor, factor: Tensor) -> Tensor:
    """``p * factor`` with 0 · ∞ = 0, as in the limit, and no gradient there."""
    lost = (p == 0) & ~factor.isfinite()
    return torch.where(lost, 0.0, p * torch.where(lost, 0.0, factor))


def total(x: Tensor) -> float:
    """The sum as a number: where it is finite all of x is, and NaN is in x only where it is NaN.

    A sum may overflow or cancel to NaN where no single number does.
    """
    number: float = (x if x.numel() == 1 else x.sum()).item()
    return number


def is_finite(x: Tensor) -> bool:
    """Whether all of x is, as most sums tell."""
    return math.isfinite(total(x)) or bool(x.isfinite().all())


def weighted_density(log_density: Tensor, constant: float, where: Tensor) -> Tensor:
    """A constant times a density on a part of the space, 0 elsewhere.

    An infinite constant makes an infinite value without a gradient.

    Arguments:
        log_density: The log density, ``-inf`` where it vanishes, with shape :math:`(*)`.
        constant: The constant.
        where: The part of the space, with shape :math:`(*)`.
    """
    density = torch.where(where, log_density, -math.inf).exp()
    if not math.isfinite(constant):
        return torch.where(density > 0, constant, 0.0).to(log_density.dtype)
    return constant * density
