"""Log probabilities of discrete distributions as they are, to the last digits.

``torch.distributions`` raises probabilities of 0 to the rounding error of their type, so that no
logarithm is infinite; to a divergence the difference is that between infinity and some tens of
nats. Its log probabilities of counts lose digits as counts grow, and its probabilities in float32
sum to 1 in float32 only. The rules here, one for each distribution, put that right.
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
    Multinomial,
    NegativeBinomial,
    OneHotCategorical,
    Poisson,
)

from kldiv.definitions.counts import log_binomial, log_negative_binomial, log_poisson
from kldiv.definitions.numbers import broadcast

__all__ = ["LOG_PROBABILITIES", "log_probabilities", "was_given_probs"]


def log_probabilities(distribution: Distribution) -> Tensor:
    r"""The log probabilities of a trial's categories, with shape :math:`(*, K)` and sum 1.

    Arguments:
        distribution: A Bernoulli, categorical, binomial or multinomial distribution.
    """
    own: Any = getattr(distribution, "_categorical", distribution)
    two = isinstance(distribution, Bernoulli | Binomial)
    if not was_given_probs(own):
        logits: Tensor = own.logits
        both = torch.stack([torch.zeros_like(logits), logits], -1) if two else logits
        return both.log_softmax(-1)
    both = torch.stack([1 - own.probs, own.probs], -1) if two else own.probs
    return _log(both / both.sum(-1, keepdim=True))


def _categorical(distribution: Categorical, x: Tensor) -> Tensor:
    logs = log_probabilities(distribution)
    shape = broadcast(x.shape, logs.shape[:-1])
    index = x.long().expand(shape).unsqueeze(-1)
    return logs.expand(*shape, -1).gather(-1, index).squeeze(-1)


def _one_hot(distribution: OneHotCategorical, x: Tensor) -> Tensor:
    return torch.where(x > 0, log_probabilities(distribution), 0.0).sum(-1)


def _multinomial(distribution: Multinomial, x: Tensor) -> Tensor:
    """What torch computes, ``-inf`` where the counts do not sum to the total."""
    logs = torch.where(x > 0, log_probabilities(distribution), 0.0)
    inside = (x.sum(-1) + 1).lgamma() - (x + 1).lgamma().sum(-1) + (x * logs).sum(-1)
    return torch.where(x.sum(-1) == distribution.total_count, inside, -torch.inf)


def _bernoulli(distribution: Bernoulli, x: Tensor) -> Tensor:
    if not was_given_probs(distribution):
        return distribution.log_prob(x)  # type: ignore[no-any-return]
    return torch.where(x > 0, _log(distribution.probs), _log(1 - distribution.probs))


def _binomial(distribution: Binomial, x: Tensor) -> Tensor:
    return log_binomial(x, _count(distribution, x), *_odds(distribution))


def _negative_binomial(distribution: NegativeBinomial, x: Tensor) -> Tensor:
    return log_negative_binomial(x, _count(distribution, x), *_odds(distribution))


def _poisson(distribution: Poisson, x: Tensor) -> Tensor:
    return log_poisson(x, distribution.rate)


def _geometric(distribution: Geometric, x: Tensor) -> Tensor:
    impossible = (distribution.probs == 1) & (x > 0)
    return torch.where(impossible, -torch.inf, distribution.log_prob(x))


def _count(distribution: Binomial | NegativeBinomial, x: Tensor) -> Tensor:
    return torch.as_tensor(distribution.total_count, dtype=x.dtype, device=x.device)


def _odds(distribution: Binomial | NegativeBinomial) -> tuple[Tensor, Tensor]:
    """The probabilities of success and of failure, each from what was given."""
    if was_given_probs(distribution):
        return distribution.probs, 1 - distribution.probs
    return distribution.logits.sigmoid(), (-distribution.logits).sigmoid()


def was_given_probs(distribution: Distribution) -> bool:
    """Whether its parameter is probabilities, and not logits that they were computed from."""
    probs = vars(distribution).get("probs")
    if probs is None:
        return False
    given: Tensor = getattr(distribution, "_param", probs)
    if given is probs:
        return True
    return given.shape == probs.shape and bool((given == probs).all())


def _log(probs: Tensor) -> Tensor:
    """The logarithm, ``-inf`` at 0, where it sends no gradient."""
    positive = probs > 0
    return torch.where(positive, torch.where(positive, probs, 1.0).log(), -torch.inf)


LOG_PROBABILITIES: dict[type[Distribution], Callable[..., Tensor]] = {
    Bernoulli: _bernoulli,
    Binomial: _binomial,
    Categorical: _categorical,
    Geometric: _geometric,
    Multinomial: _multinomial,
    NegativeBinomial: _negative_binomial,
    OneHotCategorical: _one_hot,
    Poisson: _poisson,
}
"""The log probability of points by the type of the distribution that is its first argument."""
