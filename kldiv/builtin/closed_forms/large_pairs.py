"""Divergences of millions of categories: which are summed in which way."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.blocks import Array
from kldiv.builtin.closed_forms.kinds_of_sums import sums_of
from kldiv.builtin.closed_forms.large_categories import kl_of_large
from kldiv.builtin.closed_forms.large_side import LargeSide
from kldiv.builtin.closed_forms.large_sums import f_divergences_of_large
from kldiv.builtin.closed_forms.shared_sums import shared_sums
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.divergence import Divergence, FDivergence

__all__ = ["divergences_of_large"]


def divergences_of_large(
    divergences: Sequence[Divergence], p: Distribution, q: Distribution
) -> list[tuple[Tensor, Tensor] | None]:
    """The divergences of large categorical distributions, and their rounding.

    All that can be are summed in one pass. What is too small for it, or unknown to it, is summed
    by its generator, in one pass as well. The Kullback-Leibler divergence alone has its own.

    Arguments:
        divergences: The divergences.
        p: The one, as it was given; together they are large.
        q: The other.

    Returns:
        Of each both with the batch shape, in float64; ``None`` where they are to be had by
        autograd, by other rules, or not finite.
    """
    if [type(each) for each in divergences] == [KL]:
        return [kl_of_large(p, q)]
    sides = [side for side in map(LargeSide.of, (p, q)) if side is not None]
    if len(sides) < 2:
        return [None for _ in divergences]
    with np.errstate(all="ignore"), torch.no_grad():
        found = _by_shared_sums(divergences, sides)
        found |= _by_generators(divergences, sides, without=found)
    shape = p.batch_shape
    tensors = {
        index: (torch.from_numpy(value).reshape(shape), torch.from_numpy(error).reshape(shape))
        for index, (value, error) in found.items()
        if not np.isnan(value + error).any()
    }
    return [
        kl_of_large(p, q) if type(divergence) is KL and index not in found else tensors.get(index)
        for index, divergence in enumerate(divergences)
    ]


def _by_shared_sums(
    divergences: Sequence[Divergence], sides: Sequence[LargeSide]
) -> dict[int, tuple[Array, Array]]:
    """Those in one pass that can be, by their places."""
    kinds = {index: sums_of(divergence) for index, divergence in enumerate(divergences)}
    known = {index: kind for index, kind in kinds.items() if kind is not None}
    if not known:
        return {}
    pairs = zip(known, shared_sums([*known.values()], sides), strict=True)
    return {index: pair for index, pair in pairs if pair is not None}


def _by_generators(
    divergences: Sequence[Divergence], sides: Sequence[LargeSide], without: Container[int]
) -> dict[int, tuple[Array, Array]]:
    """The f-divergences that are left, by their places."""
    left = {
        index: divergence
        for index, divergence in enumerate(divergences)
        if index not in without
        and isinstance(divergence, FDivergence)
        and type(divergence) is not KL
    }
    if not left:
        return {}
    return dict(zip(left, f_divergences_of_large([*left.values()], *sides), strict=True))
