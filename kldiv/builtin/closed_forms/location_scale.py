r"""Closed forms of the Kullback-Leibler divergence between laws of a location and a scale.

Each is written as a sum of terms that are not negative, so that nothing cancels where p and q are
close: with :math:`\rho = \log(b_p / b_q)`, a remainder :math:`e^\rho - 1 - \rho` of the scales and
a term of the locations.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import (
    Cauchy,
    Distribution,
    Exponential,
    Gumbel,
    Laplace,
    Pareto,
    Uniform,
    Weibull,
)

from kldiv.blocks import Array
from kldiv.builtin.closed_forms.extreme_arrays import gumbel, weibull
from kldiv.builtin.closed_forms.scalar_arrays import (
    ArrayForm,
    cauchy,
    exponential,
    laplace,
    pareto,
    uniform,
)
from kldiv.builtin.divergences.kl import KL
from kldiv.closed_form import ClosedForm
from kldiv.definitions.divergence import Divergence
from kldiv.numerics import log_gamma_remainder, log_ratio, phi2

__all__ = ["CLOSED_FORMS"]

_EULER = 0.57721566490153286061
_ROUNDING = 1e-12


def _kl_laplace(p: Laplace, q: Laplace) -> Tensor:
    r""":math:`e^\rho - 1 - \rho + e^\rho (e^{-s} - 1 + s)` with :math:`s = |m_p - m_q| / b_p`."""
    ratio = log_ratio(p.scale, q.scale)
    shift = (p.loc - q.loc).abs() / p.scale
    return _remainder(ratio) + ratio.exp() * _remainder(-shift)


def _kl_exponential(p: Exponential, q: Exponential) -> Tensor:
    r""":math:`e^\rho - 1 - \rho`, the rates being one through the scales."""
    return _remainder(log_ratio(q.rate, p.rate))


def _kl_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    r""":math:`\log(1 + [(b_p - b_q)^2 + (m_p - m_q)^2] / (4 b_p b_q))`.

    Chyzak and Nielsen (2019), theorem 1, arXiv:1905.10965.
    """
    gap = (p.scale - q.scale).square() + (p.loc - q.loc).square()
    return (gap / (4 * p.scale) / q.scale).log1p()


def _kl_gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    return _gumbel((q.loc - p.loc) / q.scale, p.scale, q.scale)


def _kl_weibull(p: Weibull, q: Weibull) -> Tensor:
    """That of Gumbel's law of minus log x, with location minus log scale and scale 1 / k."""
    shift = log_ratio(p.scale, q.scale) * q.concentration
    return _gumbel(shift, q.concentration, p.concentration)


def _gumbel(shift: Tensor, scale_p: Tensor, scale_q: Tensor) -> Tensor:
    r""":math:`e^v - 1 - v + \log \Gamma(r) + \gamma (r - 1)`.

    Here :math:`r = b_p / b_q` and :math:`v = (m_q - m_p) / b_q + \log \Gamma(1 + r)`.
    """
    excess = (scale_p - scale_q) / scale_q
    remainder = log_gamma_remainder(excess, scale_p / scale_q)
    log_gamma = log_ratio(scale_p, scale_q) + remainder - _EULER * excess
    return _remainder(shift + log_gamma) + remainder


def _kl_pareto(p: Pareto, q: Pareto) -> Tensor:
    r""":math:`e^\rho - 1 - \rho + \alpha_q \log(m_p / m_q)`, infinite where p begins first."""
    inside = p.scale >= q.scale
    shift = torch.where(inside, log_ratio(p.scale, q.scale), 0.0)
    value = _remainder(log_ratio(q.alpha, p.alpha)) + q.alpha * shift
    return torch.where(inside, value, torch.inf)


def _kl_uniform(p: Uniform, q: Uniform) -> Tensor:
    r""":math:`\log` of the ratio of the widths, infinite where p is not inside of q."""
    inside = (p.low >= q.low) & (p.high <= q.high)
    more = (p.low - q.low) + (q.high - p.high)
    value = log_ratio(q.high - q.low, p.high - p.low, more)
    return torch.where(inside, value, torch.inf)


def _remainder(x: Tensor) -> Tensor:
    r""":math:`e^x - 1 - x`, never negative; infinite where it overflows."""
    near = x < 1
    inner = torch.where(near, x, 0.0)
    outer = torch.where(near, 1.0, x)
    return torch.where(near, inner.square() * phi2(inner), outer.expm1() - outer)


def _form(kind: type[Distribution], formula: Callable[..., Tensor]) -> ClosedForm:
    def function(p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        return formula(p, q)

    if kind not in _OF_ARRAYS:
        return ClosedForm(KL, kind, kind, function, rounding=_ROUNDING)
    names, arrays = _OF_ARRAYS[kind]
    return ArrayForm(KL, kind, kind, function, _ROUNDING, names=names, formula=arrays)


_FORMULAS: dict[type[Distribution], Callable[..., Tensor]] = {
    Laplace: _kl_laplace,
    Exponential: _kl_exponential,
    Cauchy: _kl_cauchy,
    Gumbel: _kl_gumbel,
    Weibull: _kl_weibull,
    Pareto: _kl_pareto,
    Uniform: _kl_uniform,
}

_OF_ARRAYS: dict[type[Distribution], tuple[tuple[str, ...], Callable[..., Array]]] = {
    Laplace: (("loc", "scale"), laplace),
    Exponential: (("rate",), exponential),
    Cauchy: (("loc", "scale"), cauchy),
    Gumbel: (("loc", "scale"), gumbel),
    Weibull: (("scale", "concentration"), weibull),
    Pareto: (("scale", "alpha"), pareto),
    Uniform: (("low", "high"), uniform),
}

CLOSED_FORMS = tuple(_form(kind, formula) for kind, formula in _FORMULAS.items())
"""The closed forms between two laws of one type."""
