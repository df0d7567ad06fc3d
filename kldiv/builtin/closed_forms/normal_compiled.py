r"""The Kullback-Leibler divergence of pairs of normals by a compiled function.

In the notation of `kldiv.builtin.closed_forms.normal_vectors` it is a sum of positive terms,

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr),
    \qquad [z, C] = L_q^{-1} [\mu_p - \mu_q, L_p - L_q],

here written out entry by entry, for a compiler to make one pass over the pairs of it, in float64.
Its rounding is that of the triangular system, by the comparison matrix of each pair. Of two
entries of the diagonal, s and t, the product :math:`1 + r = (1 + s) (1 + t)` is taken at once,

.. math:: \frac{s^2 + t^2}2 + s + t - \log\bigl((1 + s) (1 + t)\bigr)
    = \frac{(s - t)^2}2 + r - \log(1 + r).
"""

from __future__ import annotations

import math

from collections.abc import Callable, Iterator, Sequence
from functools import cache, reduce

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal

from kldiv.blocks import arrays_of
from kldiv.builtin.closed_forms.large_exponentials import logarithm
from kldiv.builtin.closed_forms.normal_planes_compiled import kl_in_planes
from kldiv.builtin.closed_forms.normal_vectors import is_by_factor, write_anew
from kldiv.compiling import compiled
from kldiv.definitions.numbers import broadcast

__all__ = ["compiled_kl", "kl_by_entries"]

_MOST = 6  # dimensions, above which a compiler takes minutes over all entries
_SERIES = {torch.float32: (1e-3, 5), torch.float64: (0.1, 17)}  # up to which s, which power
_TINY = torch.finfo(torch.float64).tiny
_FEW, _SHARE = 1000, 0.05  # pairs that are not worth a compilation, that are worth a pass over all
_FAR = -0.5  # below it 1 + s is had better by dividing


def compiled_kl(
    p: Distribution, q: Distribution
) -> Callable[[], tuple[Tensor, Tensor] | None] | None:
    """What gives the divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: Normal scalars, or vectors given by their factors.
        q: Likewise.

    Returns:
        What gives both with the batch shape, or ``None`` where one is not finite; ``None`` where
        nothing is compiled for two distributions as they were given.
    """
    numbers = _numbers(p, q)
    if numbers is None:
        return None
    batch, size = broadcast(p.batch_shape, q.batch_shape), math.prod(p.event_shape)
    means, factors = (*batch, *p.event_shape), (*batch, *p.event_shape, *p.event_shape)

    def found() -> tuple[Tensor, Tensor] | None:
        flat = [each.expand(means).reshape(-1, size) for each in numbers[:2]]
        flat += [each.expand(factors).reshape(-1, size, size) for each in numbers[2:]]
        plane = size == 2 and flat[0].dtype == torch.float32
        value, error = _in_planes(flat) if plane else _function()(*flat)
        if not math.isfinite(value.sum()):
            return None
        return value.reshape(batch), error.reshape(batch)

    return found


def kl_by_entries(
    mean: Tensor, centre: Tensor, own: Tensor, other: Tensor
) -> tuple[Tensor, Tensor]:
    """The divergences of pairs and their errors, by elementwise steps only.

    Arguments:
        mean: The means of p with shape :math:`(N, D)`.
        centre: Those of q.
        own: The factors of p with shape :math:`(N, D, D)`.
        other: Those of q.

    Returns:
        Both with shape :math:`(N)`, in the precision of the inputs.
    """
    size, dtype = mean.shape[-1], mean.dtype
    centre, own, other = (  # which tells a compiler that the numbers of pairs are the same
        centre.view(mean.shape),
        own.view(*mean.shape, size),
        other.view(*mean.shape, size),
    )
    solution, ratios, growth = _solved(mean, centre, own, other)
    shares = [found.pop(i) for i, found in enumerate(solution)]
    squares = [each * each for found in solution for each in found]
    rests, product = [], torch.ones_like(shares[0])
    for gap, share, ratio in _in_pairs(shares, ratios):
        rest, far = _remainder(share, ratio, dtype)
        squares.append(gap * gap)
        rests.append(rest)
        product = far * product
    log = logarithm(product) if dtype == torch.float32 else product.log()  # to all its digits
    log = torch.where(product < _TINY, torch.nan, log)
    value = reduce(torch.add, squares) * 0.5 + (reduce(torch.add, rests) - log)
    unit = 4 * size**1.5 * torch.finfo(torch.float64).eps
    rounding = torch.finfo(dtype).eps if dtype != torch.float64 else 0.0
    error = value * (unit * (growth + 4) + rounding)
    return value.to(dtype), error.to(dtype)


def _solved(
    mean: Tensor, centre: Tensor, own: Tensor, other: Tensor
) -> tuple[list[list[Tensor]], list[Tensor], Tensor]:
    """The rows of C with z at their ends, the diagonal of A, and the growth of rounding."""
    solution: list[list[Tensor]] = []
    growth: list[Tensor] = []
    ratios: list[Tensor] = []
    for i in range(mean.shape[-1]):
        row = [other[:, i, k].double() for k in range(i + 1)]
        scale = 1 / row[i]
        factors = [entry * scale for entry in row[:i]]
        found = [(own[:, i, j].double() - row[j]) * scale for j in range(i + 1)]
        found.append((mean[:, i].double() - centre[:, i].double()) * scale)
        for k, factor in enumerate(factors):
            for j in (*range(k + 1), -1):
                found[j] = found[j] - factor * solution[k][j]
        solution.append(found)
        ratios.append(own[:, i, i].double() * scale)
        before = (factor.abs() * bound for factor, bound in zip(factors, growth, strict=True))
        growth.append(sum(before, torch.full_like(scale, 2.0)))
    return solution, ratios, reduce(torch.maximum, growth[1:] or growth)


def _in_pairs(
    shares: Sequence[Tensor], ratios: Sequence[Tensor]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of two entries s and t each s - t, r and 1 + r; of one that is left s, s and 1 + s."""
    for (s, one), (t, other) in zip(*[iter(zip(shares, ratios, strict=True))] * 2, strict=False):
        yield s - t, s + t + s * t, one * other
    if len(shares) % 2:
        yield shares[-1], shares[-1], ratios[-1]


def _remainder(share: Tensor, ratio: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    r"""A summand of :math:`s - \log(1 + s) \geq 0`, and what to subtract the logarithm of.

    Arguments:
        share: The numbers s.
        ratio: The numbers 1 + s, to their own relative precision.
        dtype: The precision that is wanted.
    """
    end, last = _SERIES[dtype]
    near = torch.full_like(share, (-1.0) ** last / last)
    for power in range(last - 1, 1, -1):
        near = near * share + (-1.0) ** power / power
    whole = ratio if dtype == torch.float32 else torch.where(share > _FAR, 1 + share, ratio)
    close = share.abs() < end
    return torch.where(close, near * share * share, whole - 1), torch.where(close, 1.0, whole)


def _in_planes(sides: list[Tensor]) -> tuple[Tensor, ...]:
    """In float32, and in float64 those that need more digits: a few without a compiler."""
    value, error = found = _function_in_planes()(*sides)
    if math.isfinite(value.sum()):
        return found
    some = np.flatnonzero(~np.isfinite(value.numpy()))
    if len(some) > _SHARE * len(value):
        return _function()(*sides)
    if len(some) > _FEW:
        value[some], error[some] = _function()(*(each[some] for each in sides))
        return found
    columns, eps = [each.numpy() for each in sides], torch.finfo(value.dtype).eps
    with np.errstate(all="ignore"):
        write_anew(some, columns, value.numpy(), error.numpy(), eps)
    return found


@cache
def _function_in_planes() -> Callable[..., tuple[Tensor, ...]]:
    return compiled(kl_in_planes, varying=1)


@cache
def _function() -> Callable[..., tuple[Tensor, ...]]:
    return compiled(kl_by_entries, varying=1)


def _numbers(p: Distribution, q: Distribution) -> list[Tensor] | None:
    """The means of both and their scales or factors, if no gradient is asked for."""
    if type(p) is type(q) is Normal:
        numbers = [p.loc, q.loc, p.scale, q.scale]
    elif type(p) is type(q) is MultivariateNormal and is_by_factor(p) and is_by_factor(q):
        numbers = [p.loc, q.loc, p.scale_tril, q.scale_tril]
    else:
        return None
    if math.prod(p.event_shape) > _MOST or arrays_of(numbers) is None:
        return None
    return [each.detach() for each in numbers]
