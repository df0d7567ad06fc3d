r"""Forms that the built-in divergences share, exact for densities close together and far apart.

A divergence is small where p and q are close, so that a difference of its terms has no digits
left; and where they are far apart, :math:`u = p / q` is no floating-point number. Each form here
works on logarithms, subtracts nothing that cancels and overflows only where its result does. All
are smooth where the mathematics is: no kink of an absolute value stands between their branches.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.numerics import log_mean, phi2

__all__ = [
    "difference",
    "gap_of_densities",
    "mixture_remainder",
    "one_is_infinite",
    "power_of_renyi",
    "power_remainder",
    "scaled_square",
    "tilted_remainder",
]

_LARGEST = 709.0  # e^709 is still a float64


def difference(log_a: Tensor, log_b: Tensor) -> Tensor:
    r""":math:`e^a - e^b` without cancellation, from finite logarithms, with shape :math:`(*)`."""
    log_top, gap, first = _ordered(log_a, log_b)
    value = _times_exponential(gap.expm1(), log_top)
    return torch.where(first, -value, value)


def gap_of_densities(log_p: Tensor, log_q: Tensor) -> Tensor:
    r""":math:`p - q` of densities that may vanish, with shape :math:`(*)`."""
    no_p, no_q = log_p.isneginf(), log_q.isneginf()
    both = ~(no_p | no_q)
    inside = difference(torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0))
    return torch.where(both, inside, log_p.exp() - log_q.exp())


def one_is_infinite(power_p: Tensor, power_q: Tensor) -> Tensor:
    r"""Whether a power of only one of two densities is not integrable, with shape :math:`(*)`.

    Cut off ever higher and divided by its norm, that density tends weakly to 0: the two are as
    far apart as densities can be.
    """
    return power_p.isinf() ^ power_q.isinf()


def scaled_square(log_a: Tensor, log_b: Tensor, log_scale: Tensor) -> Tensor:
    r""":math:`(e^a - e^b)^2 / e^s` without cancellation, from finite logarithms.

    All arguments and the result have shape :math:`(*)`. Where it overflows it is infinite, with
    no gradient.
    """
    log_top, gap, _ = _ordered(log_a, log_b)
    return _times_exponential(gap.expm1().square(), 2 * log_top - log_scale)


def power_remainder(log_p: Tensor, log_q: Tensor, alpha: float) -> Tensor:
    r"""The integrand of the alpha divergence, non-negative, for any real order.

    .. math:: h_\alpha(p, q)
        = \frac{p^\alpha q^{1 - \alpha} - \alpha p - (1 - \alpha) q}{\alpha (\alpha - 1)}

    With :math:`d = \log(p / q)` and :math:`\varphi_2(x) = (e^x - 1 - x) / x^2` this is
    :math:`p\,d^2\,[\varphi_2(-d) + (\alpha - 1)\,\varphi_2((\alpha - 1) d)] / \alpha`, which is
    used near :math:`d = 0` for :math:`\alpha \geq \tfrac12`; for the others
    :math:`h_\alpha(p, q) = h_{1 - \alpha}(q, p)`. It is continuous in the order, with
    :math:`p \log(p/q) - p + q` at 1 and :math:`q \log(q/p) - q + p` at 0.

    Arguments:
        log_p: Finite log densities, with shape :math:`(*)`.
        log_q: Finite log densities, with shape :math:`(*)`.
        alpha: The order.

    Returns:
        The integrand, with shape :math:`(*)`.
    """
    if alpha < 0.5:
        return power_remainder(log_q, log_p, 1 - alpha)
    log_power = alpha * log_p + (1 - alpha) * log_q
    return _remainder(log_p, log_q, log_power, log_p - log_q, alpha - 1) / alpha


def power_of_renyi(renyi: Tensor, alpha: float) -> Tensor:
    r""":math:`(e^{(\alpha - 1) D_\alpha} - 1) / (\alpha - 1)`, Tsallis's divergence from Rényi's.

    Arguments:
        renyi: Rényi's divergence, with shape :math:`(*)`.
        alpha: Its order; at 1 the two divergences are the same.
    """
    if alpha == 1:
        return renyi
    exponent = (alpha - 1) * renyi
    inside = exponent < _LARGEST
    value = torch.where(inside, exponent, 0.0).expm1() / (alpha - 1)
    return torch.where(inside, value, torch.inf)


def tilted_remainder(log_p: Tensor, log_q: Tensor, beta: float) -> Tensor:
    r"""The integrand of the density power divergence, :math:`(1 + \beta)\,q^\beta h_{1+\beta}`.

    It has the form of `power_remainder` with every term multiplied by :math:`q^\beta`.

    Arguments:
        log_p: Finite log densities, with shape :math:`(*)`.
        log_q: Finite log densities, with shape :math:`(*)`.
        beta: The power, not negative.

    Returns:
        The integrand, with shape :math:`(*)`.
    """
    whole = 1 + beta
    return _remainder(log_p + beta * log_q, whole * log_q, whole * log_p, log_p - log_q, beta)


def mixture_remainder(log_p: Tensor, log_q: Tensor, weight: float) -> Tensor:
    r""":math:`p \log(p / m) - p + m` with :math:`m = (1 - w)\,p + w\,q`, non-negative.

    Arguments:
        log_p: Finite log densities, with shape :math:`(*)`.
        log_q: Finite log densities, with shape :math:`(*)`.
        weight: The weight w of q, from 0 to 1.

    Returns:
        The remainder, with shape :math:`(*)`; 0 at weight 0 and that of q itself at weight 1.
    """
    if weight in (0, 1):
        return power_remainder(log_p, log_q, 1) if weight else 0 * (log_p + log_q)
    gap = -_log_share(log_p - log_q, weight)
    near = gap.abs() <= 1
    inner = torch.where(near, gap, 0.0)
    outer = torch.where(near, 0.0, gap)
    p = log_p.exp()
    close = p * inner.square() * phi2(-inner)
    mean = log_mean(log_p, log_q, weight).exp()
    return torch.where(near, close, p * (outer - 1) + mean)


def _ordered(log_a: Tensor, log_b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The greater logarithm, the gap down to the other, and whether the first is the greater."""
    d = log_a - log_b
    first = d > 0
    return torch.where(first, log_a, log_b), torch.where(first, -d, d), first


def _times_exponential(factor: Tensor, log: Tensor) -> Tensor:
    """A factor times an exponential; where that overflows, infinite with no gradient."""
    over = log > _LARGEST
    value = torch.where(over, 0.0, factor) * torch.where(over, 0.0, log).exp()
    return torch.where(over & (factor != 0), factor.detach().sign() * torch.inf, value)


def _remainder(
    log_p: Tensor, log_q: Tensor, log_power: Tensor, d: Tensor, beyond: float
) -> Tensor:
    """``(e^power - p) / b - p + q`` with ``power = log p + b d`` and ``log q = log p - d``."""
    near = (d.abs() <= 1) & ((beyond * d).abs() <= 1)
    inner = torch.where(near, d, 0.0)
    factor = inner.square() * (phi2(-inner) + beyond * phi2(beyond * inner))
    close = _times_exponential(factor, log_p)
    over = ~near & (torch.maximum(torch.maximum(log_p, log_q), log_power) > _LARGEST)
    apart = [torch.where(over | near, 0.0, log) for log in (log_p, log_q, log_power, d)]
    first, second, power, gap = apart
    far = _power_slope(first, power, gap, beyond) + difference(second, first)
    return torch.where(near, close, torch.where(over, torch.inf, far))


def _power_slope(log_p: Tensor, log_power: Tensor, d: Tensor, beyond: float) -> Tensor:
    """``(e^power - p) / b``, and its limit ``p d`` at b = 0."""
    near = (beyond * d).abs() <= 1
    inner = torch.where(near, d, 0.0)
    close = log_p.exp() * inner * (1 + beyond * inner * phi2(beyond * inner))
    if beyond == 0:
        return close
    far = difference(torch.where(near, log_p, log_power), log_p) / beyond
    return torch.where(near, close, far)


def _log_share(d: Tensor, weight: float) -> Tensor:
    """``log(1 - w + w e^-d)``, to full relative precision near 0."""
    direct = d > -_LARGEST
    if weight > 0.5:
        direct = direct & (d < 1)
    inner = torch.where(direct, d, 0.0)
    outer = torch.where(direct, 0.0, d)
    far = log_mean(torch.zeros_like(d), -outer, weight)
    return torch.where(direct, (weight * (-inner).expm1()).log1p(), far)
