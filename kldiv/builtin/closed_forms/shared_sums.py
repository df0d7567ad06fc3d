r"""Several divergences of millions of categories, in one pass over them.

With weights :math:`a_i`, :math:`b_i` of sums A, B, near 1, the Kullback-Leibler divergence and all
functions of Rényi's need

.. math:: \sum_i a_i \log\frac{a_i}{b_i}, \qquad \sum_i a_i^\alpha\,b_i^{1 - \alpha},

of which the masses are taken out at the end. Jensen and Shannon's is homogeneous: the masses
change it by what its slopes in them say, but for the square of how far they are from 1. Others are
sums of probabilities that are normalised before. Each block is exponentiated once for all, in
float64.

It is the plain way, for divergences that are not small: the terms of these sums have both signs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kldiv.blocks import BLOCK, blocks
from kldiv.builtin.closed_forms.kinds_of_sums import (
    ROUNDING,
    Masses,
    Pair,
    Sums,
    divergences_of_sums,
)
from kldiv.builtin.closed_forms.large_block import BUFFERS, LargeBlock
from kldiv.builtin.closed_forms.large_side import LargeSide

__all__ = ["shared_sums"]

_LEAST = 1e-130  # a probability of which quotients and their squares are numbers


def shared_sums(kinds: Sequence[Sums], sides: Sequence[LargeSide]) -> list[Pair | None]:
    """The divergences of large categorical distributions, and their rounding.

    Arguments:
        kinds: The sums that they are functions of.
        sides: The one and the other, with as many categories.

    Returns:
        Both of each, a number for each row; ``None`` for those that are too small or not finite.
    """
    scaled = any(each.scaled for each in kinds) and not all(side.normalised for side in sides)
    roots = any(each.roots for each in kinds)
    shape = sides[0].given.shape
    buffers = np.empty((BUFFERS, BLOCK))
    totals, least = np.zeros((2 + sum(each.number for each in kinds), shape[0])), np.inf
    for place in blocks(*shape):
        block = LargeBlock(sides, place, buffers, scaled=scaled, roots=roots)
        least = min(least, block.p.min(), block.q.min())
        if not least > _LEAST:
            return [None] * len(kinds)
        parts = [block.mass_p, block.mass_q]
        for kind in kinds:
            parts += kind.of(block)
        totals[:, place[0]] += parts
    mass_p, mass_q, *sums = totals
    masses = Masses(mass_p, mass_q, ROUNDING * (1 - np.log(least)))
    return divergences_of_sums(kinds, masses, sums)
