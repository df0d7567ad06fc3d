r"""Averages over nodes of a mixture's log density and slopes, in memory that stays in the cache.

Seen from the last component, the m-th, the others are :math:`h_j(z)` higher, a parabola in the
node z, and

.. math:: \log p = \log p_m + \log T, \qquad r_j = e^{h_j} / T, \qquad
    T = 1 + \sum_{j < m} e^{h_j},

so that a node takes an exponential for each of the others and one logarithm. Only where numbers
would overflow the highest of them is taken off before.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch

from torch import Tensor

from kldiv.solvers.arrays import Numbers, stacked

__all__ = ["averages"]

_CACHE = 1 << 17  # numbers that fit the cache of a processor
_ROOM = 3.0  # in the logarithm of the largest number, for a sum of exponentials


def averages(parts: Sequence[Numbers], tables: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    r"""The averages of :math:`\log p` and of :math:`\gamma, \dots, \gamma z^3` under members.

    Arguments:
        parts: The logarithms of heights, the means and the inverse scales of the components, with
            shape :math:`(m, B)`, and the means and the scales of the members, with shape
            :math:`(B)`.
        tables: The :attr:`kldiv.solvers.normal_tables.Tables.powers` of the nodes.

    Returns:
        They, with shapes :math:`(B)` and :math:`(4, B)`.
    """
    (count, columns), nodes = parts[0].shape, tables[0].shape[1]
    if isinstance(parts[0], Tensor):
        return _averages(torch, parts, tables, parts[0].new_empty(count + 1, nodes, columns))
    width = max(1, _CACHE // ((count + 1) * nodes))
    space = np.empty((count + 1, nodes, min(width, columns)), parts[0].dtype)
    if columns <= width:
        return _averages(np, parts, tables, space)
    found = []
    for low in range(0, columns, width):
        own = [each[..., low : low + width] for each in parts]
        found.append(_averages(np, own, tables, space[..., : own[0].shape[-1]]))
    log_p, slopes = (np.concatenate(each, -1) for each in zip(*found, strict=True))
    return log_p, slopes


def _averages(
    library: ModuleType, parts: Sequence[Numbers], tables: Sequence[Numbers], space: Numbers
) -> tuple[Numbers, Numbers]:
    """They by a library, numpy or torch, of which all that is used has the same names in both.

    Arguments:
        library: The library.
        parts: As above, arrays of the library, as what follows.
        tables: As above.
        space: Memory to work on, with shape (m + 1, K, B).
    """
    logs, mean, inverse, loc, scale = parts
    basis, powers, moments = tables
    away, wide = (loc - mean) * inverse, scale * inverse
    curves = stacked((logs - away * away / 2, -away * wide, -wide * wide / 2)).swapaxes(0, 1)
    last, curves = curves[-1], curves[:-1] - curves[-1]
    rising = library.matmul(basis.T, curves, out=space[:-2])
    log_total = _shared(library, rising, *space[-2:])
    found = moments @ last
    log_p, slopes = found[0], found[1:]
    for curve, share in zip(curves, powers @ rising, strict=True):
        slopes -= curve[1] * share[:4]
        slopes -= 2 * curve[2] * share[1:]
    return log_p + powers[0] @ log_total, slopes


def _shared(library: ModuleType, rising: Numbers, total: Numbers, highest: Numbers) -> Numbers:
    """Turns heights (m - 1, K, B) into shares, and memory (K, B) into logarithms of sums."""
    most = math.log(library.finfo(rising.dtype).max) - _ROOM
    far = len(rising) > 0 and bool(rising.max() > most)
    total[...] = 1.0
    if far:
        highest[...] = 0.0
        for each in rising:
            library.maximum(highest, each, out=highest)
        rising -= highest
        library.exp(library.negative(highest, out=total), out=total)
    library.exp(rising, out=rising)
    for each in rising:
        total += each
    rising /= total
    library.log(total, out=total)
    if far:
        total += highest
    return total
