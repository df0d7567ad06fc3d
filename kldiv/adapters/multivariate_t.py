"""Scipy's Student t vectors, which torch lacks, as a torch distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torch import Tensor

from kldiv.adapters.numpy_distribution import NumpyDistribution
from kldiv.adapters.numpy_function import Array

__all__ = ["MultivariateT"]


class MultivariateT(NumpyDistribution):
    """What ``scipy.stats.multivariate_t(loc, shape, df)`` returns.

    Arguments:
        frozen: The object of scipy.
    """

    def __init__(self, frozen: Any) -> None:  # noqa: ANN401 (scipy has no types)
        self._frozen = frozen
        ends = np.full(frozen.dim, np.inf)
        super().__init__("scipy.stats.multivariate_t", -ends, ends, vector=True)

    @property
    def mean(self) -> Tensor:
        """The location, where more than one degree of freedom gives it a mean."""
        return self.loc if self._frozen.df > 1 else torch.full_like(self.loc, torch.nan)

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance, infinite up to two degrees of freedom."""
        df = float(self._frozen.df)
        factor = 1.0 if np.isinf(df) else df / (df - 2) if df > 2 else np.inf
        return torch.as_tensor(self._frozen.shape, dtype=torch.float64) * factor

    @property
    def variance(self) -> Tensor:
        """The variances of the coordinates, likewise."""
        return self.covariance_matrix.diagonal()

    def log_density(self, x: Array) -> Array:
        """Scipy's ``logpdf``."""
        return np.asarray(self._frozen.logpdf(x)).reshape(x.shape[:-1])

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Scipy's ``rvs``."""
        return np.asarray(self._frozen.rvs(size=shape, random_state=generator))

    def place(self) -> tuple[Array, Array]:
        """The location and the scales of the coordinates."""
        return np.asarray(self._frozen.loc), np.sqrt(np.diagonal(self._frozen.shape))
