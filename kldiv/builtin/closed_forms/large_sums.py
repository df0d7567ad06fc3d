r"""An f-divergence of millions of categories, in one pass over them.

With probabilities that sum to 1 it is the sum of its definition,

.. math:: D_f(p \parallel q) = \sum_i q_i\,f(u_i), \qquad \log u_i = \log p_i - \log q_i,

by the generator alone, block by block in float64; where a block has an empty category, or a ratio
that is hardly a number, by the canonical integrand, which knows the limits of the generator.

Its rounding is that of the terms, and that of the logarithms times how fast the terms move with
them, which a share of the categories shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Categorical, Distribution

from kldiv.blocks import LARGE, Array, arrays_of, blocks
from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.log_probability import was_given_probs

__all__ = ["f_divergence_of_large", "is_large"]

_EPS = float(np.finfo(np.float64).eps)
_FAR = 300.0  # of log ratios: their exponential squared is still a float64
_SHARE = 16  # one category of so many
_CAUTION = 8.0  # a share may show so much less than all
_STEP = 1e-6
_ROUGHLY = 4096 * _EPS  # of logarithms of the smallest numbers


@dataclass(frozen=True)
class _Side:
    """The probabilities of a distribution, a row for each of the batch, or their logarithms."""

    given: Array
    logs: bool
    log_mass: Array

    @classmethod
    def of(cls, side: Distribution) -> _Side | None:
        given = _array(side)
        if given is None:
            return None
        logs = not was_given_probs(side)
        if not logs:
            return cls(given, logs, np.log(given.sum(-1, keepdims=True, dtype=np.float64)))
        mass = np.zeros((len(given), 1))
        for place in blocks(*given.shape):
            mass[place[0]] += np.exp(given[place], dtype=np.float64).sum(-1, keepdims=True)
        return cls(given, logs, np.log(mass))

    def log_probabilities(self, place: tuple[slice, slice]) -> Tensor:
        """Those of a block, in float64."""
        block = self.given[place].astype(np.float64)
        if not self.logs:
            np.log(block, out=block)
        block -= self.log_mass[place[0]]
        return torch.from_numpy(block)


def is_large(p: Distribution, q: Distribution) -> bool:
    """Whether both have as many categories, many of them, and nobody asks for gradients."""
    first, second = (_array(side) for side in (p, q))
    if first is None or second is None or p.batch_shape != q.batch_shape:
        return False
    return first.shape == second.shape and first.size >= LARGE


def f_divergence_of_large(
    divergence: FDivergence, p: Distribution, q: Distribution
) -> tuple[Tensor, Tensor] | None:
    """The divergences of large categorical distributions, and their rounding.

    Arguments:
        divergence: The divergence.
        p: The one, as it was given; together they are large.
        q: The other.

    Returns:
        Both with the batch shape, in float64; ``None`` where one is NaN.
    """
    with np.errstate(all="ignore"), torch.no_grad():
        first, second = (_Side.of(side) for side in (p, q))
        if first is None or second is None:
            return None
        value, rounding = torch.zeros(2, len(first.given), dtype=torch.float64)
        for place in blocks(*first.given.shape):
            logs = [side.log_probabilities(place) for side in (first, second)]
            terms, error = _of_block(divergence, *logs)
            value[place[0]] += terms
            rounding[place[0]] += error
    if value.isnan().any() or rounding.isnan().any():
        return None
    shape = p.batch_shape
    return value.clamp_min(0.0).reshape(shape), rounding.reshape(shape)


def _of_block(divergence: FDivergence, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of the terms of some categories, and of their rounding."""
    log_u = log_p - log_q
    largest = max(float(log_p.abs().max()), float(log_q.abs().max()))
    if not largest < _FAR:
        return _careful(divergence, log_p, log_q)
    mass = torch.from_numpy(np.exp(log_q.numpy()))
    terms = mass * divergence.generator(log_u)
    some = (..., slice(None, None, _SHARE))
    moved = mass[some] * divergence.generator(log_u[some] + _STEP) - terms[some]
    shift = _CAUTION * _SHARE * 4 * _EPS * (1 + largest) / _STEP
    return terms.sum(-1), shift * moved.abs().sum(-1) + 16 * _EPS * terms.abs().sum(-1)


def _careful(divergence: FDivergence, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """The same by the canonical integrand, of any densities."""
    (terms,) = divergence.integrands(log_p, log_q)
    masses = {"mass_p": log_p.exp().sum(-1), "mass_q": log_q.exp().sum(-1)}
    value = divergence.combine_measures(terms.sum(-1), **masses)
    size = terms.sum(-1) + masses["mass_p"] + masses["mass_q"]
    return value, torch.where(value.isfinite(), _ROUGHLY * size, 0.0)


def _array(side: Distribution) -> Array | None:
    """The numbers that a categorical distribution was given, a row for each of the batch."""
    if type(side) is not Categorical:
        return None
    found = arrays_of([side.probs if was_given_probs(side) else side.logits])
    return None if found is None else found[0].reshape(-1, found[0].shape[-1])
