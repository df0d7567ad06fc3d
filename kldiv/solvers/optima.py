"""From where the starts ended to the distinct local optima."""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch

from torch import Tensor

from kldiv.definitions.family import Family
from kldiv.definitions.randomness import seeded
from kldiv.definitions.units import plain
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.objective import Objective
from kldiv.tables import numbers_text

__all__ = ["Optima", "Optimum", "distinct"]

_SAME = 1e-3  # in the log density of members, at points of both
_ALIKE = 1e-3  # relative, in the objective: what one and the same member has twice


@dataclass(frozen=True)
class Optimum:
    r"""A local optimum that starts have reached.

    Arguments:
        value: The divergence there.
        parameters: The parameters, constrained, by name.
        signature: The signs of the Hessian's eigenvalues in the real parameters, ascending: all 1
            at a strict minimum.
        starts: The numbers of the starts that led there.
    """

    value: float
    parameters: dict[str, Tensor]
    signature: tuple[int, ...]
    starts: tuple[int, ...]

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={numbers_text(value)}" for name, value in self.parameters.items()
        )
        count = len(self.starts)
        return f"Optimum({self.value:.7g} at {shown}; from {count} start{'s' * (count != 1)})"


@dataclass(frozen=True)
class Optima(Sequence[tuple[Optimum, ...]]):
    r"""The distinct minima of each problem of a batch, best first, made when they are looked at.

    Arguments:
        rank: The numbers of the starts from the best to the worst, with shape :math:`(S, B)`.
        leader: For each rank that of the first one in the same minimum, itself where it is the
            first, and -1 where it is in none, with shape :math:`(S, B)`.
        loss: The objective at the end of each start, with shape :math:`(S, B)`.
        signature: The signs of the Hessian's eigenvalues there, with shape :math:`(S, B, P)`.
        parameters: The parameters there by name, each with shape :math:`(S, B, *)`.
    """

    rank: Tensor
    leader: Tensor
    loss: Tensor
    signature: Tensor
    parameters: dict[str, Tensor]

    def __len__(self) -> int:
        return self.rank.shape[1]

    @overload
    def __getitem__(self, index: int) -> tuple[Optimum, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Optimum, ...], ...]: ...

    def __getitem__(
        self, index: int | slice
    ) -> tuple[Optimum, ...] | tuple[tuple[Optimum, ...], ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        rank, leader = self.rank[:, index].tolist(), self.leader[:, index].tolist()
        groups: dict[int, list[int]] = {}
        for start, first in zip(rank, leader, strict=True):
            if first >= 0:
                groups.setdefault(rank[first], []).append(start)
        return tuple(self._optimum(index, first, group) for first, group in groups.items())

    def parameters_of(self, start: Tensor) -> dict[str, Tensor]:
        r"""The parameters at the end of one start for each problem, of which it has the shape."""
        index = start.flatten()
        problems = torch.arange(len(index), device=index.device)
        return {
            name: value[index, problems].reshape((*start.shape, *value.shape[2:]))
            for name, value in self.parameters.items()
        }

    def _optimum(self, index: int, first: int, group: list[int]) -> Optimum:
        return Optimum(
            float(self.loss[first, index]),
            {name: value[first, index] for name, value in self.parameters.items()},
            tuple(self.signature[first, index].tolist()),
            tuple(sorted(group)),
        )


def distinct(objective: Objective, ends: Endpoints) -> Optima:
    """The distinct minima of each problem of the batch."""
    starts, size = ends.theta.shape[0], ends.theta.shape[-1]
    theta = ends.theta.detach().reshape(starts, -1, size)
    loss, settled = ends.loss.reshape(starts, -1), ends.settled.reshape(starts, -1)
    rank = torch.where(settled, loss, torch.inf).argsort(dim=0, stable=True)
    leader = settled.long() - 1
    if starts > 1:
        leader = _leaders(
            _Members.of(objective, theta.take_along_dim(rank.unsqueeze(-1), 0), _resolved(ends)),
            loss.take_along_dim(rank, 0) / ends.unit,
            settled.take_along_dim(rank, 0),
        )
    signs = ends.signature.reshape(starts, -1, ends.signature.shape[-1])
    family = objective.family
    shapes = {name: each.shape for name, each in family.declare(family.size or 1).items()}
    values = {
        name: value.expand(*ends.loss.shape, *shapes[name]).reshape(*loss.shape, *shapes[name])
        for name, value in family.values_at(ends.theta.detach()).items()
    }
    return Optima(rank, leader, loss, signs, values)


def _leaders(members: _Members, loss: Tensor, settled: Tensor) -> Tensor:
    """For each rank the first one that is the same, -1 where it is in no minimum."""
    alike = _ALIKE * (1 + loss.abs()) if members.apart == _SAME else torch.full_like(loss, 1e300)
    leader = torch.where(settled, torch.arange(len(loss), device=loss.device).unsqueeze(-1), -1)
    for low in range(1, len(loss)):
        for high in range(low):
            asked = (leader[low] == low) & (leader[high] == high)
            asked = asked & ((loss[low] - loss[high]).abs() <= alike[low])
            if bool(asked.any()):
                same = members.same(high, low, asked.nonzero().squeeze(-1))
                leader[low, same] = high
    return leader


def _resolved(ends: Endpoints) -> float:
    """How far apart in log density two ends must be to be two: draws blur where a minimum is."""
    if ends.excess is None:
        return _SAME
    unseen = ends.excess[ends.excess.isfinite()]
    return max(_SAME, 5 * math.sqrt(2 * float(unseen.max()))) if len(unseen) else math.inf


@dataclass(frozen=True)
class _Members:
    r"""Members at real vectors of shape :math:`(S, B, P)`, and how far apart two must be.

    Arguments:
        family: The family, whose members are measured from nowhere.
        theta: The real vectors of this family.
        measured: Those of the family as it was fitted.
        apart: How far apart.
    """

    family: Family
    theta: Tensor
    measured: Tensor
    apart: float

    @staticmethod
    def of(objective: Objective, theta: Tensor, apart: float) -> _Members:
        """Those at ends of a fit."""
        own, family = objective.family, plain(objective.family)
        if family is own:
            return _Members(own, theta, theta, apart)
        batch = (len(theta), *objective.target.batch_shape, -1)
        values = own.space.constrain(theta.reshape(batch))
        vectors = family.space.unconstrain(values, check=False).reshape(theta.shape)
        return _Members(family, vectors, theta, apart)

    def same(self, first: int, second: int, problems: Tensor) -> Tensor:
        """In which problems two ranks are the same distribution, components permuted perhaps."""
        near = torch.isclose(
            self.measured[first, problems], self.measured[second, problems], rtol=1e-5, atol=1e-5
        ).all(-1)
        far = (~near).nonzero().squeeze(-1)
        if len(far):
            one, two = (self.theta[rank, problems[far]] for rank in (first, second))
            near[far] = self._alike(one, two)
        return problems[near]

    def _alike(self, one: Tensor, two: Tensor) -> Tensor:
        """Which pairs of real vectors (N, P) have the same density, at points of both."""
        try:
            if self.family.batched or len(one) == 1:
                return self._compared(one, two)
        except ValueError:  # a point of one outside of the other's support
            if len(one) == 1:
                return torch.zeros(1, dtype=torch.bool, device=one.device)
        rows = zip(one.split(1), two.split(1), strict=True)
        return torch.cat([self._alike(*pair) for pair in rows])

    def _compared(self, one: Tensor, two: Tensor) -> Tensor:
        batched = self.family.batched
        first, second = (
            self.family.at(each if batched else each.squeeze(0)) for each in (one, two)
        )
        with seeded(0), torch.no_grad():
            points = torch.cat([first.sample(torch.Size([32])), second.sample(torch.Size([32]))])
            gap = (first.log_prob(points) - second.log_prob(points)).abs()
        return (gap < self.apart).all(0).expand(len(one))
