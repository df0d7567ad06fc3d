r"""Normals in reverse to targets of linear combinations: expectations without any sampling.

Under :math:`q = N(\mu, L L^\top)` with :math:`w = \mu + L \zeta` the combinations :math:`A w` of
one value of a term, A with k rows, are the normal vector :math:`m + R z`: by Gram and Schmidt
:math:`A L = R U` with a lower triangular R and orthonormal rows in U, so that :math:`z = U \zeta`
is standard normal, and :math:`m = A \mu`. With :math:`\psi = \nabla \varphi`

.. math::
    E_q[\log p] = \sum E[\varphi(m + R z)], \qquad
    E_q[\nabla \log p] = \sum A^\top E[\psi], \qquad
    E_q[\nabla \log p\; \zeta^\top] = \sum A^\top E[\psi z^\top]\, U,

sums over all values of integrals over k variables. Each variable has as many Gauss–Hermite nodes
as it needs. R is triangular, so that a combination is a straight line in its own variable,
whatever the earlier ones are: where :math:`\varphi` is quadratic in it, two nodes are exact.

References:
    Variational Approximations in Generalized Linear Latent Variable Models: Gaussian Variational
    Approximation (Hui, Warton, Ormerod, Haapaniemi and Taskinen, 2017).
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.solvers.hermite import grid
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective

__all__ = ["Projections"]

_LEVELS = (2, 16, 32, 64, 128, 256)  # nodes of a variable; the last ones judge those before
_MOST = 2**16  # nodes of a value
_AT_ONCE = 2**22  # numbers, of the members that are looked at together
_NARROW = 1e-150  # no variable has a lesser deviation

Levels = tuple[int, ...]
"""For each variable of a term the number of its level."""


class Projections(NormalSurface):
    """The divergence of normal members from a target of linear combinations.

    Arguments:
        objective: The objective, which counts what is evaluated.
        target: Its target.
        chart: Its family of normals.
    """

    def __init__(self, objective: Objective, target: ProjectedTarget, chart: NormalChart) -> None:
        super().__init__(chart, target.device)
        self.objective, self.terms = objective, target.terms
        self.levels: list[Levels] = [(0,) * len(term.matrices) for term in self.terms]
        self._rows = torch.cat([matrix for term in self.terms for matrix in term.matrices])
        self._sizes = [len(term.matrices) * len(term.matrices[0]) for term in self.terms]

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages by nodes."""
        terms = list(zip(self._lines(loc, spread), map(self._nodes, self.levels), strict=True))
        with torch.enable_grad():
            points = [line.at(z).requires_grad_() for line, (z, _) in terms]
            values = [
                term.function(*at.unbind(1)) for term, at in zip(self.terms, points, strict=True)
            ]
            slopes = torch.autograd.grad([each.sum() for each in values], points)
        self.objective.evaluations += max(map(_count, self.levels)) * loc.shape[:-1].numel()
        self.objective.gradients += 1
        means = [
            _mean(weights, each.detach())
            for (_, (_, weights)), each in zip(terms, values, strict=True)
        ]
        slope, pull = zip(
            *(line.means(*nodes, own) for (line, nodes), own in zip(terms, slopes, strict=True)),
            strict=True,
        )
        bends = torch.cat(pull, -2)
        bends = self._rows.mT @ bends if self.full else (self._rows * bends).sum(-2)
        return torch.stack(means).sum(0), torch.cat(slope, -1) @ self._rows, bends

    def at_real_vectors(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in the family's real vectors, some of them at a time."""
        rows = theta.detach().reshape(-1, theta.shape[-1])
        parts = []
        for block in rows.split(max(1, _AT_ONCE // self._cost)):
            point = self.point(block)
            loss, gradient = self.value_and_gradient(point)
            parts.append((loss, self.real_gradient(point, gradient)))
        losses, gradients = (torch.cat(each) for each in zip(*parts, strict=True))
        return losses.reshape(theta.shape[:-1]), gradients.reshape(theta.shape)

    @torch.no_grad()
    def refine(self, point: Tensor, tolerance: float, most: int = _LEVELS[-2]) -> Tensor:
        r"""Adds nodes until more of them change nothing at points.

        Arguments:
            point: The points, with shape :math:`(S, K)`.
            tolerance: Which change counts as none, relative to :math:`1 + |E|`.
            most: The most nodes of a variable.

        Returns:
            How much more nodes would change the divergence, with shape :math:`(S)`.
        """
        left = torch.zeros_like(point[..., 0])
        for number, line in enumerate(self._lines(*self.parts(point))):
            left = left + self._refine_term(number, line, tolerance, most)
        return left

    def _refine_term(self, number: int, line: _Lines, tolerance: float, most: int) -> Tensor:
        """Adds nodes in one variable after the other, and begins again where one needed them."""
        value = self._expected(number, line, self.levels[number])
        changes: list[Tensor] = []
        while len(changes) < len(self.levels[number]):
            levels = _finer(self.levels[number], len(changes))
            found = self._expected(number, line, levels)
            change = (found - value).abs()
            much = change.nan_to_num() > tolerance * (1 + value.abs())
            if bool(much.any()) and _is_allowed(levels, most):
                self.levels[number], value, changes = levels, found, []
            else:
                changes.append(change)
        return torch.stack(changes).sum(0)

    def _expected(self, number: int, line: _Lines, levels: Levels) -> Tensor:
        """The mean of a term, with shape (S)."""
        z, weights = self._nodes(levels)
        return _mean(weights, self.terms[number].function(*line.at(z).unbind(1)))

    def _nodes(self, levels: Levels) -> tuple[Tensor, Tensor]:
        z, weights = grid(tuple(_LEVELS[each] for each in levels))
        return z.to(self.device), weights.to(self.device)

    def _lines(self, loc: Tensor, spread: Tensor) -> list[_Lines]:
        """What the combinations of each term are under members."""
        rows, sizes = self._rows, self._sizes
        middles = (loc @ rows.mT).split(sizes, -1)
        steps = rows @ spread if self.full else rows * spread.unsqueeze(-2)
        return [
            _Lines.of(middle, step, len(term.matrices))
            for term, middle, step in zip(self.terms, middles, steps.split(sizes, -2), strict=True)
        ]

    @property
    def _cost(self) -> int:
        """How many numbers a member takes, of its terms and of the nodes of each."""
        return sum(
            _count(levels) * size for levels, size in zip(self.levels, self._sizes, strict=True)
        )


@dataclass(frozen=True)
class _Lines:
    r"""The combinations of a term as normal vectors.

    Arguments:
        factors: The means m, then the columns of R, with shape :math:`(1 + k, k, S, N)`.
        axes: The rows of U, with shape :math:`(k, S, N, D)`.
    """

    factors: Tensor
    axes: Tensor

    @classmethod
    def of(cls, middles: Tensor, steps: Tensor, count: int) -> _Lines:
        """By Gram and Schmidt, from A mu of shape (S, k N) and A L of shape (S, k N, D)."""
        middle = middles.unflatten(-1, (count, -1)).movedim(-2, 0)
        axes: list[Tensor] = []
        columns = [list(middle.unbind(0))]
        for index, rest in enumerate(steps.unflatten(-2, (count, -1)).unbind(-3)):
            for axis, column in zip(axes, columns[1:], strict=True):
                along = (rest * axis).sum(-1)
                rest = rest - along.unsqueeze(-1) * axis
                column.append(along)
            own = rest.square().sum(-1).sqrt().clamp_min(_NARROW)
            columns.append([*(torch.zeros_like(own),) * index, own])
            axes.append(rest / own.unsqueeze(-1))
        return cls(torch.stack([torch.stack(each) for each in columns]), torch.stack(axes))

    def at(self, z: Tensor) -> Tensor:
        """The combinations at nodes (K, k), with shape (K, k, S, N)."""
        whole = torch.cat([torch.ones_like(z[:, :1]), z], -1)
        found: Tensor = (whole @ self.factors.flatten(1)).unflatten(-1, self.factors.shape[1:])
        return found

    def means(self, z: Tensor, weights: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        r"""The means of the gradients, (S, k N), and these times U, with shape (S, k N, D)."""
        whole = torch.cat([torch.ones_like(z[:, :1]), z], -1) * weights.unsqueeze(-1)
        found = (whole.mT @ slopes.flatten(1)).unflatten(-1, slopes.shape[1:])
        bends = (found[1:].unsqueeze(-1) * self.axes.unsqueeze(1)).sum(0)
        return found[0].movedim(0, -2).flatten(-2), bends.movedim(0, -3).flatten(-3, -2)


def _finer(levels: Levels, axis: int) -> Levels:
    """More nodes in one variable."""
    return (*levels[:axis], levels[axis] + 1, *levels[axis + 1 :])


def _is_allowed(levels: Levels, most: int) -> bool:
    return max(_LEVELS[each] for each in levels) <= most and _count(levels) <= _MOST


def _count(levels: Levels) -> int:
    """How many nodes there are for each value of a term."""
    return math.prod(_LEVELS[each] for each in levels)


def _mean(weights: Tensor, values: Tensor) -> Tensor:
    """The sum over all values of their means, with shape (S)."""
    found: Tensor = (weights @ values.flatten(1)).unflatten(-1, values.shape[1:]).sum(-1)
    return found
