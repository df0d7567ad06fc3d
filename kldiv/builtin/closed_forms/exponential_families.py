r"""Which distributions are exponential families, and their log-normalisers.

Each entry states its family once; dozens of closed forms follow from it.

References:
    Statistical Exponential Families: A Digest with Flash Cards (Nielsen and Garcia, 2009),
    arXiv:0911.4863.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    NegativeBinomial,
    Poisson,
    VonMises,
    Weibull,
    Wishart,
)

from kldiv.builtin.closed_forms.gamma_arrays import (
    GammaForm,
    beta,
    dirichlet,
    gamma,
    rounding_of_beta,
    rounding_of_dirichlet,
)
from kldiv.builtin.closed_forms.natural import ROUNDING, LogNormaliserRule
from kldiv.builtin.closed_forms.scalar_arrays import ArrayForm, geometric, half_normal, poisson
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.natural_form import Natural, NaturalForm
from kldiv.numerics import log_gamma, log_ratio

__all__ = ["CLOSED_FORMS", "FAMILIES"]


def _gamma(k: Tensor, minus_rate: Tensor) -> Tensor:
    return log_gamma(k) - k * (-minus_rate).log()


def _gamma_inside(k: Tensor, minus_rate: Tensor) -> Tensor:
    return (k > 0) & (minus_rate < 0)


def _beta(a: Tensor, b: Tensor) -> Tensor:
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def _dirichlet(a: Tensor) -> Tensor:
    return log_gamma(a).sum(-1) - log_gamma(a.sum(-1))


def _von_mises(x: Tensor, y: Tensor) -> Tensor:
    concentration = torch.hypot(x, y)
    scaled: Tensor = torch.special.i0e(concentration)
    return math.log(2 * math.pi) + scaled.log() + concentration


def _of_failures(log_failure: Tensor, count: Tensor | float = 1.0) -> Tensor:
    return -count * (-log_failure.expm1()).log()


def _log_failure(probs: Tensor) -> Tensor:
    return (-probs).log1p()


def _wishart(half_df: Tensor, minus_half_precision: Tensor) -> Tensor:
    size = minus_half_precision.shape[-1]
    determinant: Tensor = torch.linalg.slogdet(-minus_half_precision).logabsdet
    steps = torch.arange(size, dtype=half_df.dtype, device=half_df.device) / 2
    gammas = log_gamma(half_df.unsqueeze(-1) - steps).sum(-1)
    return gammas + size * (size - 1) / 4 * math.log(math.pi) - half_df * determinant


def _wishart_inside(half_df: Tensor, minus_half_precision: Tensor) -> Tensor:
    size = minus_half_precision.shape[-1]
    definite: Tensor = torch.linalg.cholesky_ex(-minus_half_precision).info == 0
    return definite & (2 * half_df > size - 1)


def _rate_gap(p: Poisson, q: Poisson) -> Natural:
    return (log_ratio(p.rate, q.rate),)


def _failure_gap(p: Geometric, q: Geometric) -> Natural:
    return (log_ratio(1 - p.probs, 1 - q.probs, q.probs - p.probs),)


def _laplace_gap(p: Laplace, q: Laplace) -> Natural:
    return ((p.scale - q.scale) / p.scale / q.scale,)


def _half_normal_gap(p: HalfNormal, q: HalfNormal) -> Natural:
    square = (p.scale - q.scale) * (p.scale + q.scale) / p.scale.square()
    return (square / (2 * q.scale.square()),)


def _weibull_gap(p: Weibull, q: Weibull) -> Natural:
    ratio = -q.concentration * log_ratio(p.scale, q.scale)
    return (-q.scale.pow(-q.concentration) * ratio.expm1(),)


def _gumbel_gap(p: Gumbel, q: Gumbel) -> Natural:
    return (-(q.loc / q.scale).exp() * ((p.loc - q.loc) / q.scale).expm1(),)


def _von_mises_gap(p: VonMises, q: VonMises) -> Natural:
    middle, half = (p.loc + q.loc) / 2, (p.loc - q.loc) / 2
    more, chord = p.concentration - q.concentration, 2 * q.concentration * half.sin()
    return (more * p.loc.cos() - chord * middle.sin(), more * p.loc.sin() + chord * middle.cos())


def _wishart_gap(p: Wishart, q: Wishart) -> Natural:
    change = q.precision_matrix @ (p.covariance_matrix - q.covariance_matrix) @ p.precision_matrix
    return (p.df - q.df) / 2, change / 2


def _probs_gap(p: NegativeBinomial, q: NegativeBinomial) -> Natural:
    return log_ratio(p.probs, q.probs), torch.zeros_like(p.probs)


def _negative(eta: Tensor) -> Tensor:
    return eta < 0


FAMILIES = {
    "gamma": NaturalForm(
        {
            Gamma: lambda d: (d.concentration, -d.rate),
            Exponential: lambda d: (torch.ones_like(d.rate), -d.rate),
        },
        _gamma,
        event_dims=(0, 0),
        base=(-1.0, 0.0),
        inside=_gamma_inside,
    ),
    "inverse_gamma": NaturalForm(
        {InverseGamma: lambda d: (d.concentration, -d.rate)},
        _gamma,
        event_dims=(0, 0),
        base=(1.0, 0.0),
        inside=_gamma_inside,
    ),
    "beta": NaturalForm(
        {Beta: lambda d: (d.concentration1, d.concentration0)},
        _beta,
        event_dims=(0, 0),
        base=(-1.0, -1.0),
        inside=lambda a, b: (a > 0) & (b > 0),
    ),
    "dirichlet": NaturalForm(
        {Dirichlet: lambda d: (d.concentration,)},
        _dirichlet,
        event_dims=(1,),
        base=(-1.0,),
        inside=lambda a: (a > 0).all(-1),
    ),
    "laplace of one location": NaturalForm(
        {Laplace: lambda d: (-1 / d.scale,)},
        lambda eta: math.log(2) - (-eta).log(),
        base=(0.0,),
        inside=_negative,
        shared=lambda d: (d.loc,),
        gap=_laplace_gap,
    ),
    "half normal": NaturalForm(
        {HalfNormal: lambda d: (-0.5 / d.scale.square(),)},
        lambda eta: (math.log(math.pi / 4) - (-eta).log()) / 2,
        base=(0.0,),
        inside=_negative,
        gap=_half_normal_gap,
    ),
    "weibull of one shape": NaturalForm(
        {Weibull: lambda d: (-d.scale.pow(-d.concentration),)},
        lambda eta: -(-eta).log(),
        inside=_negative,
        shared=lambda d: (d.concentration,),
        gap=_weibull_gap,
    ),
    "gumbel of one scale": NaturalForm(
        {Gumbel: lambda d: (-(d.loc / d.scale).exp(),)},
        lambda eta: -(-eta).log(),
        inside=_negative,
        shared=lambda d: (d.scale,),
        gap=_gumbel_gap,
    ),
    "von mises": NaturalForm(
        {
            VonMises: lambda d: (
                d.concentration * d.loc.cos(),
                d.concentration * d.loc.sin(),
            )
        },
        _von_mises,
        event_dims=(0, 0),
        base=(0.0, 0.0),
        gap=_von_mises_gap,
    ),
    "wishart": NaturalForm(
        {Wishart: lambda d: (d.df / 2, -d.precision_matrix / 2)},
        _wishart,
        event_dims=(0, 2),
        inside=_wishart_inside,
        gap=_wishart_gap,
    ),
    "poisson": NaturalForm({Poisson: lambda d: (d.rate.log(),)}, torch.exp, gap=_rate_gap),
    "geometric": NaturalForm(
        {Geometric: lambda d: (_log_failure(d.probs),)},
        _of_failures,
        base=(0.0,),
        inside=_negative,
        gap=_failure_gap,
    ),
    "negative binomial of one count": NaturalForm(
        {NegativeBinomial: lambda d: (d.probs.log(), d.total_count)},
        _of_failures,
        event_dims=(0, 0),
        inside=lambda log_failure, count: log_failure < 0,
        shared=lambda d: (d.total_count,),
        gap=_probs_gap,
    ),
}
"""The exponential families, by name."""

_RULES = {name: LogNormaliserRule(form) for name, form in FAMILIES.items()}

_OF_ARRAYS = tuple(
    ArrayForm(KL, kind, kind, _RULES[name].function, ROUNDING, names=given, formula=formula)
    for name, kind, given, formula in (
        ("poisson", Poisson, ("rate",), poisson),
        ("geometric", Geometric, ("probs",), geometric),
        ("half normal", HalfNormal, ("scale",), half_normal),
    )
)
_OF_GAMMAS = tuple(
    GammaForm(
        *(KL, kind, kind, _RULES[name].function, ROUNDING),
        names=given,
        formula=formula,
        cancels=cancels,
        shapes=tuple(each for each in given if each != "rate"),
    )
    for name, kind, given, formula, cancels in (
        ("gamma", Gamma, ("concentration", "rate"), gamma, None),
        ("inverse_gamma", InverseGamma, ("concentration", "rate"), gamma, None),
        ("beta", Beta, ("concentration1", "concentration0"), beta, rounding_of_beta),
        ("dirichlet", Dirichlet, ("concentration",), dirichlet, rounding_of_dirichlet),
    )
)

CLOSED_FORMS = (*_OF_ARRAYS, *_OF_GAMMAS, *_RULES.values())
"""The closed forms between members of each."""
