r"""An f-divergence of millions of categories, in one pass over them.

With probabilities that sum to 1 it is the sum of its definition,

.. math:: D_f(p \parallel q) = \sum_i q_i\,f(u_i), \qquad \log u_i = \log p_i - \log q_i,

by the generator alone, block by block in float64; where a block has an empty category, or a ratio
that is hardly a number, by the canonical integrand, which knows the limits of the generator.

Its rounding is that of the terms, and that of the logarithms times how fast the terms move with
them, which a share of the categories shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from torch import Tensor

from kldiv.blocks import Array, blocks
from kldiv.builtin.closed_forms.large_side import LargeSide
from kldiv.definitions.divergence import FDivergence

__all__ = ["f_divergences_of_large"]

_EPS = float(np.finfo(np.float64).eps)
_FAR = 300.0  # of log ratios: their exponential squared is still a float64
_SHARE = 16  # one category of so many
_CAUTION = 8.0  # a share may show so much less than all
_STEP = 1e-6
_ROUGHLY = 4096 * _EPS  # of logarithms of the smallest numbers


def f_divergences_of_large(
    divergences: Sequence[FDivergence], first: LargeSide, second: LargeSide
) -> list[tuple[Array, Array]]:
    """The divergences of large categorical distributions, and their rounding.

    Arguments:
        divergences: The divergences.
        first: The one.
        second: The other, with as many categories.

    Returns:
        Both of each, a number for each row.
    """
    found = torch.zeros(len(divergences), 2, len(first.given), dtype=torch.float64)
    for place in blocks(*first.given.shape):
        logs = [torch.from_numpy(side.log_probabilities(place)) for side in (first, second)]
        for one, divergence in zip(found, divergences, strict=True):
            one[:, place[0]] += torch.stack(_of_block(divergence, *logs))
    return [(one[0].clamp_min(0.0).numpy(), one[1].numpy()) for one in found]


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
