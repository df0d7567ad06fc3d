"""From where the starts ended to the distinct local optima, each with what its Hessian says."""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.randomness import seeded
from kldiv.solvers.curvature import decrement, hessian, signature
from kldiv.solvers.lanczos import decrement_of_many, signature_of_many
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run

__all__ = ["EXCESS", "Endpoints", "Optimum", "distinct", "endpoints"]

EXCESS = 1e-3  # nats that draws may leave to be gained
_MANY = 64  # parameters: beyond, a few products with the Hessian must do
_SAME = 1e-3  # in the log density of members, at points of both


@dataclass(frozen=True)
class Optimum:
    r"""A local optimum that starts have reached.

    Arguments:
        value: The divergence there, in nats.
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
        shown = ", ".join(f"{name}={_short(value)}" for name, value in self.parameters.items())
        count = len(self.starts)
        return f"Optimum({self.value:.7g} nats at {shown}; from {count} start{'s' * (count != 1)})"


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
    """

    theta: Tensor
    loss: Tensor
    decrement: Tensor
    signature: Tensor
    resolution: float
    proven: bool = False
    excess: Tensor | None = None

    @property
    def settled(self) -> Tensor:
        """Which ends are minima as far as the Hessian can tell, with shape :math:`(S, *)`."""
        if self.proven:
            return torch.ones_like(self.loss, dtype=torch.bool)
        still = self.decrement.square() / 2 <= self.resolution * (1 + self.loss.abs())
        if self.excess is not None:
            still = still & (self.excess <= EXCESS)
        return still & (self.signature >= 0).all(-1) & self.loss.isfinite()

    @property
    def best(self) -> Tensor:
        """The start that ended lowest, in a minimum where one did, for each problem."""
        ranked = torch.where(self.settled, self.loss, torch.inf)
        fallback = torch.where(self.loss.isnan(), torch.inf, self.loss)
        return torch.where(self.settled.any(0), ranked.argmin(0), fallback.argmin(0))

    def pick(self, stacked: Tensor) -> Tensor:
        r"""Of values :math:`(S, *, P)` at all ends, those at the best, :math:`(*, P)`."""
        index = self.best.reshape(1, *self.best.shape, 1)
        return torch.take_along_dim(stacked, index, 0).squeeze(0)

    def at_best(self, values: Tensor) -> Tensor:
        r"""Of one number for each end, :math:`(S, *)`, that of the best, :math:`(*)`."""
        return self.pick(values.unsqueeze(-1)).squeeze(-1)


def endpoints(objective: Objective, run: Run) -> Endpoints:
    """What the Hessian says of each end; ends of a stochastic objective are never minima."""
    if objective.stochastic:
        unknown = torch.full_like(run.loss, math.inf)
        signs = torch.zeros_like(run.theta, dtype=torch.int32)
        return Endpoints(run.theta, run.loss, unknown, signs, objective.resolution, run.proven)
    rows, home = _distinct_rows(run.theta)
    theta, gradient = run.theta[rows], run.gradient[rows]
    if theta.shape[-1] > _MANY:
        left = decrement_of_many(objective, theta, gradient)
        signs = signature_of_many(objective, theta)
    else:
        matrix = hessian(objective, theta)
        left, signs = decrement(matrix, gradient), signature(matrix)
    return Endpoints(
        run.theta,
        run.loss,
        left[home],
        signs[home],
        objective.resolution,
        run.proven,
        run.excess,
    )


def _distinct_rows(theta: Tensor) -> tuple[Tensor, Tensor]:
    """The first of equal rows, and for each row its number among these."""
    _, home = torch.unique(theta.flatten(1), dim=0, return_inverse=True)
    first = [(home == k).int().argmax() for k in range(int(home.max()) + 1)]
    return torch.stack(first), home


def distinct(objective: Objective, ends: Endpoints) -> list[tuple[Optimum, ...]]:
    """The distinct minima of each problem of the batch, best first."""
    starts, size = ends.theta.shape[0], ends.theta.shape[-1]
    theta = ends.theta.reshape(starts, -1, size)
    loss, settled = ends.loss.reshape(starts, -1), ends.settled.reshape(starts, -1)
    signs = ends.signature.reshape(starts, -1, ends.signature.shape[-1])
    problems, apart = [], _resolved(ends)
    for index in range(theta.shape[1]):
        order = [s for s in loss[:, index].argsort().tolist() if settled[s, index]]
        groups: list[list[int]] = []
        for start in order:
            home = next(
                (
                    group
                    for group in groups
                    if _same(objective, theta[group[0], index], theta[start, index], apart)
                ),
                None,
            )
            groups.append([start]) if home is None else home.append(start)
        problems.append(
            tuple(_optimum(objective, theta, loss, signs, index, group) for group in groups)
        )
    return problems


def _resolved(ends: Endpoints) -> float:
    """How far apart in log density two ends must be to be two: draws blur where a minimum is."""
    if ends.excess is None:
        return _SAME
    unseen = ends.excess[ends.excess.isfinite()]
    return max(_SAME, 5 * math.sqrt(2 * float(unseen.max()))) if len(unseen) else math.inf


def _optimum(
    objective: Objective, theta: Tensor, loss: Tensor, signs: Tensor, index: int, group: list[int]
) -> Optimum:
    first = group[0]
    return Optimum(
        float(loss[first, index]),
        objective.family.values_at(theta[first, index].detach()),
        tuple(signs[first, index].tolist()),
        tuple(sorted(group)),
    )


def _same(objective: Objective, first: Tensor, second: Tensor, apart: float) -> bool:
    """Whether two members are the same distribution, components permuted perhaps."""
    if torch.allclose(first, second, rtol=1e-5, atol=1e-5):
        return True
    one, two = objective.family.at(first), objective.family.at(second)
    with seeded(0), torch.no_grad():
        points = torch.cat([one.sample(torch.Size([32])), two.sample(torch.Size([32]))])
        try:
            return bool(((one.log_prob(points) - two.log_prob(points)).abs() < apart).all())
        except ValueError:  # a point of one outside of the other's support
            return False


def _short(value: Tensor) -> str:
    return (
        f"{float(value):.6g}"
        if value.numel() == 1
        else str([round(v, 5) for v in value.flatten().tolist()[:6]])
    )
