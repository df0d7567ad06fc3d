r"""The Hessian of an objective, by differences of its gradient, and what it says of a point.

The signs of its eigenvalues tell a minimum from a saddle; the Newton decrement
:math:`\lambda = \sqrt{g^\top \mathcal H^{-1} g}` measures how far a point is from the minimum in
units that do not depend on the parametrisation: :math:`\lambda^2 / 2` nats are still to be gained
where the objective is quadratic.

References:
    Convex Optimization (Boyd and Vandenberghe, 2004), equation 9.30.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.solvers.arrays import Numbers, as_array, as_tensor
from kldiv.solvers.objective import Objective

__all__ = [
    "absolute_inverse",
    "damped_step",
    "decrement",
    "decrement_and_signature",
    "hessian",
    "hessian_seen",
    "newton_step",
    "signature",
]

_DIFFERENCE = 1e-4
_TINY = 1e-150  # what no scale is below
_UNEVEN = 0.5  # of the change of a gradient: what its two halves may differ by
_NOISE = 1e-8, 1e-6  # of gradients, and of the largest change
_FLAT = 1e-7  # of the largest eigenvalue, and in nats: what differences can tell from 0


def hessian(objective: Objective, theta: Tensor) -> Tensor:
    r"""The Hessian at real vectors of shape :math:`(S, *, P)`, with shape :math:`(S, *, P, P)`."""
    return _matrix(theta, *_beside(objective, theta))


def hessian_seen(objective: Objective, theta: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    r"""The Hessian, and whether it is one, with shape :math:`(S, *)`.

    Where the two halves of a difference are not about equal, the gradient bends within it, as
    that of members does which are narrower than the difference is long.
    """
    up, down = _beside(objective, theta)
    change, bend = ((each.abs().amax(-1)) for each in (up - down, up + down - 2 * gradient))
    noise = _NOISE[0] + _NOISE[1] * change.amax(0)
    return _matrix(theta, up, down), ((bend <= _UNEVEN * change) | (bend <= noise)).all(0)


def _beside(objective: Objective, theta: Tensor) -> tuple[Tensor, ...]:
    r"""The gradients beside real vectors along each parameter, :math:`(P, S, *, P)`."""
    shifts = torch.diag_embed(_steps(theta)).movedim(-2, 0)
    _, gradients = objective.value_and_gradient(torch.cat([theta + shifts, theta - shifts]))
    return gradients.tensor_split(2)


def _steps(theta: Tensor) -> Tensor:
    return _DIFFERENCE * (1 + theta.abs())


def _matrix(theta: Tensor, up: Tensor, down: Tensor) -> Tensor:
    matrix = (up - down) / (2 * _steps(theta).movedim(-1, 0).unsqueeze(-1))
    matrix = matrix.movedim(0, -2)
    return (matrix + matrix.mT) / 2


def newton_step(matrix: Tensor, gradient: Tensor) -> Tensor:
    """Newton's step with all curvatures taken as positive; flat directions are left alone."""
    values, vectors = _eigen(matrix)
    magnitude, flat = values.abs(), _flat(values)
    along = (vectors.mT @ gradient.unsqueeze(-1)).squeeze(-1)
    scaled = torch.where(flat, 0.0, along / torch.where(flat, 1.0, magnitude))
    return -(vectors @ scaled.unsqueeze(-1)).squeeze(-1)


def absolute_inverse(matrix: Tensor) -> Tensor:
    """The inverse of a symmetric matrix, its eigenvalues made positive and none of them tiny."""
    values, vectors = _eigen(matrix)
    magnitude = values.abs()
    floor = (1e-4 * magnitude.amax(-1, keepdim=True)).clamp_min(1e-8)
    return vectors @ (vectors / torch.maximum(magnitude, floor).unsqueeze(-2)).mT


def damped_step(matrix: Numbers, gradient: Numbers, damping: Numbers) -> tuple[Numbers, Numbers]:
    r"""The step :math:`-(|\mathcal H| + \lambda I)^{-1} g`, and half the decrement's square.

    Arguments:
        matrix: Hessians, with shape :math:`(R, P, P)`; they and the others are tensors or arrays
            of numpy.
        gradient: With shape :math:`(R, P)`.
        damping: The :math:`\lambda`, with shape :math:`(R)`.
    """
    if matrix.shape[-1] == 1:
        return _damped_in_one(matrix, gradient, damping)
    if matrix.shape[-1] == 2:
        return _damped_in_two(matrix, gradient, damping)
    step, left = _damped(*map(as_tensor, (matrix, gradient, damping)))
    return (step, left) if isinstance(matrix, Tensor) else (as_array(step), as_array(left))


def _damped(matrix: Tensor, gradient: Tensor, damping: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = _eigen(matrix)
    size = torch.maximum(values.abs(), _least(values))
    along = (vectors.mT @ gradient.nan_to_num().unsqueeze(-1)).squeeze(-1)
    step = vectors @ (along / (size + damping.unsqueeze(-1))).unsqueeze(-1)
    return -step.squeeze(-1), (along.square() / size).sum(-1) / 2


def _damped_in_one(
    matrix: Numbers, gradient: Numbers, damping: Numbers
) -> tuple[Numbers, Numbers]:
    size = abs(matrix[:, 0]).clip(_FLAT)
    return -gradient / (size + damping[:, None]), (gradient * gradient / size)[:, 0] / 2


def _damped_in_two(
    matrix: Numbers, gradient: Numbers, damping: Numbers
) -> tuple[Numbers, Numbers]:
    """By formulas: :math:`|H|` is the root of :math:`H^2`. A single row is made of scalars."""
    rows = 0 if len(matrix) == 1 else slice(None)
    a, b, c = matrix[rows, 0, 0], matrix[rows, 0, 1], matrix[rows, 1, 1]
    size = abs(a * c - b * b)
    scale = (a * a + 2 * b * b + c * c + 2 * size) ** 0.5 + _TINY
    a, b, c = (a * a + b * b + size) / scale, b * (a + c) / scale, (b * b + c * c + size) / scale
    floor = _FLAT * (a + c)
    first, second = gradient[rows, 0], gradient[rows, 1]

    def solved(more: Numbers) -> tuple[Numbers, Numbers]:
        one, two = a + more, c + more
        determinant = one * two - b * b
        return (two * first - b * second) / determinant, (one * second - b * first) / determinant

    along, step, left = solved(floor), gradient + 0, damping + 0
    step[rows, 0], step[rows, 1] = solved(floor + damping[rows])
    left[rows] = (along[0] * first + along[1] * second) / 2
    return -step, left


def decrement(matrix: Tensor, gradient: Tensor) -> Tensor:
    r"""The Newton decrement, with shape :math:`(S, *)`.

    It is infinite where the Hessian is unknown. A flat direction counts as one of the least
    curvature that can be told from none, so that a straight slope is no minimum.
    """
    return decrement_and_signature(matrix, gradient)[0]


def signature(matrix: Tensor) -> Tensor:
    r"""The signs of the eigenvalues, ascending, 0 where flat, with shape :math:`(S, *, P)`."""
    matrix = torch.nan_to_num(matrix)
    two = matrix.shape[-1] == 2
    return _signs(_values_in_two(matrix) if two else torch.linalg.eigvalsh(matrix))


def decrement_and_signature(matrix: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Both, from one decomposition."""
    known = matrix.isfinite().all(-1).all(-1) & gradient.isfinite().all(-1)
    values, vectors = _eigen(matrix)
    along = (vectors.mT @ torch.nan_to_num(gradient).unsqueeze(-1)).squeeze(-1)
    left = (along.square() / torch.maximum(values.abs(), _least(values))).sum(-1).sqrt()
    return torch.where(known, left, torch.inf), _signs(values)


def _signs(values: Tensor) -> Tensor:
    return torch.where(_flat(values), 0.0, values.sign()).int()


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    matrix = torch.nan_to_num(matrix)
    if matrix.shape[-1] == 2:
        return _eigen_in_two(matrix)
    values, vectors = torch.linalg.eigh(matrix)
    return values, vectors


def _eigen_in_two(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The same for two parameters, by the angle of the axes."""
    a, b, c = matrix[..., 0, 0], matrix[..., 1, 0], matrix[..., 1, 1]
    angle = torch.atan2(2 * b, a - c) / 2
    along, across = angle.cos(), angle.sin()
    rows = torch.stack([-across, along], -1), torch.stack([along, across], -1)
    return _values_in_two(matrix), torch.stack(rows, -2)


def _values_in_two(matrix: Tensor) -> Tensor:
    a, b, c = matrix[..., 0, 0], matrix[..., 1, 0], matrix[..., 1, 1]
    middle, half = (a + c) / 2, torch.hypot((a - c) / 2, b)
    return torch.stack([middle - half, middle + half], -1)


def _flat(values: Tensor) -> Tensor:
    return values.abs() <= _least(values)


def _least(values: Tensor) -> Tensor:
    return _FLAT * values.abs().amax(-1, keepdim=True).clamp_min(1.0)
