"""Scipy's kernel density estimates as torch distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torch import Tensor

from kldiv.adapters.numpy_distribution import NumpyDistribution
from kldiv.adapters.numpy_function import Array

__all__ = ["KernelDensity"]

_CUTS = 33  # quantiles of the points on the line, so that no cluster is missed
_STEPS = (-9.0, -3.0, 0.0, 3.0, 9.0)  # in widths of the kernel, about each of them


class KernelDensity(NumpyDistribution):
    """What ``scipy.stats.gaussian_kde(points)`` returns, on the line or on vectors.

    Arguments:
        density: The object of scipy.
    """

    def __init__(self, density: Any) -> None:  # noqa: ANN401 (scipy has no types)
        self._density = density
        vector = density.d > 1
        ends = np.full(density.d, np.inf) if vector else np.asarray(np.inf)
        label = f"scipy.stats.gaussian_kde of {density.n} points"
        super().__init__(label, -ends, ends, vector=vector)
        if not vector:
            shares = np.linspace(0, 1, min(_CUTS, density.n))
            points, width = (
                np.quantile(density.dataset, shares),
                float(np.sqrt(density.covariance.item())),
            )
            around = np.concatenate([points + step * width for step in _STEPS])
            self.cuts = tuple(torch.as_tensor(around))

    @property
    def mean(self) -> Tensor:
        """The weighted mean of the points."""
        mean = self._density.dataset @ self._density.weights
        return torch.as_tensor(mean).reshape(self.event_shape)

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance of the points plus that of the kernel."""
        points, weights = self._density.dataset, self._density.weights
        centred = points - (points @ weights)[:, np.newaxis]
        return torch.as_tensor((centred * weights) @ centred.T + self._density.covariance)

    @property
    def variance(self) -> Tensor:
        """The variances of the coordinates, likewise."""
        return self.covariance_matrix.diagonal().reshape(self.event_shape)

    @property
    def kernels(self) -> tuple[Tensor, Tensor]:
        """The points, with shape (n, d), and the covariance of the kernel about each, (d, d)."""
        covariance = self._density.covariance
        return torch.as_tensor(self._density.dataset.T), torch.as_tensor(covariance)

    def log_density(self, x: Array) -> Array:
        """Scipy's ``logpdf``."""
        points = x.reshape(-1, self._density.d).T
        return np.asarray(self._density.logpdf(points)).reshape(x.shape[: x.ndim - self._vector])

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Scipy's ``resample``."""
        return np.asarray(self._density.resample(int(np.prod(shape)), seed=generator)).T

    def place(self) -> tuple[Array, Array]:
        """The mean, and the width of the kernel: nothing varies on a smaller scale."""
        width = np.sqrt(self._density.covariance.diagonal())
        return self.mean.numpy(), width.reshape(tuple(self.event_shape))

    @property
    def _vector(self) -> int:
        return len(self.event_shape)
