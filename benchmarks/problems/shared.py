"""A target with an exact score of every normal distribution that is to be near it."""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpy.typing import NDArray

__all__ = ["Array", "LogDensity", "Problem", "hermite", "matrix_of"]

Array = NDArray[np.float64]
LogDensity = Callable[[Any], Any]


@dataclass(frozen=True)
class Problem:
    r"""A log density, for any library of arrays, and what it costs to be elsewhere than best.

    Arguments:
        name: What it is called.
        dimension: The number D of coordinates; with 1, points are scalars.
        log_density: From a module of arrays (torch, jax.numpy) and the name of a floating type
            to a function of points of shape :math:`(*, D)`; constants are left in place.
        excess: From a mean and a scale of shape (D), or a root of shape (D, D), and whether the
            family has a full covariance, to the nats above the optimum of the family.
        start: The scale of the standard normal to begin at.
    """

    name: str
    dimension: int
    log_density: Callable[[Any, str], LogDensity]
    excess: Callable[[Array, Array, bool], float]
    start: float = 1.0


def matrix_of(scale: Array) -> Array:
    """A root of the covariance, from a scale or a root."""
    return np.diag(scale) if scale.ndim == 1 else scale


def hermite(count: int) -> tuple[Array, Array]:
    """Nodes and weights for averages under a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / math.sqrt(2 * math.pi)
