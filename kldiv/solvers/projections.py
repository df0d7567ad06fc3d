r"""Normals in reverse to targets of linear combinations: expectations without any sampling.

Under :math:`q = N(\mu, L L^\top)` with :math:`w = \mu + L \zeta` the combinations :math:`A w` of
one value of a term, A with k rows, are the normal vector :math:`m + R z`: by Gram and Schmidt
:math:`A L = R U` with a lower triangular R and orthonormal rows in U, so that :math:`z = U \zeta`
is standard normal, and :math:`m = A \mu`. With :math:`\psi = \nabla \varphi`

.. math::
    E_q[\log p] = \sum E[\varphi(m + R z)], \qquad
    E_q[\nabla \log p] = \sum A^\top E[\psi], \qquad
    E_q[\nabla \log p\; \zeta^\top] = \sum A^\top E[\psi z^\top]\, U,

sums over all values of integrals over k variables. Each variable has as many nodes as it
needs. R is triangular, so that a combination is a straight line in its own variable,
whatever the earlier ones are: where :math:`\varphi` is quadratic in it, two nodes are exact.

References:
    Variational Approximations in Generalized Linear Latent Variable Models: Gaussian Variational
    Approximation (Hui, Warton, Ormerod, Haapaniemi and Taskinen, 2017).
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.errors import NotAvailable
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_nodes import FINEST, Levels, nodes
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective

__all__ = ["Projections"]

_AT_ONCE = 2**22  # numbers that are in memory together
_MOST, _NODES = 2**27, 2**18  # numbers of a term, nodes of a value: more would take too long
_FAST = 30.0  # times less that more nodes change than those before did: that is no chance
_NARROW = 1e-150  # no variable has a lesser deviation


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
        """The averages by nodes, of some members at a time, if need be by some of the nodes.

        With factors L they are those with correlations, whatever the family.
        """
        self.objective.evaluations += max(map(_count, self.levels)) * len(loc)
        self.objective.gradients += 1
        cost = sum(map(math.prod, zip(map(_count, self.levels), self._sizes, strict=True)))
        most = max(1, _AT_ONCE // cost)
        shares = list(zip(*(self._grids(levels, cost) for levels in self.levels), strict=True))
        members = zip(loc.split(most), spread.split(most), strict=True)
        parts = [[self._averages(*some, grids) for grids in shares] for some in members]
        sums = [[reduce(torch.add, each) for each in zip(*part, strict=True)] for part in parts]
        value, slope, pull = map(torch.cat, zip(*sums, strict=True))
        return value, slope, pull

    def at_real_vectors(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence and its gradient in the family's real vectors."""
        point = self.point(theta.detach().flatten(0, -2))
        loss, gradient = self.value_and_gradient(point)
        gradient = self.real_gradient(point, gradient)
        return loss.reshape(theta.shape[:-1]), gradient.reshape(theta.shape)

    @torch.no_grad()
    def refine(self, point: Tensor, tolerance: float, finest: int = FINEST - 1) -> Tensor:
        r"""Adds nodes until more of them change nothing at points.

        Arguments:
            point: The points, with shape :math:`(S, K)`.
            tolerance: Which change counts as none, relative to :math:`1 + |E|`.
            finest: The last level that a variable may have.

        Returns:
            How much other nodes would change the divergence, with shape :math:`(S)`.
        """
        rows = [
            [
                self._refine_term(number, line, tolerance, finest)
                for number, line in enumerate(self._lines(*self.parts(row)))
            ]
            for row in point.split(1)
        ]
        return torch.stack([torch.cat(row).sum() for row in rows]).nan_to_num(torch.inf, torch.inf)

    def _refine_term(self, number: int, line: _Lines, tolerance: float, finest: int) -> Tensor:
        """Adds nodes in one variable after the other, and begins again where one needed them."""
        value = self._expected(number, line, self.levels[number])
        changes: list[Tensor] = []
        while (axis := len(changes)) < len(self.levels[number]):
            levels = _moved(self.levels[number], axis, 1)
            if _count(levels) * self._sizes[number] > _MOST:
                changes.append(torch.full_like(value, torch.inf))
                continue
            found = self._expected(number, line, levels)
            change = (found - value).abs()
            if float(change) <= tolerance * (1 + float(value.abs())):
                changes.append(change)
            elif levels[axis] <= finest and _count(levels) <= _NODES:
                self.levels[number], value, changes = levels, found, []
            else:
                before = self._change_before(number, line, axis, value)
                changes.append(torch.maximum(change, torch.minimum(before, _FAST * change)))
        return torch.stack(changes).sum(0)

    def _change_before(self, number: int, line: _Lines, axis: int, value: Tensor) -> Tensor:
        """What the nodes of the day have changed, in one variable of a term."""
        if not self.levels[number][axis]:
            return torch.full_like(value, torch.inf)
        fewer = self._expected(number, line, _moved(self.levels[number], axis, -1))
        return (value - fewer).abs()

    def _expected(self, number: int, line: _Lines, levels: Levels) -> Tensor:
        """The mean of a term, with shape (S)."""
        self.objective.evaluations += _count(levels)
        function = self.terms[number].function
        grids = self._grids(levels, _count(levels) * self._sizes[number])
        return reduce(torch.add, (grid.mean(function(*line.at(grid).unbind(2))) for grid in grids))

    def _grids(self, levels: Levels, cost: int) -> list[_Grid]:
        """The nodes, a share at a time where all of them take too many numbers."""
        whole, count = _grid(levels, self.device), -(-cost // _AT_ONCE)
        return [_Grid(whole.powers[k::count], whole.weights[k::count]) for k in range(count)]

    def _averages(self, loc: Tensor, spread: Tensor, grids: Sequence[_Grid]) -> Averages:
        """What a share of the nodes adds."""
        lines = self._lines(loc, spread)
        with torch.enable_grad():
            points = [
                line.at(grid).requires_grad_() for line, grid in zip(lines, grids, strict=True)
            ]
            means = [
                grid.mean(term.function(*at.unbind(2)))
                for grid, term, at in zip(grids, self.terms, points, strict=True)
            ]
            _check_gradients(means)
            value = torch.stack(means).sum(0)
            slopes = torch.autograd.grad(value.sum(), points)
        parts = [
            line.means(grid, each) for line, grid, each in zip(lines, grids, slopes, strict=True)
        ]
        slope, bends = (torch.cat(each, 1) for each in zip(*parts, strict=True))
        full = spread.ndim > loc.ndim
        pull = self._rows.mT @ bends if full else (self._rows * bends).sum(-2)
        return value.detach(), slope @ self._rows, pull

    def _lines(self, loc: Tensor, spread: Tensor) -> list[_Lines]:
        """What the combinations of each term are under members."""
        rows, sizes = self._rows, self._sizes
        middles = (loc @ rows.mT).split(sizes, -1)
        full = spread.ndim > loc.ndim
        steps = rows @ spread if full else rows * spread.unsqueeze(-2)
        return [
            _Lines.of(middle, step, len(term.matrices))
            for term, middle, step in zip(self.terms, middles, steps.split(sizes, -2), strict=True)
        ]


@dataclass(frozen=True)
class _Grid:
    """The nodes of a term.

    Arguments:
        powers: 1 and the variables z, with shape (K, 1 + k).
        weights: With shape (K).
    """

    powers: Tensor
    weights: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """The sum over a term of its means, with shape (S), from values of shape (K, S, N)."""
        found: Tensor = self.weights @ values.sum(-1)
        return found


@dataclass(frozen=True)
class _Lines:
    r"""The combinations of a term as normal vectors.

    Arguments:
        factors: The means m, then the columns of R, with shape :math:`(1 + k, S, k, N)`.
        axes: The rows of U, with shape :math:`(k, S, N, D)`.
    """

    factors: Tensor
    axes: Tensor

    @classmethod
    def of(cls, middles: Tensor, steps: Tensor, count: int) -> _Lines:
        """By Gram and Schmidt, from A mu of shape (S, k N) and A L of shape (S, k N, D)."""
        axes: list[Tensor] = []
        columns: list[list[Tensor]] = []
        for index, rest in enumerate(steps.unflatten(1, (count, -1)).unbind(1)):
            for axis, column in zip(axes, columns, strict=True):
                along = (rest * axis).sum(-1)
                rest = rest - along.unsqueeze(-1) * axis
                column.append(along)
            own = torch.linalg.vector_norm(rest, dim=-1).clamp_min(_NARROW)
            columns.append([torch.zeros_like(own)] * index + [own])
            axes.append(rest / own.unsqueeze(-1))
        middle = middles.unflatten(-1, (count, -1))
        factors = torch.stack([middle, *(torch.stack(column, 1) for column in columns)])
        return cls(factors, torch.stack(axes))

    def at(self, grid: _Grid) -> Tensor:
        """The combinations at nodes, with shape (K, S, k, N)."""
        whole = grid.powers @ self.factors.flatten(1)
        found: Tensor = whole.unflatten(-1, self.factors.shape[1:])
        return found

    def means(self, grid: _Grid, slopes: Tensor) -> tuple[Tensor, Tensor]:
        r"""The means of the gradients, (S, k N), and these times U, with shape (S, k N, D).

        Arguments:
            grid: The nodes.
            slopes: The gradients times the weights.
        """
        found = (grid.powers.mT @ slopes.flatten(1)).unflatten(-1, slopes.shape[1:])
        bends = (found[1:].unsqueeze(-1) * self.axes.unsqueeze(2)).sum(0)
        return found[0].flatten(1), bends.flatten(1, 2)


@lru_cache(maxsize=64)
def _grid(levels: Levels, device: torch.device) -> _Grid:
    z, weights = (each.to(device) for each in nodes(levels))
    return _Grid(torch.cat([torch.ones_like(z[:, :1]), z], -1), weights)


def _check_gradients(means: list[Tensor]) -> None:
    """Raises where a function cannot be derived: it would be taken for a constant."""
    for number, each in enumerate(means):
        if not each.requires_grad:
            raise NotAvailable(
                f"the function of term {number} has no gradient; write it in torch operations, a "
                "constant as 0 * t + constant"
            )


def _moved(levels: Levels, axis: int, by: int) -> Levels:
    """Levels with that of one variable moved."""
    return tuple(level + by * (index == axis) for index, level in enumerate(levels))


def _count(levels: Levels) -> int:
    """How many nodes there are."""
    return len(nodes(levels)[1])
