r"""Data in two parts: a network is moved by the one and judged by the other.

A network of many parameters learns its data by heart: their likelihood grows for as long as it is
moved, that of other data does not. So a fifth of the data is held out. The rest is met in batches,
and the parameters that are kept are those at which the held-out part was likeliest.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.solvers.objective import Objective

__all__ = ["HeldOut", "held_out"]

_SHARE = 5  # one point of so many is held out
_MANY = 64  # parameters, from which on a module is a network
_FEWEST = 20  # points: fewer cannot spare any
_BATCH = 1_000  # points, at most


class HeldOut:
    """The two parts of a fit to data.

    Arguments:
        objective: The objective on all data.
        target: The data.
    """

    def __init__(self, objective: Objective, target: SampleTarget) -> None:
        self._whole, self._target = objective, target
        self._generator = torch.Generator().manual_seed(objective.seed)
        order = torch.randperm(len(target.points), generator=self._generator)
        count = len(order) // _SHARE
        self._judges = self._on(order[:count][:_BATCH])
        self._rest = order[count:]
        self._all = self._on(self._rest) if len(self._rest) <= _BATCH else None

    def objective(self) -> Objective:
        """What the next step makes smaller."""
        if self._all is not None:
            return self._all
        order = torch.randperm(len(self._rest), generator=self._generator)
        return self._on(self._rest[order[:_BATCH]])

    def judge(self, theta: Tensor) -> Tensor:
        """The objective on the part held out, at real vectors."""
        with torch.no_grad():
            return self._judges(theta)

    def _on(self, index: Tensor) -> Objective:
        index = index.to(self._target.points.device)
        return self._whole.of(
            SampleTarget(self._target.points[index], self._target.weights[index])
        )


def held_out(objective: Objective) -> HeldOut | None:
    """The two parts where a network is fitted to data, else ``None``."""
    target, family = objective.target, objective.family
    if family.batched or family.space.size <= _MANY or not isinstance(target, SampleTarget):
        return None
    return HeldOut(objective, target) if len(target.points) >= _FEWEST else None
