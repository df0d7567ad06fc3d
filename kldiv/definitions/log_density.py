r"""Log probabilities as they are, where those of torch stop short of :math:`\log 0`.

``torch.distributions`` raises probabilities of 0 to the rounding error of their type, so that no
logarithm is infinite. To a divergence the difference is that between infinity and some tens of
nats.
"""

from __future__ import annotations

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
    OneHotCategorical,
)

__all__ = ["log_density_of", "log_probabilities"]

LogDensity = Callable[[Tensor], Tensor]


def log_density_of(distribution: Distribution) -> LogDensity:
    r"""The log density of a distribution, ``-inf`` where a probability that it was given is 0."""
    probs = vars(getattr(distribution, "_categorical", distribution)).get("probs")
    rule = _RULES.get(type(distribution))
    if rule is None or probs is None or _was_given_logits(distribution, probs):
        return distribution.log_prob
    return lambda x: rule(distribution, probs, x)


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


_RULES: dict[type[Distribution], Callable[[Distribution, Tensor, Tensor], Tensor]] = {
    Bernoulli: _bernoulli,
    Binomial: _binomial,
    Categorical: _categorical,
    Geometric: _geometric,
    OneHotCategorical: _one_hot,
}
