r"""The Kullback-Leibler divergence of pairs of normal scalars, or of independent ones, in blocks.

It is a sum of terms that are not negative,

.. math:: \frac12 (s^2 + z^2) + s - \log(1 + s), \qquad
    s = \frac{\sigma_p - \sigma_q}{\sigma_q}, \quad z = \frac{\mu_p - \mu_q}{\sigma_q}.

The remainder of the logarithm of a ratio :math:`u = \sigma_p / \sigma_q = 1 + s` is
:math:`u - 1 - \log u`, for which rounding of u counts little, its derivative being 0 at 1. Near
it, it is a series in :math:`t = s / (2 + s)`,

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
_NEAR = 4e-4  # the remainder of a ratio within 3% of 1, where the series has these terms
_NEAR_IN_SINGLE = 1e-11  # as far as single precision needs a series
_SERIES = tuple(-2 / k for k in range(3, 11, 2))
_FAR = 700.0  # the remainder of a ratio that is 0, or that has lost digits


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
    found = np.empty((2, *shape[: len(shape) - events]), arrays[0].dtype)
    value, error = found[0, ...], found[1, ...]  # one piece of memory costs less than two
    with np.errstate(all="ignore"):
        if math.prod(shape) <= BLOCK:
            terms = _terms(arrays, np.empty((5, *shape)))
            value[...] = terms.sum(tuple(range(-events, 0))) if events else terms
        else:
            columns = [np.broadcast_to(each, shape).reshape(-1) for each in arrays]
            _in_blocks(columns, math.prod(p.event_shape), value.reshape(-1))
        if not math.isfinite(value.sum()):
            return None
    eps = float(np.finfo(value.dtype).eps)
    np.multiply(value, _ROUNDING if eps < _ROUNDING else _ROUNDING + eps, out=error)
    return torch.from_numpy(value), torch.from_numpy(error)


def remainder(
    own: Array, other: Array, out: Array, excess: Array | None = None, *, single: bool = False
) -> Array:
    r""":math:`s - \log(1 + s) \geq 0` to full relative precision.

    Arguments:
        own: Positive numbers.
        other: Positive numbers, of which s is what ``own`` exceeds them by.
        out: Where the remainder is written.
        excess: What ``own`` exceeds ``other`` by, where subtracting would lose digits of it.
        single: Whether the digits of single precision suffice.
    """
    np.divide(own, other, out=out)
    logs = np.log(out)
    out -= 1
    out -= logs
    if not out.max() <= _FAR:  # so too where one is NaN
        tiny = np.flatnonzero((out > _FAR) & (own < other))
        out.put(tiny, np.log(_some(other, tiny, out)) - np.log(_some(own, tiny, out)) - 1)
    near = np.flatnonzero(out < (_NEAR_IN_SINGLE if single else _NEAR))
    if near.size:
        unit = _some(other, near, out)
        gap = _some(own, near, out) - unit if excess is None else excess.take(near)
        gap /= unit
        out.put(near, _by_series(gap))
    return out


def _by_series(share: Array) -> Array:
    r""":math:`s - \log(1 + s)` for small s."""
    t = share / (share + 2)
    square = t * t
    series: Array = _SERIES[-1] * square
    for coefficient in _SERIES[-2::-1]:
        series += coefficient
        series *= square
    series += share
    series *= t
    return series


def _some(numbers: Array, indices: Array, like: Array) -> Array:
    """Those at indices into what they broadcast to."""
    wide = numbers if numbers.shape == like.shape else np.broadcast_to(numbers, like.shape)
    return wide.take(indices)


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
    remainder(share, scale, found, single=block[0].dtype == np.float32)
    share -= scale
    share /= scale
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
