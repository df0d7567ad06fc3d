"""Divergences of millions of categories: which are summed in which way."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import torch

from torch import Tensor

from kldiv.blocks import Array, tensors_of
from kldiv.builtin.closed_forms.kinds_of_sums import sums_of
from kldiv.builtin.closed_forms.large_categories import kl_of_large
from kldiv.builtin.closed_forms.large_side import LargeSide
from kldiv.builtin.closed_forms.large_sums import f_divergences_of_large
from kldiv.builtin.closed_forms.shared_sums import shared_sums
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.divergence import Divergence, FDivergence

__all__ = ["divergences_of_large"]


def divergences_of_large(
    divergences: Sequence[Divergence], p: LargeSide, q: LargeSide, shape: torch.Size
) -> list[tuple[Tensor, Tensor] | None]:
    """The divergences of large categorical distributions, and their rounding.

    All that can be are summed in one pass. What is too small for it, or unknown to it, is summed
    by its generator, in one pass as well. The Kullback-Leibler divergence alone has its own.

    Arguments:
        divergences: The divergences.
        p: The one.
        q: The other, with as many categories.
        shape: The batch shape.

    Returns:
        Of each both with the batch shape, in float64; ``None`` where they are to be had by other
        rules, or not finite.
    """
    alone = [type(each) for each in divergences] == [KL]
    with np.errstate(all="ignore"), torch.no_grad():
        found = {} if alone else _by_shared_sums(divergences, (p, q))
        found |= _by_generators(divergences, (p, q), without=found)
        pairs = [
            kl_of_large(p, q)
            if type(divergence) is KL and index not in found
            else found.get(index)
            for index, divergence in enumerate(divergences)
        ]
    return [
        None if pair is None or np.isnan(sum(pair)).any() else tensors_of(pair, shape)
        for pair in pairs
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
