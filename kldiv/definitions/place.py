"""Where a target has mass, in as few numbers as a start of a fit needs, and means under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Means", "Place"]

Means = Callable[..., tuple[Tensor, ...]]
"""What takes the means under a target of functions of points that return one or more tensors."""


@dataclass(frozen=True)
class Place:
    r"""Where a target has mass: mean and covariance, or its diagonal, of the whole or of a mode.

    Arguments:
        mean: The centre, with shape :math:`(*, E)`.
        variance: The variance of each coordinate, with shape :math:`(*, E)`.
        covariance: The covariance matrix, with shape :math:`(*, D, D)`, where it is known.
    """

    mean: Tensor
    variance: Tensor
    covariance: Tensor | None = None

    @property
    def matrix(self) -> Tensor:
        """The covariance matrix, diagonal where no more is known; of scalars the variance."""
        if self.covariance is not None:
            return self.covariance
        return torch.diag_embed(self.variance) if self.variance.ndim else self.variance
