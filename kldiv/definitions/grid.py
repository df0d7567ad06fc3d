"""A density on a grid, from the arrays that users have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torch import Tensor

from kldiv.definitions.grid_density import GridDensity
from kldiv.definitions.numbers import as_numbers
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["grid_density"]


def grid_density(points: object, density: object, *, log: bool) -> tuple[GridDensity, Tensor]:
    """A density on a grid from numbers of any kind, and the logarithm of the mass it had.

    Arguments:
        points: Coordinates along an axis, or a tuple of them for vectors.
        density: The values, or their logarithms.
        log: Whether they are logarithms.

    Raises:
        InvalidType: If something is not made of real numbers.
        InvalidArgument: If coordinates do not increase, or values are negative, not finite or all
            zero.
        ShapeMismatch: If the shapes do not fit.
    """
    parts: list[Any] = list(points) if isinstance(points, tuple | list) else []
    vector = bool(parts) and all(np.ndim(part) > 0 for part in parts)
    axes = [as_numbers("points", each) for each in (parts if vector else [points])]
    values = as_numbers("density", density)
    for axis in axes:
        _check_axis(axis)
    _check_shape([len(axis) for axis in axes], values)
    shift = values.new_zeros(())
    if log:
        if bool((values.isnan() | values.isposinf()).any()):
            raise InvalidArgument("density must be logarithms below infinity, got NaN or infinity")
        shift = values.detach().flatten(-len(axes)).amax(-1)
        shift = shift.clamp_min(torch.finfo(values.dtype).min)
        values = (values - shift.reshape(*shift.shape, *(1,) * len(axes))).exp()
    _check_values(values, len(axes))
    found = GridDensity(axes, values, vector=vector)
    return found, found.mass.log() + shift


def _check_axis(axis: Tensor) -> None:
    if axis.ndim != 1 or len(axis) < 2:
        raise ShapeMismatch(
            "points must be at least two numbers along each axis, as a vector or a tuple of "
            f"vectors, got shape {tuple(axis.shape)}"
        )
    if not axis.isfinite().all():
        raise InvalidArgument("points must be finite; a grid ends where the density does")
    falls = (axis.diff() <= 0).nonzero()
    if len(falls):
        at = int(falls[0])
        raise InvalidArgument(
            f"points must increase, got {float(axis[at + 1])} after {float(axis[at])}; sort them, "
            "with their values"
        )


def _check_shape(sizes: Sequence[int], density: Tensor) -> None:
    if tuple(density.shape[density.ndim - len(sizes) :]) != tuple(sizes):
        raise ShapeMismatch(
            f"density must have shape {tuple(sizes)}, behind any batch shape, as the points, "
            f'got {tuple(density.shape)} (with torch.meshgrid or numpy use indexing="ij")'
        )


def _check_values(density: Tensor, dimensions: int) -> None:
    peaks = density.detach().amax(tuple(range(-dimensions, 0)))  # NaN where there is one
    if not (bool(density.detach().amin() >= 0) and bool((peaks < torch.inf).all())):
        wrong = density[~(density.isfinite() & (density >= 0))]
        raise InvalidArgument(
            f"density must be finite and not negative, got {float(wrong[0])}, one of {len(wrong)} "
            "such values; log=True takes logarithms"
        )
    if not (peaks > 0).all():
        raise InvalidArgument("density must be positive somewhere, got zeros only")
