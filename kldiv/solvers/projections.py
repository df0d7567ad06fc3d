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

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.errors import NotAvailable
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_nodes import FINEST, Levels
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.objective import Objective
from kldiv.solvers.projected_lines import Grid, Lines, blocks_of, count_of, grid_of, joined

__all__ = ["Projections"]

_AT_ONCE = 2**22  # numbers that are in memory together
_MOST, _NODES = 2**27, 2**18  # numbers of a term, nodes of a value: more would take too long
_FAST = 30.0  # times less that more nodes change than those before did: that is no chance


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
        self._sizes = [len(term.matrices) * len(term.matrices[0]) for term in self.terms]
        self._blocks, self._rows = blocks_of(self.terms)

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages by nodes, of some members at a time, if need be by some of the nodes.

        With factors L they are those with correlations, whatever the family.
        """
        self.objective.evaluations += max(map(count_of, self.levels)) * len(loc)
        self.objective.gradients += 1
        cost = sum(map(math.prod, zip(map(count_of, self.levels), self._sizes, strict=True)))
        most = max(1, _AT_ONCE // cost)
        shares = list(zip(*(self._grids(levels, cost) for levels in self.levels), strict=True))
        if len(loc) <= most and len(shares) == 1:
            return self._averages(loc, spread, shares[0])
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
                self._refine_term(number, factors, tolerance, finest)
                for number, factors in sorted(self._factors(self._lines(*self.parts(row))))
            ]
            for row in point.split(1)
        ]
        return torch.stack([torch.cat(row).sum() for row in rows]).nan_to_num(torch.inf, torch.inf)

    def _refine_term(self, number: int, factors: Tensor, tolerance: float, finest: int) -> Tensor:
        """Adds nodes in one variable after the other, and begins again where one needed them."""
        value = self._expected(number, factors, self.levels[number])
        changes: list[Tensor] = []
        while (axis := len(changes)) < len(self.levels[number]):
            levels = _moved(self.levels[number], axis, 1)
            if count_of(levels) * self._sizes[number] > _MOST:
                changes.append(torch.full_like(value, torch.inf))
                continue
            found = self._expected(number, factors, levels)
            change = (found - value).abs()
            if float(change) <= tolerance * (1 + float(value.abs())):
                changes.append(change)
            elif levels[axis] <= finest and count_of(levels) <= _NODES:
                self.levels[number], value, changes = levels, found, []
            else:
                before = self._change_before(number, factors, axis, value)
                changes.append(torch.maximum(change, torch.minimum(before, _FAST * change)))
        return torch.stack(changes).sum(0)

    def _change_before(self, number: int, factors: Tensor, axis: int, value: Tensor) -> Tensor:
        """What the nodes of the day have changed, in one variable of a term."""
        if not self.levels[number][axis]:
            return torch.full_like(value, torch.inf)
        fewer = self._expected(number, factors, _moved(self.levels[number], axis, -1))
        return (value - fewer).abs()

    def _expected(self, number: int, factors: Tensor, levels: Levels) -> Tensor:
        """The mean of a term, with shape (S)."""
        self.objective.evaluations += count_of(levels)
        function = self.terms[number].function
        grids = self._grids(levels, count_of(levels) * self._sizes[number])
        return reduce(
            torch.add, (grid.mean(function(*grid.points(factors).unbind(2))) for grid in grids)
        )

    def _grids(self, levels: Levels, cost: int) -> list[Grid]:
        """The nodes, a share at a time where all of them take too many numbers."""
        whole, count = grid_of(levels, self.device), -(-cost // _AT_ONCE)
        return [whole] if count == 1 else [whole.share(index, count) for index in range(count)]

    def _averages(self, loc: Tensor, spread: Tensor, grids: Sequence[Grid]) -> Averages:
        """What a share of the nodes adds."""
        lines = self._lines(loc, spread)
        with torch.enable_grad():
            points = {
                number: grids[number].points(factors).requires_grad_()
                for number, factors in self._factors(lines)
            }
            values = {
                number: self.terms[number].function(*at.unbind(2)) for number, at in points.items()
            }
            _check_gradients(values)
            weights = [grids[number].weights_of(each) for number, each in values.items()]
            slopes = torch.autograd.grad([*values.values()], [*points.values()], weights)
        value = torch.cat([grids[number].weights for number in values]) @ torch.cat(
            [each.detach().sum(-1) for each in values.values()]
        )
        moments = iter(
            [grids[number].moments(each) for number, each in zip(points, slopes, strict=True)]
        )
        parts = [
            line.means(joined([*islice(moments, len(block.numbers))], -1))
            for line, block in zip(lines, self._blocks, strict=True)
        ]
        slope, bends = (joined(each, 1) for each in zip(*parts, strict=True))
        full = spread.ndim > loc.ndim
        pull = self._rows.mT @ bends if full else (self._rows * bends).sum(-2)
        return value, slope @ self._rows, pull

    def _lines(self, loc: Tensor, spread: Tensor) -> list[Lines]:
        """What the combinations of each block are under members."""
        rows, full = self._rows, spread.ndim > loc.ndim
        steps = rows @ spread if full else rows * spread.unsqueeze(-2)
        sizes = [block.rows for block in self._blocks]
        parts = (loc @ rows.mT).split_with_sizes(sizes, -1), steps.split_with_sizes(sizes, -2)
        return [
            Lines.of(middle, step, block.count)
            for block, middle, step in zip(self._blocks, *parts, strict=True)
        ]

    def _factors(self, lines: Sequence[Lines]) -> Iterator[tuple[int, Tensor]]:
        """The number of each term, block by block, and its own factors."""
        for block, line in zip(self._blocks, lines, strict=True):
            yield from block.parts(line.factors)


def _check_gradients(values: Mapping[int, Tensor]) -> None:
    """Raises where a function cannot be derived: it would be taken for a constant."""
    for number, each in values.items():
        if not each.requires_grad:
            raise NotAvailable(
                f"the function of term {number} has no gradient; write it in torch operations, a "
                "constant as 0 * t + constant"
            )


def _moved(levels: Levels, axis: int, by: int) -> Levels:
    """Levels with that of one variable moved."""
    return tuple(level + by * (index == axis) for index, level in enumerate(levels))
