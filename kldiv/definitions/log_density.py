r"""Log densities as they are, where those of torch are not.

Some continuous densities of ``torch.distributions`` are NaN, infinite or of seven digits where the
formula is not: those are written here in logarithms,

.. math::
    \text{Gumbel} \quad & y - e^y - \log \sigma, \qquad y = (\mu - x) / \sigma \\
    \text{Kumaraswamy} \quad & \log a b + (a - 1) \log x + (b - 1) \log(1 - x^a) \\
    \text{Weibull} \quad & \log k + k z - e^{k z} - \log x, \qquad z = \log (x / \lambda) \\
    \text{von Mises} \quad & -2 \kappa \sin^2 \tfrac{x - \mu}2 - \log 2 \pi
        - \log\bigl(e^{-\kappa} I_0(\kappa)\bigr) \\
    \text{Student's t} \quad & \log \Gamma(\tfrac{\nu + 1}2) - \log \Gamma(\tfrac\nu2)
        - \tfrac12 \log \pi \nu - \log \sigma
        - \tfrac{\nu + 1}2 \log\bigl(1 + \tfrac{(x - \mu)^2}{\nu \sigma^2}\bigr) \\
    \text{uniform} \quad & -\log (b - a) \quad \text{at both ends too.}

Those of discrete distributions have rules of their own, and those of large concentrations.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from typing import Any

import torch

from torch import Tensor
from torch.distributions import (
    Beta,
    Distribution,
    Gamma,
    Gumbel,
    Independent,
    InverseGamma,
    Kumaraswamy,
    MixtureSameFamily,
    StudentT,
    TransformedDistribution,
    Uniform,
    VonMises,
    Weibull,
)
from torch.distributions.constraints import Constraint

from kldiv.definitions.composed_support import support_of, transforms_of
from kldiv.definitions.concentrated import log_beta, log_gamma, log_inverse_gamma
from kldiv.definitions.log_probability import LOG_PROBABILITIES, log_probabilities
from kldiv.definitions.support import box, interior_point, lattice
from kldiv.numerics import log_gamma_half_step

__all__ = ["log_density_of"]

LogDensity = Callable[[Tensor], Tensor]

_STEEP = 460.0  # an exponential of more, times a weight, would leave the floating numbers
_GONE = 760.0  # whatever a density has left here, is infinitely surprising


def log_density_of(distribution: Distribution) -> LogDensity:
    r"""The log density of a distribution, by its formula where that of torch falls short.

    It is ``-inf`` where a probability that the distribution was given is 0. Off the support of a
    continuous distribution it is not defined.
    """
    return _rule_for(distribution) or distribution.log_prob


def _rule_for(distribution: Distribution) -> LogDensity | None:
    """A formula for a distribution, for independent ones or for the parts of a mixture."""
    kind = type(distribution)
    if kind in _CONTINUOUS:
        return lambda x: _CONTINUOUS[kind](distribution, x)
    if isinstance(distribution, Independent):
        return _independent(distribution)
    if kind is MixtureSameFamily:
        return _mixture(distribution)
    if kind is TransformedDistribution:
        return _image(distribution)
    if kind in LOG_PROBABILITIES:
        return lambda x: LOG_PROBABILITIES[kind](distribution, x)
    return None


def _independent(distribution: Any) -> LogDensity | None:  # noqa: ANN401 (torch has no types)
    each = _rule_for(distribution.base_dist)
    if each is None:
        return None
    axes = tuple(range(-distribution.reinterpreted_batch_ndims, 0))
    return lambda x: each(x).sum(axes) if axes else each(x)


def _image(distribution: Any) -> LogDensity | None:  # noqa: ANN401 (torch has no types)
    """By the way back, none of whose rounded numbers lies on an end of the base or at infinity."""
    base, transforms = distribution.base_dist, transforms_of(distribution)
    support = support_of(base)
    ends = None if support is None else box(support)
    if ends is None or not transforms or distribution.event_shape:
        return None
    own = None if type(base) is Gumbel else _rule_for(base)  # that of Gumbel's bends far out
    each = own or base.log_prob
    first = torch.nextafter(ends.lower, ends.upper)
    last = torch.nextafter(ends.upper, ends.lower)

    def log_density(x: Tensor) -> Tensor:
        slopes: Tensor | float = 0.0
        for transform in transforms[:0:-1]:
            y, x = x, transform.inv(x)
            slopes = slopes + transform.log_abs_det_jacobian(x, y)
        y, x = x, transforms[0].inv(x)
        known = x.isfinite()
        x = torch.where(known, x, 0.0).clamp(first, last)
        slopes = slopes + transforms[0].log_abs_det_jacobian(x, y)
        return torch.where(known, each(x) - slopes, -torch.inf)

    return log_density


def _mixture(distribution: Any) -> LogDensity | None:  # noqa: ANN401 (torch has no types)
    components = distribution.component_distribution
    rule, support = _rule_for(components), support_of(components)
    if support is None or (rule is None and not _vary(support)):
        return None
    each = rule or components.log_prob
    event = components.event_shape
    axis, ones = -1 - len(event), (1,) * len(event)

    def log_density(x: Tensor) -> Tensor:
        points = x.unsqueeze(axis)
        inside = support.check(points)
        middle = interior_point(support, event).to(points)
        points = torch.where(inside.reshape(*inside.shape, *ones), points, middle)
        parts = each(points) + log_probabilities(distribution.mixture_distribution)
        parts = torch.where(inside, parts, -torch.inf)
        somewhere = parts.isfinite().any(-1, keepdim=True)  # nowhere: a gradient of NaN
        total = torch.where(somewhere, parts, 0.0).logsumexp(-1)
        return torch.where(somewhere.squeeze(-1), total, -torch.inf)

    return log_density


def _vary(support: Constraint) -> bool:
    """Whether some of the components end where others do not."""
    ends = lattice(support) or box(support)
    return ends is not None and ends.lower.ndim + ends.upper.ndim > 0


def _gumbel(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    y = (distribution.loc - x) / distribution.scale
    log_density: Tensor = y - _exp(y) - distribution.scale.log()
    return log_density


def _kumaraswamy(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    a, b = distribution.concentration1, distribution.concentration0
    log_x = x.log()
    beyond = (-(a * log_x).expm1()).log()  # 1 - x^a, to full relative precision near 1
    log_density: Tensor = a.log() + b.log() + (a - 1) * log_x + (b - 1) * beyond
    return log_density


def _weibull(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    k = distribution.concentration
    y = k * (x.log() - distribution.scale.log())
    log_density: Tensor = k.log() + y - _exp(y) - x.log()
    return log_density


def _von_mises(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    k = distribution.concentration
    fall = -2 * k * ((x - distribution.loc) / 2).sin().square()
    log_density: Tensor = fall - math.log(2 * math.pi) - torch.special.i0e(k).log()
    return log_density


def _student_t(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    df, scale = distribution.df, distribution.scale
    peak = log_gamma_half_step(df / 2) - math.log(2 * math.pi) / 2 - scale.log()
    y = (x - distribution.loc) / scale
    log_density: Tensor = peak - (df + 1) / 2 * (y.square() / df).log1p()
    return log_density


def _uniform(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    log_density: Tensor = -(distribution.high - distribution.low).log() + torch.zeros_like(x)
    return log_density


def _exp(y: Tensor) -> Tensor:
    """The exponential; where gradients would overflow a straight line, and then infinity."""
    line = y.clamp_max(_STEEP).exp() * (1 + (y.clamp_max(_GONE) - _STEEP).clamp_min(0))
    return torch.where(y > _GONE, torch.inf, line)


_CONTINUOUS: dict[type[Distribution], Callable[[Distribution, Tensor], Tensor]] = {
    Beta: log_beta,
    Gamma: log_gamma,
    Gumbel: _gumbel,
    InverseGamma: log_inverse_gamma,
    Kumaraswamy: _kumaraswamy,
    StudentT: _student_t,
    Uniform: _uniform,
    VonMises: _von_mises,
    Weibull: _weibull,
}
