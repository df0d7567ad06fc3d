r"""The Kullback-Leibler divergence of many pairs with few categories each, in blocks.

With :math:`s_i = (q_i - p_i) / p_i` it is the sum of terms that are not negative,

.. math:: D(p \parallel q) = \sum_i p_i \bigl(s_i - \log(1 + s_i)\bigr).

A relative error :math:`\delta` of each probability moves it by :math:`\delta \sum_i |q_i - p_i|`,
by Pinsker's inequality at most :math:`\delta \sqrt{2 D}`.
"""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Categorical, Distribution

from kldiv.blocks import BLOCK, Array, arrays_of
from kldiv.builtin.closed_forms.scalar_arrays import poisson
from kldiv.definitions.log_probability import was_given_probs

__all__ = ["kl_of_few"]

_MOST = 128  # categories, of which a plain sum rounds by less than is stated
_STEP = BLOCK // 4  # numbers of a block


def kl_of_few(p: Distribution, q: Distribution) -> Tensor | None:
    """The divergences of categorical distributions of one batch shape, in float64.

    Arguments:
        p: The one, as it was given.
        q: The other.

    Returns:
        The divergences with the batch shape; ``None`` where the ordinary way is the right one.
    """
    if not (type(p) is type(q) is Categorical and was_given_probs(p) and was_given_probs(q)):
        return None
    arrays = arrays_of([p.probs, q.probs])
    if arrays is None or arrays[0].shape != arrays[1].shape or arrays[0].shape[-1] > _MOST:
        return None
    first, second = (each.reshape(-1, each.shape[-1]) for each in arrays)
    value = np.empty(len(first))
    step = max(1, _STEP // first.shape[-1])
    with np.errstate(all="ignore"):
        for start in range(0, len(value), step):
            rows = slice(start, start + step)
            value[rows] = _of_rows(_normalised(first[rows]), _normalised(second[rows]))
        if np.isnan(value).any():
            return None
    return torch.from_numpy(value).reshape(p.batch_shape)


def _of_rows(first: Array, second: Array) -> Array:
    """The divergences from probabilities that lie category by category."""
    terms = poisson(first, second)
    empty = first == 0
    if empty.any():
        terms[empty] = second[empty]
    found: Array = terms.sum(0)
    return found


def _normalised(rows: Array) -> Array:
    doubles: Array = rows.T.astype(np.float64, order="C")
    doubles /= doubles.sum(0)
    return doubles
