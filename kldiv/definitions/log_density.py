r"""Log densities as they are, where those of torch are not.

``torch.distributions`` raises probabilities of 0 to the rounding error of their type, so that no
logarithm is infinite. To a divergence the difference is that between infinity and some tens of
nats. Some of its continuous densities are NaN, infinite or of seven digits where the formula is
not: those are written here in logarithms,

.. math::
    \text{Gumbel} \quad & y - e^y - \log \sigma, \qquad y = (\mu - x) / \sigma \\
    \text{Kumaraswamy} \quad & \log a b + (a - 1) \log x + (b - 1) \log(1 - x^a) \\
    \text{Weibull} \quad & \log k + k z - e^{k z} - \log x, \qquad z = \log (x / \lambda) \\
    \text{von Mises} \quad & -2 \kappa \sin^2 \tfrac{x - \mu}2 - \log 2 \pi
        - \log\bigl(e^{-\kappa} I_0(\kappa)\bigr) \\
    \text{uniform} \quad & -\log (b - a) \quad \text{at both ends too.}
"""

from __future__ import annotations

import math

from collections.abc import Callable
from typing import Any

import torch

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Distribution,
    Geometric,
    Gumbel,
    Independent,
    Kumaraswamy,
    MixtureSameFamily,
    OneHotCategorical,
    Uniform,
    VonMises,
    Weibull,
)

__all__ = ["log_density_of", "log_probabilities"]

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
    probs = vars(getattr(distribution, "_categorical", distribution)).get("probs")
    if kind not in _DISCRETE or probs is None or _was_given_logits(distribution, probs):
        return None
    return lambda x: _DISCRETE[kind](distribution, probs, x)


def log_probabilities(distribution: Distribution) -> Tensor:
    r"""The log probabilities of a trial's categories, with shape :math:`(*, K)` and sum 1.

    Arguments:
        distribution: A Bernoulli, categorical, binomial or multinomial distribution.
    """
    own: Any = getattr(distribution, "_categorical", distribution)
    probs = vars(own).get("probs")
    two = isinstance(distribution, Bernoulli | Binomial)
    if probs is None or _was_given_logits(distribution, probs):
        logits: Tensor = own.logits
        both = torch.stack([torch.zeros_like(logits), logits], -1) if two else logits
        return both.log_softmax(-1)
    both = torch.stack([1 - probs, probs], -1) if two else probs
    return _log(both / both.sum(-1, keepdim=True))


def _was_given_logits(distribution: Distribution, probs: Tensor) -> bool:
    given: Tensor = getattr(distribution, "_param", probs)
    return given.shape != probs.shape or bool((given != probs).any())


def _independent(distribution: Any) -> LogDensity | None:  # noqa: ANN401 (torch has no types)
    each = _rule_for(distribution.base_dist)
    if each is None:
        return None
    axes = tuple(range(-distribution.reinterpreted_batch_ndims, 0))
    return lambda x: each(x).sum(axes) if axes else each(x)


def _mixture(distribution: Any) -> LogDensity | None:  # noqa: ANN401 (torch has no types)
    each = _rule_for(distribution.component_distribution)
    if each is None:
        return None
    log_weights = distribution.mixture_distribution.logits.log_softmax(-1)
    axis = -1 - len(distribution.event_shape)

    def log_density(x: Tensor) -> Tensor:
        points = x.unsqueeze(axis)
        parts = each(points) + log_weights
        support = distribution.component_distribution.support
        parts = torch.where(support.check(points), parts, -torch.inf)
        somewhere = parts.isfinite().any(-1, keepdim=True)  # nowhere: a gradient of NaN
        total = torch.where(somewhere, parts, 0.0).logsumexp(-1)
        return torch.where(somewhere.squeeze(-1), total, -torch.inf)

    return log_density


def _gumbel(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    y = (distribution.loc - x) / distribution.scale
    log_density: Tensor = y - _exp(y) - distribution.scale.log()
    return log_density


def _kumaraswamy(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    a, b = distribution.concentration1, distribution.concentration0
    log_x = x.log()
    beyond = (-(a * log_x).expm1()).log()  # 1 - x^a, to full relative precision near 1
    return a.log() + b.log() + (a - 1) * log_x + (b - 1) * beyond


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


def _uniform(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    log_density: Tensor = -(distribution.high - distribution.low).log() + torch.zeros_like(x)
    return log_density


def _exp(y: Tensor) -> Tensor:
    """The exponential; where gradients would overflow a straight line, and then infinity."""
    line = y.clamp_max(_STEEP).exp() * (1 + (y.clamp_max(_GONE) - _STEEP).clamp_min(0))
    return torch.where(y > _GONE, torch.inf, line)


def _categorical(distribution: Distribution, probs: Tensor, x: Tensor) -> Tensor:
    shape = torch.broadcast_shapes(x.shape, probs.shape[:-1])
    index = x.long().expand(shape).unsqueeze(-1)
    return log_probabilities(distribution).expand(*shape, -1).gather(-1, index).squeeze(-1)


def _one_hot(distribution: Distribution, probs: Tensor, x: Tensor) -> Tensor:
    return torch.where(x > 0, log_probabilities(distribution), 0.0).sum(-1)


def _bernoulli(distribution: Distribution, probs: Tensor, x: Tensor) -> Tensor:
    return torch.where(x > 0, _log(probs), _log(1 - probs))


def _binomial(distribution: Distribution, probs: Tensor, x: Tensor) -> Tensor:
    total = distribution.total_count  # type: ignore[attr-defined]
    impossible = ((probs == 0) & (x > 0)) | ((probs == 1) & (x < total))
    return torch.where(impossible, -torch.inf, distribution.log_prob(x))


def _geometric(distribution: Distribution, probs: Tensor, x: Tensor) -> Tensor:
    return torch.where((probs == 1) & (x > 0), -torch.inf, distribution.log_prob(x))


def _log(probs: Tensor) -> Tensor:
    """The logarithm, ``-inf`` at 0, where it sends no gradient."""
    positive = probs > 0
    return torch.where(positive, torch.where(positive, probs, 1.0).log(), -torch.inf)


_CONTINUOUS: dict[type[Distribution], Callable[[Distribution, Tensor], Tensor]] = {
    Gumbel: _gumbel,
    Kumaraswamy: _kumaraswamy,
    Uniform: _uniform,
    VonMises: _von_mises,
    Weibull: _weibull,
}
_DISCRETE: dict[type[Distribution], Callable[[Distribution, Tensor, Tensor], Tensor]] = {
    Bernoulli: _bernoulli,
    Binomial: _binomial,
    Categorical: _categorical,
    Geometric: _geometric,
    OneHotCategorical: _one_hot,
}
