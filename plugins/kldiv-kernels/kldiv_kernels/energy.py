"""The energy distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torch import Tensor

import kldiv

from kldiv_kernels.kernels import length
from kldiv_kernels.pair_sums import means

__all__ = ["EnergyDistance"]


@dataclass(frozen=True)
class EnergyDistance(kldiv.SampleDivergence):
    r"""The energy distance, in the units of x.

    .. math:: D(p, q) = 2\,\mathbb E\|x - y\| - \mathbb E\|x - x'\| - \mathbb E\|y - y'\|
        = 2 \int (F - G)^2\,dx \text{ on a line}

    with :math:`x, x' \sim p` and :math:`y, y' \sim q`. It has no bandwidth to choose, and is 0 for
    equal distributions only. It is not the root of this, which ``scipy.stats.energy_distance``
    gives, and infinite in theory where a mean is. It is exact between normal distributions and
    their mixtures on the line; samples cost a sort there, and all pairs elsewhere.

    Arguments:
        biased: Whether a point counts as a pair with itself: then it is not negative, else right
            in the mean.

    References:
        Energy Statistics: A Class of Statistics Based on Distances (Székely and Rizzo, 2013),
        equation 2.5, doi:10.1016/j.jspi.2013.03.018.
    """

    biased: bool = True

    unit = "units of x"
    symmetric = True
    jointly_convex = True
    weightings = True

    def degree_in_x(self, size: int) -> float:
        """It grows as distances do."""
        return 1.0

    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        """The distance of two samples, for each weighting."""
        x, y = (points.reshape(len(points), -1) for points in (points_p, points_q))
        if x.shape[-1] == 1:
            return self._on_a_line(x[:, 0], weights_p, y[:, 0], weights_q)
        pairs = (x, weights_p), (y, weights_q)
        return -means(length, *pairs, at_zero=0.0, biased=self.biased).squared_distance

    def _on_a_line(self, x: Tensor, v: Tensor, y: Tensor, w: Tensor) -> Tensor:
        r"""By one sort of all points; :math:`\mathbb E|x - x'| = 2 \int F (1 - F)\,dx`."""
        points, order = _in_order(x, v, y, w)
        gaps = points.diff()
        distance = 2 * _levels(v, -w, order).square() @ gaps
        if self.biased:
            return distance
        within = distance.new_zeros(())
        for first, second in ((v, 0 * w), (0 * v, w)):
            below = _levels(first, second, order)
            alone = first.square().sum(-1) + second.square().sum(-1)
            within = within + alone / (1 - alone) * (2 * (below * (1 - below)) @ gaps)
        return distance - within


def _in_order(x: Tensor, v: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The points of both in order, and for each the place of one that weighs as much.

    Samples without weights are sorted each by itself and merged, by numpy, which is far quicker.
    """
    points = torch.cat([x, y])
    plain = not (points.requires_grad or points.device.type != "cpu")
    if not (plain and _alike(v) and _alike(w)):
        return points.sort()
    first, second = np.sort(x.numpy()), np.sort(y.numpy())
    places = np.searchsorted(first, second) + np.arange(len(second))
    merged, of_first = points.numpy(), np.ones(len(points), bool)
    of_first[places] = False
    merged[places], merged[of_first] = second, first
    return points, torch.where(torch.from_numpy(of_first), 0, len(first))


def _levels(v: Tensor, w: Tensor, order: Tensor) -> Tensor:
    """What of the weights is at or below each point but the last, with shape (*, N - 1)."""
    if not (_alike(v) and _alike(w)):
        return torch.cat([v, w], -1)[..., order].cumsum(-1)[..., :-1]
    return torch.where(order < len(v), v[0], w[0]).cumsum(0)[:-1]  # without jumps in memory


def _alike(weights: Tensor) -> bool:
    """Whether all weights are the same, of one weighting, and nobody asks for their gradient."""
    plain = weights.ndim == 1 and not weights.requires_grad
    return plain and bool((weights == weights[0]).all())
