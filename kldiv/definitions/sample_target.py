"""Samples as a target: points with weights, and no density."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, NotAvailable, ShapeMismatch

__all__ = ["SampleTarget", "check_points"]


class SampleTarget(Target):
    r"""Points, weighted or not, as a target.

    Arguments:
        points: The sample, with shape :math:`(N, E)`: a tensor, an array, a list, a data frame.
        weights: Their weights, not negative, with shape :math:`(N)`; equal where omitted. They
            need not sum to 1. Points of weight 0 are left out.

    Raises:
        InvalidType: If points or weights are no real numbers.
        InvalidArgument: If there are no points, something is NaN or infinite, or weights are
            negative or all zero.
        ShapeMismatch: If there are not as many weights as points.
    """

    def __init__(self, points: object, weights: object = None) -> None:
        numbers = check_points(as_numbers("samples", points))
        if weights is None:
            count = len(numbers)
            self.points = numbers
            self.weights = torch.full((count,), 1 / count, dtype=torch.float64).to(numbers.device)
        else:
            shares = _checked_weights(as_numbers("weights", weights), len(numbers))
            self.points, self.weights = numbers[shares > 0], shares[shares > 0]
        super().__init__(_no_density, event_shape=tuple(numbers.shape[1:]))

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

    @property
    def number(self) -> int:
        """How many points there are."""
        return len(self.points)

    @property
    def whole(self) -> bool:
        """Whether all points are whole numbers."""
        return bool((self.points == self.points.round()).all())

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The smallest and the largest number of each coordinate, where there is weight."""
        kept = self.points[self.weights > 0].detach().double()
        return kept.amin(0), kept.amax(0)

    def mean(self, function: Callable[[Tensor], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        r"""The means of functions of the points, each of shape :math:`(N, *)` before."""
        totals = None
        for points, weights in self.chunks():
            found = [torch.tensordot(weights, each, 1) for each in function(points.double())]
            totals = (
                found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
            )
        return tuple(totals or ())

    def chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All points and their weights, one lot after the other; here all at once."""
        yield self.points, self.weights

    def __repr__(self) -> str:
        return f"{self.number} samples of event shape {tuple(self.event_shape)}"


def _no_density(x: Tensor) -> Tensor:
    raise NotAvailable(
        "samples have no density; use a divergence that compares samples, or kl against a density"
    )


def check_points(points: Tensor) -> Tensor:
    """The points, if there are some and all are finite.

    Raises:
        InvalidArgument: Otherwise.
    """
    if points.ndim == 0 or points.shape[0] == 0:
        raise InvalidArgument(f"samples must not be empty, got shape {tuple(points.shape)}")
    if not points.sum().isfinite() and not points.isfinite().all():  # a sum is had quickly
        bad = int((~points.isfinite()).reshape(points.shape[0], -1).any(-1).sum())
        raise InvalidArgument(
            f"{bad} of {points.shape[0]} samples are NaN or infinite; drop them first"
        )
    return points


def _checked_weights(weights: Tensor, count: int) -> Tensor:
    """Weights that sum to 1."""
    if weights.shape != (count,):
        raise ShapeMismatch(
            f"weights must have shape ({count},) as there are {count} samples, "
            f"got {tuple(weights.shape)}"
        )
    if not (weights.isfinite().all() and (weights >= 0).all() and (weights > 0).any()):
        raise InvalidArgument(
            "weights must be finite, not negative and not all zero, got values from "
            f"{float(weights.min())} to {float(weights.max())}"
        )
    shares = weights.double() / weights.double().max()  # whose sum cannot overflow
    return shares / shares.sum()
