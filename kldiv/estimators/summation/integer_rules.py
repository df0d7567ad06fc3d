r"""Sums over runs of consecutive integers, from 16 of their terms.

What Gauss rules are to integrals: over a run of :math:`N = 16 \cdot 2^\ell` integers the terms of
a smooth summand are those of a polynomial of degree 15 through 16 of them, whose sum is known. At
level 0 the rule is the plain sum. The nodes are the integers next to those of Gauss and Legendre;
the weights give every Chebyshev polynomial :math:`T_j`, :math:`j < 16`, its exact sum

.. math:: \sum_{k=0}^{N-1} T_j(s_k), \qquad s_k = (2k + 1) / N - 1.

The size of the last two Chebyshev coefficients, times N, is the error: those that are left out
are smaller where the summand is smooth, and nothing is smooth by accident.

References:
    Is Gauss Quadrature Better than Clenshaw-Curtis? (Trefethen, 2008), section 4,
    doi:10.1137/060659831.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from torch import Tensor

__all__ = ["LEVELS", "SIZE", "Rules", "rules"]

SIZE = 16
"""The number of nodes of a run, and of integers in a run of level 0."""
LEVELS = 49
"""Beyond this level integers are farther apart than float64 can tell, and rules scale."""
_OF_32 = (0.0, 1.0, 2.0, 4.0, 7.0, 10.0, 12.0, 15.0)  # those next to Gauss's weigh less than 0
_SUMMED = 1 << 16  # shorter runs are summed term by term to make their weights


@dataclass(frozen=True)
class Rules:
    r"""Tables by level, each with shape :math:`(50, 16)`, ``details`` with (50, 2, 16).

    Arguments:
        offsets: The nodes, counted from the first integer of the run.
        weights: How many integers each node stands for.
        details: What makes the last two Chebyshev coefficients of the terms, times N.
    """

    offsets: Tensor
    weights: Tensor
    details: Tensor


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The rules of all levels, made at first use."""
    made = [_rule(SIZE << level) for level in range(LEVELS + 1)]
    return Rules(*(torch.from_numpy(np.stack(tables)) for tables in zip(*made, strict=True)))


def _rule(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights and details for a run of so many integers."""
    offsets = _nodes(count)
    basis = np.polynomial.chebyshev.chebvander((2 * offsets + 1) / count - 1, SIZE - 1)
    inverse = np.linalg.inv(basis)
    weights = np.ones(SIZE) if count == SIZE else _moments(count) @ inverse
    return offsets, weights, inverse[-2:] * count


def _nodes(count: int) -> np.ndarray:
    """The integers next to the nodes of Gauss and Legendre, none twice, symmetric."""
    places, _ = np.polynomial.legendre.leggauss(SIZE)
    half = np.rint((places[: SIZE // 2] + 1) * (count / 2) - 0.5)
    if count <= 2 * SIZE:
        half = np.arange(SIZE // 2.0) if count == SIZE else np.array(_OF_32)
    return np.concatenate([half, (count - 1) - half[::-1]])


def _moments(count: int) -> np.ndarray:
    """The sums of the Chebyshev polynomials, beyond some length by Euler and Maclaurin."""
    if count <= _SUMMED:
        places = (2 * np.arange(count) + 1) / count - 1
        total: np.ndarray = np.polynomial.chebyshev.chebvander(places, SIZE - 1).sum(0)
        return total
    degrees = np.arange(SIZE)
    even = degrees % 2 == 0
    integral = np.where(even, 2 / (1.0 - degrees**2 + ~even), 0.0)
    slopes = np.where(even, 2.0 * degrees**2, 0.0)  # T'(1) - T'(-1)
    step = 2 / count
    return (integral - step**2 / 24 * slopes) / step
