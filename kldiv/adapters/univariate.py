"""Distributions of scipy on the line, of both its interfaces, as torch distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torch import Tensor

from kldiv.adapters.numpy_distribution import NumpyDistribution
from kldiv.adapters.numpy_function import Array

__all__ = ["ModernScipyDistribution", "ScipyDistribution"]

_QUARTILES_OF_A_NORMAL = 1.3489795003921634  # the distance between them, in standard deviations


class ScipyDistribution(NumpyDistribution):
    """What ``scipy.stats.skewnorm(4.0)`` returns: a distribution with its parameters.

    Arguments:
        frozen: The object of scipy.
        label: What it is called.
        log_density: Its log density, where there is a better one than scipy's.
    """

    def __init__(
        self,
        frozen: Any,  # noqa: ANN401 (scipy has no types)
        label: str,
        log_density: Callable[[Array], Array] | None = None,
    ) -> None:
        self._frozen = frozen
        discrete = self._is_discrete()
        self._log = log_density or (frozen.logpmf if discrete else frozen.logpdf)
        super().__init__(label, *frozen.support(), discrete=discrete)
        edges = getattr(getattr(frozen, "dist", None), "_hbins", ())  # of an rv_histogram
        self.cuts = tuple(torch.as_tensor(edges, dtype=torch.float64))

    @property
    def mean(self) -> Tensor:
        """The mean, infinite or NaN where there is none."""
        return self._as_batch(self._frozen.mean())

    @property
    def variance(self) -> Tensor:
        """The variance, likewise."""
        return self._as_batch(self._frozen.var())

    def log_density(self, x: Array) -> Array:
        """The log density, or the logarithm of the probability."""
        return np.asarray(self._log(x))

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Scipy's ``rvs``."""
        size = (*shape, *self.batch_shape)
        return np.asarray(self._frozen.rvs(size=size, random_state=generator))

    def place(self) -> tuple[Array, Array]:
        """The median, and the standard deviation of a normal law with the same quartiles."""
        low, middle, high = (self._quantile(share) for share in (0.25, 0.5, 0.75))
        spread = (high - low) / _QUARTILES_OF_A_NORMAL
        return middle, np.where(spread > 0, spread, 1.0)

    def _is_discrete(self) -> bool:
        return not hasattr(self._frozen, "logpdf")

    def _quantile(self, share: float) -> Array:
        return np.asarray(self._frozen.ppf(share), dtype=np.float64)

    def _as_batch(self, value: object) -> Tensor:
        return torch.as_tensor(np.asarray(value, dtype=np.float64)).expand(self.batch_shape)


class ModernScipyDistribution(ScipyDistribution):
    """What ``scipy.stats.Logistic()`` and its like return, since scipy 1.15."""

    @property
    def variance(self) -> Tensor:
        """The variance, infinite or NaN where there is none."""
        return self._as_batch(self._frozen.variance())

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Scipy's ``sample``."""
        return np.asarray(self._frozen.sample(shape, rng=generator))

    def _is_discrete(self) -> bool:
        return any(base.__name__ == "DiscreteDistribution" for base in type(self._frozen).__mro__)

    def _quantile(self, share: float) -> Array:
        return np.asarray(self._frozen.icdf(share), dtype=np.float64)
