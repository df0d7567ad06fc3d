"""How many nodes of a normal it takes to see a target, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from torch import Tensor

from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.solvers.arrays import Numbers, library_of, where_true

__all__ = ["LEVELS", "breadth", "by_level", "finest_scale", "first_levels", "sees", "widest"]

Level = tuple[float, float]
"""The spacing of nodes, and how far they reach."""
LEVELS = {
    1: ((0.6, 6.0), *((0.6 / 2**k, 8.25) for k in range(1, 7))),
    2: ((0.8, 5.0), *((0.6 / 2**k, 8.25) for k in range(4))),
}
"""Ever finer ones, by the number of coordinates."""
_SPACINGS = {size: np.array([spacing for spacing, _ in LEVELS[size]]) for size in LEVELS}
_SEEN = 1.0  # of the target's narrowest scale: nodes so far apart do not miss it


def by_level(numbers: Numbers, levels: Sequence[Level]) -> Iterator[tuple[Level, Numbers]]:
    """Each level that some rows are at, and which these are.

    Arguments:
        numbers: The number of the level of each row, with shape :math:`(R)`.
        levels: The levels.
    """
    for number, level in enumerate(levels):
        rows = where_true(numbers == number)
        if len(rows):
            yield level, rows


def finest_scale(marks: Iterable[Landmark]) -> Tensor:
    """The least scale of a target's landmarks in any direction, with its batch shape."""
    return torch.stack([_least(each) for each in marks]).amin(0)


def _least(mark: Landmark) -> Tensor:
    least = mark.scale.amin(-1)
    return least if mark.correlation is None else least * (1 - mark.correlation.square()).sqrt()


def breadth(root: Numbers) -> Numbers:
    """The largest standard deviation of a coordinate, of members with these factors."""
    if root.shape[-1] == 1:
        return abs(root[..., 0, 0])
    library = library_of(root)
    return library.amax((root * root).sum(-1), -1) ** 0.5


def widest(spacing: Numbers | float, finest: Numbers) -> Numbers:
    """How broad members may be whose nodes miss nothing of their targets."""
    return _SEEN * finest / spacing


def sees(spacing: float, root: Numbers, finest: Numbers) -> Numbers:
    """Whether nodes of members miss nothing of a target.

    Arguments:
        spacing: What lies between two nodes.
        root: The factors of the members' covariances, with shape :math:`(R, D, D)`.
        finest: The least scale of the target of each, with shape :math:`(R)`.
    """
    return breadth(root) <= widest(spacing, finest)


def first_levels(root: Numbers, finest: Numbers) -> Numbers:
    """The least level with which each member sees its target, and that another can confirm."""
    spacings: Numbers = _SPACINGS[root.shape[-1]]
    if isinstance(root, Tensor):
        spacings = torch.from_numpy(spacings).to(root)
    unseen = breadth(root)[:, None] > widest(spacings, finest[:, None])
    return unseen.sum(-1).clip(0, len(spacings) - 2)
