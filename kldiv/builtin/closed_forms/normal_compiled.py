r"""The Kullback-Leibler divergence of pairs of normals by a compiled function.

In the notation of `kldiv.builtin.closed_forms.normal_vectors` it is a sum of positive terms,

.. math:: \frac12 \bigl(|z|^2 + |C|^2\bigr) + \sum_i \bigl(C_{ii} - \log(1 + C_{ii})\bigr),
    \qquad [z, C] = L_q^{-1} [\mu_p - \mu_q, L_p - L_q],

here written out entry by entry, for a compiler to make one pass over the pairs of it, in float64.
Its rounding is that of the triangular system, by the comparison matrix of each pair.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from functools import cache, reduce

import torch

from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal

from kldiv.blocks import arrays_of
from kldiv.builtin.closed_forms.normal_vectors import is_by_factor
from kldiv.compiling import compiled
from kldiv.definitions.numbers import broadcast

__all__ = ["compiled_kl", "compiles", "kl_by_entries"]

_MOST = 6  # dimensions, above which a compiler takes minutes over all entries
_SERIES = {torch.float32: (1e-3, 5), torch.float64: (0.05, 13)}  # up to which s, which power
_FAR = -0.5  # below it 1 + s is had better by dividing


def compiles(p: Distribution, q: Distribution) -> bool:
    """Whether there is a compiled function for two distributions as they were given."""
    return _numbers(p, q) is not None


def compiled_kl(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor] | None:
    """The divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: Normal scalars, or vectors given by their factors.
        q: Likewise.

    Returns:
        Both with the batch shape; ``None`` where one is not finite.
    """
    numbers = _numbers(p, q)
    if numbers is None:
        return None
    batch, size = broadcast(p.batch_shape, q.batch_shape), math.prod(p.event_shape)
    means, factors = (*batch, *p.event_shape), (*batch, *p.event_shape, *p.event_shape)
    flat = [each.expand(means).reshape(-1, size) for each in numbers[:2]]
    flat += [each.expand(factors).reshape(-1, size, size) for each in numbers[2:]]
    value, error = _function()(*flat)
    if not math.isfinite(value.sum()):
        return None
    return value.reshape(batch), error.reshape(batch)


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
    size = mean.shape[-1]
    centre, own, other = (  # which tells a compiler that the numbers of pairs are the same
        centre.view(mean.shape),
        own.view(*mean.shape, size),
        other.view(*mean.shape, size),
    )
    solution: list[list[Tensor]] = []
    growth: list[Tensor] = []
    ratios: list[Tensor] = []
    for i in range(size):
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
    shares = [found[i] for i, found in enumerate(solution)]
    squares = reduce(torch.add, (each * each for found in solution for each in found))
    value = squares / 2 + _remainders(shares, ratios, _SERIES[mean.dtype])
    unit = 4 * size**1.5 * torch.finfo(torch.float64).eps
    rounding = torch.finfo(mean.dtype).eps if mean.dtype != torch.float64 else 0.0
    error = value * (unit * (reduce(torch.maximum, growth) + 4) + rounding)
    return value.to(mean.dtype), error.to(mean.dtype)


def _remainders(
    shares: Sequence[Tensor], ratios: Sequence[Tensor], series: tuple[float, int]
) -> Tensor:
    r"""The sum of :math:`s - \log(1 + s) \geq 0`, with one logarithm for all.

    Arguments:
        shares: The numbers s.
        ratios: The numbers 1 + s, to their own relative precision.
        series: How near to 0 a series is taken, and its last power.
    """
    end, last = series
    found, product = torch.zeros_like(shares[0]), torch.ones_like(shares[0])
    for share, ratio in zip(shares, ratios, strict=True):
        near = torch.full_like(share, (-1.0) ** last / last)
        for power in range(last - 1, 1, -1):
            near = near * share + (-1.0) ** power / power
        whole = 1 + share
        lost = torch.where(share > _FAR, share - (whole - 1), 0.0)
        far = torch.where(share > _FAR, whole, ratio)
        close = share.abs() < end
        found = found + torch.where(close, near * share * share, share - lost)
        product = product * torch.where(close, 1.0, far)
    return found - product.log()


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
