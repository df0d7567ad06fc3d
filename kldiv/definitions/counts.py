r"""Log probabilities of counts to full relative precision, by Loader's saddle-point form.

The textbook form subtracts logarithms of factorials that are as large as :math:`10^7` at a count
of a million, and loses as many digits. Here each probability is the saddle-point approximation
times its exact correction, in terms of

.. math:: D(k, m) = k \log(k / m) - k + m \geq 0, \qquad
    \delta(k) = \log k! - \log\bigl(\sqrt{2 \pi k}\,(k / e)^k\bigr),

so that nothing cancels. The functions take real parameters and are smooth in them.

References:
    Fast and Accurate Computation of Binomial Probabilities (Loader, 2000), equations 3 and 7.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor

from kldiv.numerics import phi2

__all__ = ["log_binomial", "log_negative_binomial", "log_poisson"]

_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)  # Stirling's
_LARGE = 16.0  # from here on the series above is exact to rounding


def log_poisson(k: Tensor, rate: Tensor) -> Tensor:
    r""":math:`\log(\lambda^k e^{-\lambda} / k!)`, as :math:`-\delta - D - \tfrac12 \log 2 \pi k`.

    Arguments:
        k: Counts, not negative, with shape :math:`(N, *)`.
        rate: The rate :math:`\lambda`, not negative, with shape :math:`(*)`.
    """
    some = (k > 0) & (rate > 0)
    count, mean = torch.where(some, k, 1.0), torch.where(some, rate, 1.0)
    inside = -_correction(count) - _deviance(count, mean) - _half_log(count)
    return torch.where(some, inside, torch.where(k > 0, -torch.inf, -rate))


def log_binomial(k: Tensor, total: Tensor, p: Tensor, q: Tensor) -> Tensor:
    r""":math:`\log \binom nk p^k q^{n - k}`.

    Arguments:
        k: Counts, with shape :math:`(N, *)`; what is above the total is impossible.
        total: The number n of trials, with shape :math:`(*)`.
        p: The probability of success, with shape :math:`(*)`.
        q: That of failure, :math:`1 - p`, with shape :math:`(*)`.
    """
    inner = (k > 0) & (k < total) & (p > 0) & (q > 0)
    n, hits = torch.where(inner, total, 2.0), torch.where(inner, k, 1.0)
    win, lose = torch.where(inner, p, 0.5), torch.where(inner, q, 0.5)
    inside = _saddle(hits, n - hits, win, lose) + _half_log(n) - _half_log(hits)
    inside = inside - _half_log(n - hits)
    ends = _power(total, q, k == 0) + _power(total, p, (k == total) & (total > 0))
    ends = torch.where((k == 0) | (k == total), ends, -torch.inf)
    return torch.where(inner, inside, ends)


def log_negative_binomial(k: Tensor, total: Tensor, p: Tensor, q: Tensor) -> Tensor:
    r""":math:`\log \frac{\Gamma(k + r)}{k!\,\Gamma(r)} p^k q^r`.

    Arguments:
        k: Counts, not negative, with shape :math:`(N, *)`.
        total: The number r of failures, any positive number, with shape :math:`(*)`.
        p: The probability of success, with shape :math:`(*)`.
        q: That of failure, :math:`1 - p`, with shape :math:`(*)`.
    """
    inner = (k > 0) & (total > 0) & (p > 0) & (q > 0)
    hits, misses = torch.where(inner, k, 1.0), torch.where(inner, total, 1.0)
    win, lose = torch.where(inner, p, 0.5), torch.where(inner, q, 0.5)
    inside = _saddle(hits, misses, win, lose) - _half_log(hits)
    inside = inside + (misses / (hits + misses)).log() / 2
    return torch.where(inner, inside, torch.where(k > 0, -torch.inf, _power(total, q, k == 0)))


def _saddle(hits: Tensor, misses: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The exponent that binomial and negative binomial probabilities share."""
    n = hits + misses
    corrections = _correction(n) - _correction(hits) - _correction(misses)
    return corrections - _deviance(hits, n * p) - _deviance(misses, n * q)


def _power(exponent: Tensor, base: Tensor, where: Tensor) -> Tensor:
    """``exponent * log(base)`` where asked, 0 elsewhere; ``-inf`` at a base of 0."""
    present = where & (base > 0) & (exponent > 0)
    value = torch.where(present, exponent, 0.0) * torch.where(present, base, 1.0).log()
    return torch.where(where & (base == 0) & (exponent > 0), -torch.inf, value)


def _half_log(x: Tensor) -> Tensor:
    return (2 * math.pi * x).log() / 2


def _deviance(k: Tensor, mean: Tensor) -> Tensor:
    r"""D(k, m) as :math:`k\,d^2\,\varphi_2(-d)` with :math:`d = \log(k / m)`."""
    near = (k - mean).abs() < mean / 2
    close = torch.where(near, (k - mean) / mean, 0.0).log1p()
    ratio = k / mean
    large = ratio.isinf()  # it has overflowed
    far = torch.where(large, k.log() - mean.log(), torch.where(near | large, 1.0, ratio).log())
    d = torch.where(near, close, far)
    return k * d.square() * phi2(-d)


def _correction(k: Tensor) -> Tensor:
    """The error of Stirling's formula, for positive real numbers."""
    outer = k.clamp_min(_LARGE)
    square = outer.square()
    series = torch.full_like(outer, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        series = series / square + coefficient
    series = series / outer
    small = k < _LARGE
    if not small.any():
        return series
    few = k[small]
    direct = (few + 1).lgamma() - few * few.log() + few - _half_log(few)
    return series.masked_scatter(small, direct)
