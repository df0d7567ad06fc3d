r"""What the Hessian of many parameters says, from a few of its products with vectors.

Lanczos' method makes a tridiagonal matrix :math:`T` of :math:`\mathcal H` on the vectors
:math:`v, \mathcal H v, \dots` The eigenvalues of T lie within those of the Hessian and find its
ends first, so that a saddle shows; and begun with the gradient,
:math:`g^\top \mathcal H^{-1} g \approx \lVert g \rVert^2 (T^{-1})_{11}`.

References:
    Matrices, Moments and Quadrature with Applications (Golub and Meurant, 2010), sections 4.1 and
    7.1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from torch import Tensor

from kldiv.definitions.randomness import seeded
from kldiv.solvers.objective import Objective

__all__ = ["decrement_of_many", "signature_by", "signature_of_many"]

_STEPS = 10
_DIFFERENCE = 1e-4
_FLAT = 1e-6  # of the largest eigenvalue, and in nats
_NOTHING = 1e-9  # of an image: what is left of it beyond the vectors before is rounding

Times = Callable[[Tensor], Tensor]


def signature_of_many(objective: Objective, theta: Tensor) -> Tensor:
    r"""The signs of the eigenvalues that are found, ascending, with shape :math:`(S, *, 10)`."""
    return signature_by(partial(_times, objective, theta), theta)


def signature_by(times: Times, like: Tensor, count: int = _STEPS) -> Tensor:
    r"""The same of any matrix.

    Arguments:
        times: Its products with vectors of length 1.
        like: A tensor of the vectors' shape :math:`(S, *, P)`.
        count: How many products are made.

    Returns:
        The signs, of which there are k at most, with shape :math:`(S, *, k)`.
    """
    with seeded(0):
        start = torch.randn(like.shape, dtype=like.dtype).to(like.device)
    values = torch.linalg.eigvalsh(_tridiagonal(times, start, count))
    least = _FLAT * values.abs().amax(-1, keepdim=True).clamp_min(1.0)
    signs: Tensor = torch.where(values.abs() <= least, 0.0, values.sign()).int()
    return signs


def decrement_of_many(objective: Objective, theta: Tensor, gradient: Tensor) -> Tensor:
    r"""The Newton decrement, with shape :math:`(S, *)`."""
    size = gradient.norm(dim=-1)
    matrix = _tridiagonal(partial(_times, objective, theta), gradient + 1e-300)
    values, vectors = torch.linalg.eigh(matrix)
    least = _FLAT * values.abs().amax(-1, keepdim=True).clamp_min(1.0)
    shares = vectors[..., 0, :].square() / torch.maximum(values.abs(), least)
    found: Tensor = size * shares.sum(-1).sqrt()
    return found


def _tridiagonal(times: Times, start: Tensor, count: int = _STEPS) -> Tensor:
    """The matrix T, with shape (S, *, k, k), its vectors kept orthogonal to all before.

    Where these vectors are all that there is, the first number of the diagonal fills the rest.
    """
    count = min(count, start.shape[-1])
    vector = start / start.norm(dim=-1, keepdim=True).clamp_min(1e-300)
    basis, columns = [vector], []
    for _ in range(count):
        image = times(basis[-1])
        stacked = torch.stack(basis, -2)
        column = (stacked @ image.unsqueeze(-1)).squeeze(-1)
        columns.append(torch.nn.functional.pad(column, (0, count - column.shape[-1])))
        size = image.norm(dim=-1, keepdim=True)
        for _ in range(2):  # once is not enough in floating-point numbers
            inner = (stacked @ image.unsqueeze(-1)).squeeze(-1)
            image = image - (stacked.mT @ inner.unsqueeze(-1)).squeeze(-1)
        left = image.norm(dim=-1, keepdim=True)
        basis.append(torch.where(left > _NOTHING * size, image / left.clamp_min(1e-300), 0.0))
    upper = torch.stack(columns, -1).triu()
    ended = torch.stack([(vector == 0).all(-1) for vector in basis[:count]], -1)
    fill = torch.where(ended, upper[..., :1, 0], 0.0)
    matrix: Tensor = upper + upper.triu(1).mT + torch.diag_embed(fill)
    return matrix


def _times(objective: Objective, theta: Tensor, vector: Tensor) -> Tensor:
    """The Hessian times a vector of length 1, by differences of gradients."""
    step = _DIFFERENCE * (1 + theta.norm(dim=-1, keepdim=True) / theta.shape[-1] ** 0.5)
    pair = torch.stack([theta + step * vector, theta - step * vector])
    _, (ahead, behind) = objective.value_and_gradient(pair)
    image: Tensor = (ahead - behind) / (2 * step)
    return image
