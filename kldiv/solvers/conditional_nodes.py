r"""Nodes for normal vectors under targets that are normal given one of their coordinates.

Hierarchical models of normal effects are such, given the logarithm of these effects' scale, and so
is Neal's funnel given its neck: at a fixed :math:`x_k` the log density is a quadratic function of
the other coordinates. With a reflection G that turns the k-th row of L into an axis,
:math:`x = \mu + L G z` has an :math:`x_k` that depends on :math:`s = z_k` alone. Along s averages
are taken by Gauss and Hermite's rule, and over the m others by the 2m points
:math:`\pm \sqrt m\, e_i`, which are exact for quadratic functions, and for their gradients times
z. So a few hundred points have all digits, and no draws are needed.

They have the Hessian too. Of the third and fourth derivatives only those are not 0 that s has a
part in twice or once, and by Stein's identity their means are averages of
:math:`\gamma = -(L G)^\top \nabla \log p`:

.. math::
    N_{ij} = E[\partial_s \partial_i \gamma_j] &= E[s\, \gamma_j z_i], &
    N_{si} &= E[(s^2 - 1) \gamma_i], \\
    V_{ij} = E[\partial_s^2 \partial_i \gamma_j] &= E[(s^2 - 1) \gamma_j z_i], &
    V_{si} &= E[(s^3 - 3 s) \gamma_i].

References:
    Approximate Calculation of Multiple Integrals (Stroud, 1971), section 8.7, formula U3-1.
    Estimation of the Mean of a Multivariate Normal Distribution (Stein, 1981), lemma 2,
    doi:10.1214/aos/1176345632.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from torch import Tensor

from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_surface import Averages, NormalSurface
from kldiv.solvers.normal_tables import basis_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["ConditionalNodes", "gauss_hermite", "reflection"]


class ConditionalNodes(NormalSurface):
    """The reverse ``kl`` of normal vectors on such nodes.

    Arguments:
        objective: The objective.
        chart: The family, of which neither the mean nor the scale is held fixed.
        coordinate: The number k of the coordinate.
        count: How many nodes there are along it.
    """

    def __init__(
        self, objective: Objective, chart: NormalChart, coordinate: int, count: int
    ) -> None:
        super().__init__(chart, objective.target.device)
        self.objective, self.coordinate = objective, coordinate
        self._basis = basis_of(chart.size, chart.shape, True, True)[1].to(self.device)
        identity = torch.eye(chart.size, dtype=torch.float64, device=self.device)
        self._still = None if self.full else _Directions.of(self._basis, identity)
        self.hold(count)

    def hold(self, count: int) -> None:
        """From now on there are so many nodes along the coordinate."""
        found = _rule(count, self.size, self.coordinate)
        self.count = count
        self._nodes, self._weights, self._features = (each.to(self.device) for each in found)

    def averages(self, loc: Tensor, spread: Tensor) -> Averages:
        """The averages, of members with correlations whatever the family."""
        root = spread if spread.ndim > loc.ndim else torch.diag_embed(spread)
        turn = self._turn(root)
        log_p, moments = self._moments(loc, root @ turn)
        return self._means(log_p, moments, turn)

    @torch.no_grad()
    def derivatives(self, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The divergence, its gradient and its Hessian, with shapes (S, *) to (S, *, P, P)."""
        loc, root = self.members(point)
        directions = self._still or _Directions.of(self._basis, self._turn(root))
        turned = root @ directions.turn
        log_p, moments = self._moments(loc, turned)
        means = self._means(log_p, moments, directions.turn)
        second = -root.mT @ means[-1]
        pulls = -(moments.unsqueeze(-2) @ turned).squeeze(-2)
        inner = pulls[3 + self.size :].unflatten(0, (2, self.size)).movedim(1, -1)
        bends = _bordered((inner + inner.mT) / 2, pulls[1:3], self.coordinate)
        return *self.seen(point, means), self._hessian((second + second.mT) / 2, bends, directions)

    def _turn(self, root: Tensor) -> Tensor:
        return reflection(root[..., self.coordinate, :], self.coordinate)

    def _moments(self, loc: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of log p, and those of its gradient times what else is averaged."""
        x = loc + (turned @ self._nodes.mT).movedim(-1, 0)
        log_p, slopes = log_density_and_slope(self.objective, x)
        moments = self._features @ slopes.flatten(1)
        return torch.tensordot(self._weights, log_p, 1), moments.unflatten(-1, slopes.shape[1:])

    def _means(self, log_p: Tensor, moments: Tensor, turn: Tensor) -> Averages:
        """The averages of a normal surface."""
        return log_p, moments[0], moments[3 : 3 + self.size].movedim(0, -1) @ turn

    def _hessian(self, second: Tensor, bends: Tensor, directions: _Directions) -> Tensor:
        r"""The Hessian in steps (a, B).

        Arguments:
            second: The mean second derivatives of minus log p, with shape :math:`(S, *, D, D)`.
            bends: The matrices N and V, with shape :math:`(2, S, *, D, D)`.
            directions: The changes of the scale, as the nodes see them.
        """
        k, turn, steps, even = self.coordinate, directions.turn, directions.steps, directions.even
        column = even[..., k]
        corner = column[..., k, None]
        lines = 2 * (column @ bends) - bends[..., k].unsqueeze(-2) * corner
        lines[..., k] = (even.flatten(-2) @ bends.flatten(-2).unsqueeze(-1)).squeeze(-1)
        across = _bordered(bends[1].unsqueeze(-3) * corner.unsqueeze(-1), lines[1], k)
        basis, own = self._basis.flatten(1), second.unsqueeze(-3) @ self._basis
        diagonals = self._basis.diagonal(dim1=-2, dim2=-1)
        grown = second.diagonal(dim1=-2, dim2=-1).unsqueeze(-2) * diagonals
        scales = steps.flatten(-2) @ across.flatten(-2).mT
        scales = scales + own.flatten(-2) @ basis.mT + grown @ diagonals.mT
        mixed = lines[0] @ turn
        upper, lower = torch.cat([second, mixed.mT], -1), torch.cat([mixed, scales], -1)
        return torch.cat([upper, lower], -2)


@dataclass(frozen=True)
class _Directions:
    """The changes B of a scale in turned coordinates.

    Arguments:
        turn: The reflections, with shape :math:`(S, *, D, D)`.
        steps: The matrices, with shape :math:`(S, *, K, D, D)`.
        even: What is symmetric of them, likewise.
    """

    turn: Tensor
    steps: Tensor
    even: Tensor

    @staticmethod
    def of(basis: Tensor, turn: Tensor) -> _Directions:
        """Those of matrices of shape (K, D, D)."""
        wide = turn.unsqueeze(-3)
        steps = wide @ basis @ wide
        return _Directions(turn, steps, (steps + steps.mT) / 2)


def reflection(row: Tensor, coordinate: int) -> Tensor:
    r"""The reflections that turn rows into multiples of :math:`-e_k`, with shape (*, D, D).

    Arguments:
        row: The k-th rows of factors L, their k-th entry positive, with shape :math:`(*, D)`.
        coordinate: The number k.
    """
    axis = row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)
    identity = torch.eye(row.shape[-1], dtype=row.dtype, device=row.device)
    axis = (axis + identity[coordinate]).unsqueeze(-1)
    found: Tensor = identity - axis * (axis / axis[..., coordinate, None, :]).mT
    return found


def _bordered(matrix: Tensor, border: Tensor, coordinate: int) -> Tensor:
    """Matrices with another row and column."""
    matrix = matrix.clone()
    matrix[..., coordinate, :] = border
    matrix[..., :, coordinate] = border
    return matrix


@lru_cache(maxsize=64)
def gauss_hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes for averages under a standard normal variable, and their weights, which sum to 1."""
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(count))
    return nodes, weights / weights.sum()


@lru_cache(maxsize=64)
def _rule(count: int, size: int, coordinate: int) -> tuple[Tensor, Tensor, Tensor]:
    """The nodes z, of shape (K, D), their weights, and 1, He2(s), He3(s), z, s z, He2(s) z."""
    along, shares = gauss_hermite(count)
    others = [axis for axis in range(size) if axis != coordinate]
    points = torch.zeros(2 * (size - 1), size, dtype=torch.float64)
    points[range(size - 1), others] = (size - 1) ** 0.5
    points[range(size - 1, 2 * (size - 1)), others] = -((size - 1) ** 0.5)
    nodes = points.repeat(count, 1)
    s = along.repeat_interleave(len(points))
    nodes[:, coordinate] = s
    weights = shares.repeat_interleave(len(points)) / len(points)
    powers = torch.stack([torch.ones_like(s), s.square() - 1, s**3 - 3 * s], -1)
    lines = torch.stack([torch.ones_like(s), s, s.square() - 1], -1).unsqueeze(-1)
    products = (lines * nodes.unsqueeze(-2)).flatten(1)
    features = torch.cat([powers, products], -1) * weights.unsqueeze(-1)
    return nodes, weights, features.mT.contiguous()
