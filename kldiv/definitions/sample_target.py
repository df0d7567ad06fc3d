"""Samples as a target: points with weights, and no density."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, NotAvailable, ShapeMismatch

__all__ = ["SampleTarget"]


class SampleTarget(Target):
    r"""Points, weighted or not, as a target.

    Arguments:
        points: The sample, with shape :math:`(N, E)`.
        weights: Their weights, not negative, with shape :math:`(N)`; equal where omitted.
    """

    def __init__(self, points: Tensor, weights: Tensor | None = None) -> None:
        self.points = _checked_points(points)
        self.weights = _checked_weights(weights, self.points)
        super().__init__(_no_density, event_shape=tuple(points.shape[1:]))

    @property
    def batch_shape(self) -> torch.Size:
        """Samples have no batch."""
        return torch.Size()

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the points as they were given."""
        return self.points.dtype

    @property
    def device(self) -> torch.device:
        """The device of the points."""
        return self.points.device

    @property
    def has_sampler(self) -> bool:
        """Samples cannot be drawn anew."""
        return False

    def __repr__(self) -> str:
        count, *event = self.points.shape
        return f"{count} samples of event shape {tuple(event)}"


def _no_density(x: Tensor) -> Tensor:
    raise NotAvailable(
        "samples have no density; use a divergence that compares samples, or kl against a density"
    )


def _checked_points(points: Tensor) -> Tensor:
    if points.ndim == 0 or points.shape[0] == 0:
        raise InvalidArgument(f"samples must not be empty, got shape {tuple(points.shape)}")
    if not points.isfinite().all():
        bad = int((~points.isfinite()).reshape(points.shape[0], -1).any(-1).sum())
        raise InvalidArgument(
            f"{bad} of {points.shape[0]} samples are NaN or infinite; drop them first"
        )
    return points if points.is_floating_point() else points.double()


def _checked_weights(weights: Tensor | None, points: Tensor) -> Tensor:
    count = points.shape[0]
    if weights is None:
        return torch.full((count,), 1 / count, dtype=torch.float64, device=points.device)
    if weights.shape != (count,):
        raise ShapeMismatch(
            f"weights must have shape ({count},) as there are {count} samples, "
            f"got {tuple(weights.shape)}"
        )
    if not (weights.isfinite().all() and (weights >= 0).all() and weights.sum() > 0):
        raise InvalidArgument("weights must be finite, not negative and not all zero")
    return weights.double() / weights.double().sum()
