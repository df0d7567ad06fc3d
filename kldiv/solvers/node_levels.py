"""How many nodes of a normal it takes to see a target, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.landmarks import landmarks

__all__ = ["LEVELS", "by_level", "finest_scale", "first_levels", "sees"]

Level = tuple[float, float]
"""The spacing of nodes, and how far they reach."""
LEVELS = {
    1: ((0.6, 6.0), *((0.6 / 2**k, 8.25) for k in range(1, 7))),
    2: ((0.8, 5.0), *((0.6 / 2**k, 8.25) for k in range(4))),
}
"""Ever finer ones, by the number of coordinates."""
_SEEN = 1.0  # of the target's narrowest scale: nodes so far apart do not miss it


def by_level(numbers: Tensor, levels: Sequence[Level]) -> Iterator[tuple[Level, Tensor]]:
    """Each level that some rows are at, and which these are.

    Arguments:
        numbers: The number of the level of each row, with shape :math:`(R)`.
        levels: The levels.
    """
    for number in numbers.unique().tolist():
        yield levels[number], (numbers == number).nonzero()[:, 0]


def finest_scale(target: Target) -> Tensor:
    """The least scale of a target in any direction, with the target's batch shape."""
    scales = []
    for each in landmarks(target):
        tilt = torch.zeros(()) if each.correlation is None else each.correlation
        scales.append(each.scale.amin(-1) * (1 - tilt.square()).sqrt())
    return torch.stack(scales).amin(0)


def sees(spacing: float | Tensor, root: Tensor, finest: Tensor) -> Tensor:
    """Whether nodes of members miss nothing of a target.

    Arguments:
        spacing: What lies between two nodes.
        root: The factors of the members' covariances, with shape :math:`(R, D, D)`.
        finest: The least scale of the target of each, with shape :math:`(R)`.
    """
    found: Tensor = spacing * root.norm(dim=-1).amax(-1) <= _SEEN * finest
    return found


def first_levels(root: Tensor, finest: Tensor) -> Tensor:
    """The least level with which each member sees its target, and that another can confirm."""
    levels = LEVELS[root.shape[-1]]
    unseen = [~sees(spacing, root, finest) for spacing, _ in levels]
    found: Tensor = torch.stack(unseen).sum(0).clamp_max(len(levels) - 2)
    return found
