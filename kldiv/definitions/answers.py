"""What functions of users answer, asked and checked."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.errors import InvalidType, ShapeMismatch

__all__ = ["log_density_from", "points_from"]


def log_density_from(log_prob: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a function says of points.

    Raises:
        InvalidType: If it is no tensor of real numbers, or the function calls numpy on points that
            want a gradient.
    """
    try:
        value = log_prob(x)
    except RuntimeError as error:
        if "numpy() on Tensor" not in str(error):
            raise
        raise InvalidType(
            "log_prob calls functions of numpy, which have no gradient; compute it with torch"
        ) from error
    if not isinstance(value, Tensor):
        raise InvalidType(
            f"log_prob must return a tensor, got {type(value).__name__}: {value!r}; "
            "compute it with torch"
        )
    if not value.is_floating_point():
        raise InvalidType(f"log_prob must return real numbers, got a tensor of {value.dtype}")
    return value


def points_from(
    sample: Callable[[torch.Size], Tensor], shape: torch.Size, each: tuple[int, ...]
) -> Tensor:
    """What a sampler draws.

    Arguments:
        sample: A function of a shape.
        shape: That shape.
        each: The batch and the event shape that a target has.

    Raises:
        InvalidType: If it is no tensor.
        ShapeMismatch: If it is one of another shape.
    """
    points = sample(shape)
    if not isinstance(points, Tensor):
        raise InvalidType(f"sample must return a tensor, got {type(points).__name__}")
    if tuple(points.shape) != (*shape, *each):
        raise ShapeMismatch(
            f"sample must return points of shape {(*shape, *each)} here, got "
            f"{tuple(points.shape)}; it takes a shape (N) and returns one point for each, and for "
            "each element of the batch"
        )
    return points
