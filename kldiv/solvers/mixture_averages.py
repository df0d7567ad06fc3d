r"""Averages over nodes of a mixture's log density and slopes, in memory that stays in the cache.

A component's logarithm is a parabola :math:`a - b z - c z^2 / 2` in the node z. Seen from the
last one, the m-th, the others are :math:`h_j(z)` higher, again a parabola, and

.. math:: \log p = \log p_m + \log T, \qquad r_j = e^{h_j} / T, \qquad
    T = 1 + \sum_{j < m} e^{h_j}, \qquad \gamma = \sum_j r_j (b_j + c_j z),

so that a node takes an exponential for each of the others and one logarithm. The few members
whose numbers overflow are seen anew, with the highest of them taken off before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeAlias

import numpy as np
import torch

from torch import Tensor

from kldiv.solvers.arrays import Numbers, library_of, stacked, taken, where_true

__all__ = ["averages"]

Shares: TypeAlias = Callable[[ModuleType, Numbers, Numbers], Numbers]

_CACHE = 1 << 17  # numbers that fit the cache of a processor


def averages(parts: Sequence[Numbers], tables: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    r"""The averages of :math:`\log p` and of :math:`\gamma, \dots, \gamma z^3` under members.

    Arguments:
        parts: The logarithms of heights, the means and the inverse scales of the components, with
            shape :math:`(m, B)`, and the means and the scales of the members, with shape
            :math:`(B)`.
        tables: The :attr:`kldiv.solvers.normal_tables.Tables.powers` of the nodes.

    Returns:
        They, with shapes :math:`(2, B)`, by all nodes and by every other one, and :math:`(4, B)`.
    """
    with np.errstate(all="ignore"):
        found = _in_blocks(parts, tables, _shares)
        unknown = where_true(~library_of(found[0]).isfinite(found[0]).all(0))
        if len(unknown):
            few = [taken(each, unknown, -1) for each in parts]
            for every, anew in zip(found, _in_blocks(few, tables, _careful_shares), strict=True):
                every[..., unknown] = anew
    return found


def _in_blocks(
    parts: Sequence[Numbers], tables: Sequence[Numbers], shares: Shares
) -> tuple[Numbers, Numbers]:
    """They for as many members at a time as the cache of a processor holds."""
    (count, columns), nodes = parts[0].shape, tables[0].shape[1]
    if isinstance(parts[0], Tensor):
        return _averages(torch, parts, tables, shares, parts[0].new_empty(count, nodes, columns))
    width = min(columns, max(1, _CACHE // (count * nodes)))
    space = np.empty((count, nodes, width), parts[0].dtype)
    if columns == width:
        return _averages(np, parts, tables, shares, space)
    log_p, slopes = (np.empty((rows, columns), parts[0].dtype) for rows in (2, 4))
    for low in range(0, columns, width):
        own = slice(low, low + width)
        some = [each[..., own] for each in parts]
        room = space[..., : some[-1].shape[-1]]
        log_p[:, own], slopes[:, own] = _averages(np, some, tables, shares, room)
    return log_p, slopes


def _averages(
    library: ModuleType,
    parts: Sequence[Numbers],
    tables: Sequence[Numbers],
    shares: Shares,
    space: Numbers,
) -> tuple[Numbers, Numbers]:
    """They by a library, numpy or torch, of which all that is used has the same names in both.

    Arguments:
        library: The library.
        parts: As above, arrays of the library, as what follows.
        tables: As above.
        shares: What makes shares of heights.
        space: Memory to work on, with shape (m, K, B).
    """
    logs, mean, inverse, loc, scale = parts
    basis, powers, weights, parabola = tables
    away, wide = (loc - mean) * inverse, scale * inverse
    curves = stacked((logs - away * away / 2, away * wide, wide * wide)).swapaxes(0, 1)
    last, curves = curves[-1], curves[:-1] - curves[-1]
    rising = library.matmul(basis.T, curves, out=space[:-1])
    log_total = shares(library, rising, space[-1])
    found = parabola @ last
    log_p, slopes = found[:2], found[2:]
    for curve, share in zip(curves, powers @ rising, strict=True):
        slopes += curve[1] * share[:4]
        slopes += curve[2] * share[1:]
    return log_p + weights @ log_total, slopes


def _shares(library: ModuleType, rising: Numbers, total: Numbers) -> Numbers:
    """Turns heights (m - 1, K, B) into shares, and memory (K, B) into logarithms of sums."""
    library.exp(rising, out=rising)
    total[...] = 1.0
    for each in rising:
        total += each
    rising /= total
    return library.log(total, out=total)


def _careful_shares(library: ModuleType, rising: Numbers, total: Numbers) -> Numbers:
    """The same where some are so high that their exponentials overflow."""
    highest = library.zeros_like(total)
    for each in rising:
        library.maximum(highest, each, out=highest)
    rising -= highest
    library.exp(rising, out=rising)
    library.exp(-highest, out=total)
    for each in rising:
        total += each
    rising /= total
    return library.log(total, out=total) + highest
