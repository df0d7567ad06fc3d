"""From where the starts ended to the distinct local optima, each with what its Hessian says."""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import torch

from torch import Tensor

from kldiv.definitions.randomness import seeded
from kldiv.estimate import Estimate
from kldiv.solvers.curvature import decrement_and_signature, hessian
from kldiv.solvers.finer_nodes import resolved
from kldiv.solvers.groups import first_of
from kldiv.solvers.lanczos import decrement_of_many, signature_of_many
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run
from kldiv.tables import numbers_text

__all__ = ["EXCESS", "Endpoints", "Optima", "Optimum", "distinct", "endpoints"]

EXCESS = 1e-3  # nats that draws may leave to be gained
_MANY = 64  # parameters: beyond, a few products with the Hessian must do
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
class Endpoints:
    r"""The ends of all starts.

    Arguments:
        theta: The real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.
        decrement: The Newton decrement, with shape :math:`(S, *)`.
        signature: The signs of the Hessian's eigenvalues, with shape :math:`(S, *, P)`; of some
            of them where parameters are many.
        resolution: What the objective can tell apart, relative to :math:`1 + |\text{loss}|`.
        proven: Whether theory says that they are minima.
        excess: How many nats they may be above the optimum because draws are few, with shape
            :math:`(S, *)`.
        kink: What may be left to be gained at ends that are minima at kinks, with shape
            :math:`(S, *)`, NaN elsewhere.
    """

    theta: Tensor
    loss: Tensor
    decrement: Tensor
    signature: Tensor
    resolution: float
    proven: bool = False
    excess: Tensor | None = None
    kink: Tensor | None = None

    @cached_property
    def settled(self) -> Tensor:
        """Which ends are minima as far as the Hessian can tell, with shape :math:`(S, *)`."""
        if self.proven:
            return torch.ones_like(self.loss, dtype=torch.bool)
        still = self.decrement.square() / 2 <= self.resolution * (1 + self.loss.abs())
        if self.excess is not None:
            still = still & (self.excess <= EXCESS)
        smooth = still & (self.signature >= 0).all(-1) & self.loss.isfinite()
        return smooth if self.kink is None else smooth | self.kink.isfinite()

    @cached_property
    def best(self) -> Tensor:
        """The start that ended lowest, in a minimum where one did, for each problem."""
        if len(self.loss) == 1:
            return torch.zeros_like(self.loss[0], dtype=torch.long)
        ranked = torch.where(self.settled, self.loss, torch.inf)
        fallback = torch.where(self.loss.isnan(), torch.inf, self.loss)
        return torch.where(self.settled.any(0), ranked.argmin(0), fallback.argmin(0))

    def pick(self, values: Tensor) -> Tensor:
        r"""Of values at all ends, :math:`(S, *, P)` or :math:`(S, *)`, those at the best."""
        if self._alone is not None:
            return values[self._alone]
        inner = (1,) * (values.ndim - 1 - self.best.ndim)
        index = self.best.reshape(1, *self.best.shape, *inner)
        return torch.take_along_dim(values, index, 0).squeeze(0)

    @cached_property
    def _alone(self) -> int | None:
        """The number of the best start where there is a single problem."""
        return None if self.best.ndim else int(self.best)

    def of(self, estimate: Estimate) -> Estimate:
        r"""Of estimates :math:`(S, *)` at all ends, those at the best, :math:`(*)`."""
        value, error = self.pick(estimate.value), self.pick(estimate.error)
        stderr = None if estimate.stderr is None else self.pick(estimate.stderr)
        return replace(estimate, value=value, error=error, stderr=stderr)


def endpoints(objective: Objective, run: Run) -> Endpoints:
    """What is known of each end; those of a stochastic objective are else never minima."""
    excess = run.excess
    if run.decrement is not None and run.signature is not None:
        left, signs = run.decrement, run.signature
    elif objective.stochastic:
        left, excess = torch.full_like(run.loss, math.inf), None
        signs = torch.zeros_like(run.theta, dtype=torch.int32)
    else:
        left, signs = _looked_at(objective, run)
    found = run.theta, run.loss, left, signs, objective.resolution
    return Endpoints(*found, run.proven, excess, run.kink)


def _looked_at(objective: Objective, run: Run) -> tuple[Tensor, Tensor]:
    """The Newton decrement and the signature of each end."""
    rows, home = _distinct_rows(run.theta)
    theta, gradient = run.theta[rows], run.gradient[rows]
    if theta.shape[-1] > _MANY:
        left = decrement_of_many(objective, theta, gradient)
        signs = signature_of_many(objective, theta)
    else:
        matrix = hessian(objective, theta)
        left, signs = decrement_and_signature(matrix, gradient)
    seen = resolved(objective, theta)
    if seen is not None:
        left = torch.where(seen, left, torch.inf)
    return left[home], signs[home]


def _distinct_rows(theta: Tensor) -> tuple[Tensor, Tensor]:
    """The first of equal rows, and for each row its number among these."""
    _, home = torch.unique(theta.flatten(1), dim=0, return_inverse=True)
    return first_of(home), home


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
            _Members(objective, theta.take_along_dim(rank.unsqueeze(-1), 0), _resolved(ends)),
            loss.take_along_dim(rank, 0),
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
    r"""Members at real vectors of shape :math:`(S, B, P)`, and how far apart two must be."""

    objective: Objective
    theta: Tensor
    apart: float

    def same(self, first: int, second: int, problems: Tensor) -> Tensor:
        """In which problems two ranks are the same distribution, components permuted perhaps."""
        one, two = self.theta[first, problems], self.theta[second, problems]
        near = torch.isclose(one, two, rtol=1e-5, atol=1e-5).all(-1)
        far = (~near).nonzero().squeeze(-1)
        if len(far):
            near[far] = self._alike(one[far], two[far])
        return problems[near]

    def _alike(self, one: Tensor, two: Tensor) -> Tensor:
        """Which pairs of real vectors (N, P) have the same density, at points of both."""
        try:
            if self.objective.family.batched or len(one) == 1:
                return self._compared(one, two)
        except ValueError:  # a point of one outside of the other's support
            if len(one) == 1:
                return torch.zeros(1, dtype=torch.bool, device=one.device)
        rows = zip(one.split(1), two.split(1), strict=True)
        return torch.cat([self._alike(*pair) for pair in rows])

    def _compared(self, one: Tensor, two: Tensor) -> Tensor:
        family = self.objective.family
        first, second = (
            family.at(each if family.batched else each.squeeze(0)) for each in (one, two)
        )
        with seeded(0), torch.no_grad():
            points = torch.cat([first.sample(torch.Size([32])), second.sample(torch.Size([32]))])
            gap = (first.log_prob(points) - second.log_prob(points)).abs()
        return (gap < self.apart).all(0).expand(len(one))
