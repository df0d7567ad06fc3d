"""Expectations that distributions know in closed form, for the moment rule.

References:
    Continuous Univariate Distributions (Johnson, Kotz and Balakrishnan, 1994).
"""

from __future__ import annotations

import math

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import (
    Beta,
    Cauchy,
    Distribution,
    Gamma,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    Normal,
    Pareto,
    StudentT,
    Uniform,
    Weibull,
)

from kldiv.numerics import log_gamma

__all__ = ["EXPECTATIONS", "Expectation"]

_EULER = 0.57721566490153286061

Expectation = Callable[..., Tensor]
"""From a distribution, and the statistic's own parameter if it has one, to its expectation."""


def _moment(exponent: Tensor, inside: Tensor) -> Tensor:
    """The exponential of a logarithm, infinite where the expectation does not exist."""
    return torch.where(inside, torch.where(inside, exponent, 0.0).exp(), torch.inf)


def _digamma(x: Tensor) -> Tensor:
    return x.digamma()


def _trigamma(x: Tensor) -> Tensor:
    value: Tensor = torch.special.zeta(torch.full_like(x, 2.0), x)
    return value


def _gamma_power(p: Gamma | InverseGamma, s: Tensor, sign: int) -> Tensor:
    """The expectation of a power of a gamma variable, or of its inverse."""
    shape, inside = p.concentration + sign * s, p.concentration + sign * s > 0
    safe = torch.where(inside, shape, 1.0)
    exponent = log_gamma(safe) - log_gamma(p.concentration) - sign * s * p.rate.log()
    return _moment(exponent, inside)


def _gamma_exponential(p: Gamma, t: Tensor, m: Tensor) -> Tensor:
    inside = t < p.rate
    share = torch.where(inside, t / p.rate, 0.0)
    return _moment(-t * m - p.concentration * (-share).log1p(), inside)


def _beta_power(p: Beta, s: Tensor) -> Tensor:
    a, total = p.concentration1, p.concentration1 + p.concentration0
    inside = a + s > 0
    safe = torch.where(inside, s, 0.0)
    above = log_gamma(a + safe) - log_gamma(a)
    return _moment(above - log_gamma(total + safe) + log_gamma(total), inside)


def _weibull_power(p: Weibull, s: Tensor) -> Tensor:
    ratio = s / p.concentration
    inside = ratio > -1
    return _moment(s * p.scale.log() + log_gamma(1 + torch.where(inside, ratio, 0.0)), inside)


def _pareto_power(p: Pareto, s: Tensor) -> Tensor:
    inside = s < p.alpha
    return _moment(s * p.scale.log() - (-torch.where(inside, s, 0.0) / p.alpha).log1p(), inside)


def _half_normal_power(p: HalfNormal, s: Tensor) -> Tensor:
    inside = s > -1
    shape = torch.where(inside, (1 + s) / 2, 1.0)
    exponent = s * p.scale.log() + s * math.log(2) / 2 + log_gamma(shape)
    return _moment(exponent - math.log(math.pi) / 2, inside)


def _normal_absolute(p: Normal, m: Tensor) -> Tensor:
    gap = p.loc - m
    bell = (-(gap / p.scale).square() / 2).exp() * p.scale * math.sqrt(2 / math.pi)
    return bell + gap * (gap / p.scale / math.sqrt(2)).erf()


def _laplace_absolute(p: Laplace, m: Tensor) -> Tensor:
    gap = (p.loc - m).abs()
    return gap + p.scale * (-gap / p.scale).exp()


def _normal_exponential(p: Normal, t: Tensor, m: Tensor) -> Tensor:
    return (t * (p.loc - m) + (t * p.scale).square() / 2).exp()


def _laplace_exponential(p: Laplace, t: Tensor, m: Tensor) -> Tensor:
    square = (t * p.scale).square()
    inside = square < 1
    return _moment(t * (p.loc - m) - (-torch.where(inside, square, 0.0)).log1p(), inside)


def _gumbel_exponential(p: Gumbel, t: Tensor, m: Tensor) -> Tensor:
    inside = t * p.scale < 1
    shape = torch.where(inside, 1 - t * p.scale, 1.0)
    return _moment(t * (p.loc - m) + log_gamma(shape), inside)


def _second(p: Distribution, m: Tensor) -> Tensor:
    """The mean square distance from a point."""
    return p.variance + (p.mean - m).square()


def _heavy_second(p: StudentT, m: Tensor) -> Tensor:
    inside = p.df > 2
    df = torch.where(inside, p.df, 3.0)
    spread = p.scale.square() * df / (df - 2)
    return torch.where(inside, spread + (p.loc - m).square(), torch.inf)


def _log_second(mean: Expectation, variance: Expectation) -> Expectation:
    return lambda p, m: variance(p) + (mean(p) - m).square()


def _positive(
    mean: Expectation, variance: Expectation, power: Expectation
) -> dict[str, Expectation]:
    """What positive variables state: the mean and variance of their logarithm, and powers."""
    return {
        "log": mean,
        "log from": _log_second(mean, variance),
        "power": power,
        "mean": lambda p: power(p, torch.ones_like(mean(p))),
        "from": _second,
    }


_SECOND: dict[str, Expectation] = {"from": _second, "mean": lambda p: p.mean}

EXPECTATIONS: dict[type[Distribution], dict[str, Expectation]] = {
    Normal: {
        **_SECOND,
        "distance": _normal_absolute,
        "exponential": _normal_exponential,
    },
    Laplace: {**_SECOND, "distance": _laplace_absolute, "exponential": _laplace_exponential},
    Gumbel: {**_SECOND, "exponential": _gumbel_exponential},
    Uniform: _SECOND,
    StudentT: {"from": _heavy_second},
    Cauchy: {"from": lambda p, m: torch.inf + 0 * (p.loc - m)},
    Gamma: {
        **_positive(
            lambda p: _digamma(p.concentration) - p.rate.log(),
            lambda p: _trigamma(p.concentration),
            lambda p, s: _gamma_power(p, s, 1),
        ),
        "exponential": _gamma_exponential,
    },
    InverseGamma: _positive(
        lambda p: p.rate.log() - _digamma(p.concentration),
        lambda p: _trigamma(p.concentration),
        lambda p, s: _gamma_power(p, s, -1),
    ),
    LogNormal: _positive(
        lambda p: p.loc,
        lambda p: p.scale.square(),
        lambda p, s: (s * p.loc + (s * p.scale).square() / 2).exp(),
    ),
    Weibull: _positive(
        lambda p: p.scale.log() - _EULER / p.concentration,
        lambda p: math.pi**2 / 6 / p.concentration.square(),
        _weibull_power,
    ),
    Pareto: _positive(
        lambda p: p.scale.log() + 1 / p.alpha, lambda p: 1 / p.alpha.square(), _pareto_power
    ),
    HalfNormal: _positive(
        lambda p: p.scale.log() - (_EULER + math.log(2)) / 2,
        lambda p: torch.full_like(p.scale, math.pi**2 / 8),
        _half_normal_power,
    ),
    Beta: {
        **_positive(
            lambda p: _digamma(p.concentration1) - _digamma(p.concentration1 + p.concentration0),
            lambda p: _trigamma(p.concentration1) - _trigamma(p.concentration1 + p.concentration0),
            _beta_power,
        ),
        "log of rest": lambda p: (
            _digamma(p.concentration0) - _digamma(p.concentration1 + p.concentration0)
        ),
    },
}
"""The expectations that each type of distributions knows."""
