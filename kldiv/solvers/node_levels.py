"""How many nodes of a normal it takes to see a target, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from torch import Tensor

from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.solvers.arrays import Numbers

__all__ = ["LEVELS", "breadth", "by_level", "finest_scale", "first_levels", "sees", "widest"]

Level = tuple[float, float]
"""The spacing of nodes, and how far they reach."""
LEVELS = {
    1: ((0.6, 6.0), *((0.6 / 2**k, 8.25) for k in range(1, 7))),
    2: ((0.8, 5.0), *((0.6 / 2**k, 8.25) for k in range(4))),
}
"""Ever finer ones, by the number of coordinates."""
_SPACINGS = {
    size: torch.tensor([spacing for spacing, _ in levels], dtype=torch.float64)
    for size, levels in LEVELS.items()
}
_SEEN = 1.0  # of the target's narrowest scale: nodes so far apart do not miss it


def by_level(numbers: Tensor, levels: Sequence[Level]) -> Iterator[tuple[Level, Tensor]]:
    """Each level that some rows are at, and which these are.

    Arguments:
        numbers: The number of the level of each row, with shape :math:`(R)`.
        levels: The levels.
    """
    for number in numbers.unique().tolist():
        yield levels[number], (numbers == number).nonzero()[:, 0]


def finest_scale(marks: Iterable[Landmark]) -> Tensor:
    """The least scale of a target's landmarks in any direction, with its batch shape."""
    scales = []
    for each in marks:
        tilt = torch.zeros(()) if each.correlation is None else each.correlation
        scales.append(each.scale.amin(-1) * (1 - tilt.square()).sqrt())
    return torch.stack(scales).amin(0)


def breadth(root: Numbers) -> Numbers:
    """The largest standard deviation of a coordinate, of members with these factors."""
    if root.shape[-1] == 1:
        return abs(root[..., 0, 0])
    return root.norm(dim=-1).amax(-1)


def widest(spacing: float | Tensor, finest: Tensor) -> Tensor:
    """How broad members may be whose nodes miss nothing of their targets."""
    return _SEEN * finest / spacing


def sees(spacing: float | Tensor, root: Tensor, finest: Tensor) -> Tensor:
    """Whether nodes of members miss nothing of a target.

    Arguments:
        spacing: What lies between two nodes.
        root: The factors of the members' covariances, with shape :math:`(R, D, D)`.
        finest: The least scale of the target of each, with shape :math:`(R)`.
    """
    found: Tensor = breadth(root) <= widest(spacing, finest)
    return found


def first_levels(root: Tensor, finest: Tensor) -> Tensor:
    """The least level with which each member sees its target, and that another can confirm."""
    spacings = _SPACINGS[root.shape[-1]].to(root)
    unseen = breadth(root).unsqueeze(-1) > widest(spacings, finest.unsqueeze(-1))
    found: Tensor = unseen.sum(-1).clamp_max(len(spacings) - 2)
    return found
