r"""The Kullback-Leibler divergence of pairs of normal vectors given by covariances, in blocks.

The covariances of all pairs of a block are factored at once, an entry of a matrix being a vector
of pairs, and their factors are taken as in `kldiv.builtin.closed_forms.normal_vectors`. What
rounding does to a factor counts as error.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

from kldiv.blocks import Array, arrays_of
from kldiv.builtin.closed_forms.factor_rounding import factor_rounding
from kldiv.builtin.closed_forms.normal_vectors import NEAR, Work, blocks_of_pairs, is_by_factor
from kldiv.definitions.numbers import broadcast

__all__ = ["factors_of", "is_by_covariance", "kl_of_covariances"]

_MOST = 12  # dimensions, above which a library's factors are had faster


def is_by_covariance(normal: MultivariateNormal) -> bool:
    """Whether it was given by its covariance."""
    names = ("scale_tril", "covariance_matrix", "precision_matrix")
    return next(name for name in vars(normal) if name in names) == "covariance_matrix"


def kl_of_covariances(
    p: MultivariateNormal, q: MultivariateNormal
) -> tuple[Tensor, Tensor] | None:
    """The divergences of pairs in the precision of the inputs, and their errors.

    Arguments:
        p: The one, given by its covariance or its factor.
        q: The other, likewise.

    Returns:
        Both with the batch shape; ``None`` where the ordinary way is the right one.
    """
    size, sides = p.event_shape[0], (p, q)
    given = [is_by_factor(each) for each in sides]
    if size > _MOST or not all(is_by_factor(each) or is_by_covariance(each) for each in sides):
        return None
    batch = broadcast(p.batch_shape, q.batch_shape)
    tensors = [each.loc.expand((*batch, size)) for each in sides]
    tensors += [
        (each.scale_tril if factor else each.covariance_matrix).expand((*batch, size, size))
        for factor, each in zip(given, sides, strict=True)
    ]
    arrays = arrays_of(tensors)
    if arrays is None or 0 in batch:
        return None
    columns = [each.reshape(-1, *each.shape[len(batch) :]) for each in arrays]
    with np.errstate(all="ignore"):
        value, error = _divergences(columns, given)
    if not np.isfinite(value.sum()):
        return None
    return torch.from_numpy(value).reshape(batch), torch.from_numpy(error).reshape(batch)


def _divergences(columns: list[Array], given: list[bool]) -> tuple[Array, Array]:
    """Those of all pairs as differences, and anew those of the close ones."""
    size, dtype = columns[0].shape[-1], columns[0].dtype
    value, error = np.empty((2, len(columns[0])), dtype)
    eps = float(np.finfo(dtype).eps) if dtype != np.float64 else 0.0
    for start, work, memory in _in_blocks(size, len(value)):
        pairs = slice(start, start + work.pairs)
        block, rounding = _factored([each[pairs] for each in columns], given, work, memory)
        work.write_apart(block, value[pairs], error[pairs], eps)
        error[pairs] += rounding * (value[pairs] + np.sqrt(value[pairs]))
    near = np.flatnonzero(value < NEAR * size)
    for start, work, memory in _in_blocks(size, len(near)):
        some = near[start : start + work.pairs]
        close = [each.take(some, axis=0) for each in columns]
        block, rounding = _factored(close, given, work, memory)
        found, own = work.close(block, eps)
        value[some], error[some] = found, own + rounding * (found + np.sqrt(found))
    return value, error


def _in_blocks(size: int, count: int) -> Iterator[tuple[int, Work, Array]]:
    """Where each block of pairs begins, and memory for it and for two factors."""
    memory: Array | None = None
    for start, work in blocks_of_pairs(size, count):
        if memory is None:
            memory = np.empty((2, size, size, work.pairs))
        yield start, work, memory


def _factored(
    block: list[Array], given: list[bool], work: Work, memory: Array
) -> tuple[list[Array], Array]:
    """A block with factors in the place of covariances, and the relative rounding of these."""
    sides, rounding = block[:2], np.zeros(work.pairs)
    for by_factor, matrix, entries in zip(given, block[2:], memory, strict=True):
        if by_factor:
            sides.append(matrix)
            continue
        factor = factors_of(matrix, entries)
        bound = torch.from_numpy(work.comparison(factor))
        rounding += factor_rounding(torch.from_numpy(factor), bound).numpy()
        sides.append(factor)
    return sides, rounding


def factors_of(covariances: Array, entries: Array) -> Array:
    """The lower triangular factors of symmetric matrices in float64, NaN where there is none.

    Arguments:
        covariances: With shape :math:`(N, D, D)`.
        entries: Memory for them, with shape :math:`(D, D, N)`.

    Returns:
        With shape :math:`(N, D, D)`, entry by entry in that memory.
    """
    size = len(entries)
    for i, row in enumerate(entries):
        np.copyto(row[: i + 1], covariances[:, i, : i + 1].T)
    for k in range(size):
        np.sqrt(entries[k, k], out=entries[k, k])
        column = entries[k + 1 :, k]
        column /= entries[k, k]
        entries[k, k + 1 :] = 0
        rest, below = torch.from_numpy(entries[k + 1 :, k + 1 :]), torch.from_numpy(column)
        rest.addcmul_(below[:, None], below, value=-1)
    return entries.transpose(2, 0, 1)
