"""The ends of a target's support, on the device where the target is."""

from __future__ import annotations

import torch

from kldiv.definitions.support import Interval, coordinate_ends, lattice
from kldiv.definitions.target import Target

__all__ = ["ends_of", "lattice_of"]


def ends_of(target: Target, batch: torch.Size | None = None) -> Interval:
    r"""The ends of each coordinate, scalars being vectors of length 1, with shape :math:`(*, d)`.

    Arguments:
        target: The target.
        batch: The batch shape, where it is not that of the target.

    Raises:
        InvalidArgument: If the support is no product of intervals.
    """
    batch = target.batch_shape if batch is None else batch
    return coordinate_ends(target.support, batch, target.event_shape).to(target.device)


def lattice_of(target: Target) -> Interval | None:
    """The first and last integer of a one-dimensional discrete target; ``None`` for others."""
    ends = lattice(target.support)
    return None if ends is None else ends.to(target.device)
