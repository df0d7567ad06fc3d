r"""The Kullback-Leibler divergence of pairs of normal scalars, or of independent ones, in blocks.

It is a sum of terms that are not negative,

.. math:: \frac12 (s^2 + z^2) + s - \log(1 + s), \qquad
    s = \frac{\sigma_p - \sigma_q}{\sigma_q}, \quad z = \frac{\mu_p - \mu_q}{\sigma_q}.

Near :math:`s = 0` the remainder of the logarithm is a series in :math:`t = s / (2 + s)`,

.. math:: s - \log(1 + s) = s t - 2 t^3 \Bigl(\frac13 + \frac{t^2}5 + \frac{t^4}7 + \dots\Bigr).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from kldiv.blocks import BLOCK, Array, arrays_of
from kldiv.definitions.numbers import broadcast

__all__ = ["kl_of_scalars", "remainder"]

_ROUNDING = 1e-13
_NEAR = 0.1  # from 0, where the series has no more than these terms
_SERIES = tuple(-2 / k for k in range(3, 17, 2))
_FAR = -0.9  # below it 1 + s is had better by dividing


def kl_of_scalars(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor] | None:
    """The divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: Normal scalars, or vectors of independent ones, as they were given.
        q: Likewise.

    Returns:
        Both with the batch shape; ``None`` where the ordinary way is the right one.
    """
    first, second = _base_of(p), _base_of(q)
    if first is None or second is None:
        return None
    shape = broadcast(first.batch_shape, second.batch_shape)
    arrays = arrays_of([first.loc, second.loc, first.scale, second.scale])
    if arrays is None or 0 in shape:
        return None
    events = len(p.event_shape)
    value = np.empty(shape[: len(shape) - events], arrays[0].dtype)
    with np.errstate(all="ignore"):
        if math.prod(shape) <= BLOCK:
            found = _terms(arrays, np.empty((5, *shape)))
            value[...] = found.sum(tuple(range(-events, 0))) if events else found
        else:
            columns = [np.broadcast_to(each, shape).reshape(-1) for each in arrays]
            _in_blocks(columns, math.prod(p.event_shape), value.reshape(-1))
        if not math.isfinite(value.sum()):
            return None
    eps = float(np.finfo(value.dtype).eps)
    error = np.asarray(value * (_ROUNDING if eps < _ROUNDING else _ROUNDING + eps), value.dtype)
    return torch.from_numpy(value), torch.from_numpy(error)


def remainder(share: Array, own: Array, other: Array, out: Array) -> Array:
    r""":math:`s - \log(1 + s) \geq 0` to full relative precision.

    Arguments:
        share: The numbers s, what ``own`` exceeds ``other`` by in units of it.
        own: Positive numbers.
        other: Positive numbers.
        out: Where the remainder is written.
    """
    np.subtract(share, np.log1p(share, out=out), out=out)
    if not share.min() >= _FAR:  # so too where another share is NaN
        far = share < _FAR
        logs = (np.log(np.broadcast_to(each, far.shape)[far]) for each in (own, other))
        out[far] = share[far] - np.subtract(*logs)
    near = np.abs(share) < _NEAR
    if near.any():
        close = share[near]
        t = close / (2 + close)
        square = t * t
        series = np.zeros_like(t)
        for coefficient in reversed(_SERIES):
            series *= square
            series += coefficient
        out[near] = close * t + series * square * t
    return out


def _in_blocks(columns: list[Array], size: int, value: Array) -> None:
    """Writes the divergences of pairs of vectors of independent scalars."""
    step = max(1, BLOCK // size)
    work = np.empty((5, step * size))
    for start in range(0, len(value), step):
        block = [each[start * size : (start + step) * size] for each in columns]
        found = _terms(block, work[:, : len(block[0])])
        value[start : start + step] = found if size == 1 else found.reshape(-1, size).sum(-1)


def _terms(block: list[Array], work: Array) -> Array:
    """The divergence of each pair of scalars."""
    shift, centre, share, scale, found = (work[row, ...] for row in range(5))
    for each, memory in zip(block, (shift, centre, share, scale), strict=True):
        np.copyto(memory, each)
    shift -= centre
    shift /= scale
    share -= scale
    share /= scale
    remainder(share, block[2], block[3], found)
    share *= share
    shift *= shift
    shift += share
    shift *= 0.5
    found += shift
    return found


def _base_of(distribution: Distribution) -> Normal | None:
    """The scalars that a distribution is made of."""
    if type(distribution) is Independent:
        distribution = distribution.base_dist
    return distribution if type(distribution) is Normal else None
