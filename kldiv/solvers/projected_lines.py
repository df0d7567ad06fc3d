r"""Linear combinations under normals: normal vectors of few variables, at nodes.

The combinations :math:`A w` of one value of a term, A with k rows, are under
:math:`w = \mu + L \zeta` the normal vector :math:`m + R z`: by Gram and Schmidt :math:`A L = R U`
with a lower triangular R and orthonormal rows in U, so that :math:`z = U \zeta` is standard
normal, and :math:`m = A \mu`. Those of terms with as many variables are taken together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce

import torch

from torch import Tensor

from kldiv.definitions.projected_target import Term
from kldiv.solvers.normal_nodes import Levels, nodes

__all__ = ["Block", "Grid", "Lines", "blocks_of", "count_of", "grid_of", "joined"]

_NARROW = 1e-150  # no variable has a lesser deviation


@dataclass(frozen=True)
class Block:
    """Terms with as many variables.

    Arguments:
        numbers: The numbers of the terms.
        count: How many variables each has.
        sizes: How many values N each has.
    """

    numbers: tuple[int, ...]
    count: int
    sizes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many combinations there are."""
        return self.count * sum(self.sizes)

    def parts(self, values: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The number of each term, and its own of values of all, the last axis being theirs."""
        return zip(self.numbers, values.split_with_sizes(self.sizes, -1), strict=True)


def blocks_of(terms: Sequence[Term]) -> tuple[list[Block], Tensor]:
    """Terms in blocks, and all their matrices: block by block, the first variables of each first.

    Arguments:
        terms: The terms, in the order of their numbers.
    """
    alike: dict[int, list[int]] = {}
    for number, term in enumerate(terms):
        alike.setdefault(len(term.matrices), []).append(number)
    blocks = [
        Block(tuple(numbers), count, tuple(len(terms[number].matrices[0]) for number in numbers))
        for count, numbers in alike.items()
    ]
    matrices = [
        terms[number].matrices[variable]
        for block in blocks
        for variable in range(block.count)
        for number in block.numbers
    ]
    return blocks, torch.cat(matrices)


@dataclass(frozen=True)
class Grid:
    """The nodes of a term.

    Arguments:
        powers: 1 and the variables z, with shape (K, 1 + k).
        weights: With shape (K).
    """

    powers: Tensor
    weights: Tensor

    def points(self, factors: Tensor) -> Tensor:
        """The combinations at the nodes, of shape (K, S, k, N), from factors (1 + k, S, k, N)."""
        return (self.powers @ factors.flatten(1)).view(-1, *factors.shape[1:])

    def mean(self, values: Tensor) -> Tensor:
        """The sum over a term of its means, with shape (S), from values of shape (K, S, N)."""
        found: Tensor = self.weights @ values.sum(-1)
        return found

    def weights_of(self, values: Tensor) -> Tensor:
        """The weight of each value."""
        return self._column.expand_as(values)

    def moments(self, slopes: Tensor) -> Tensor:
        """The means of gradients times 1 and z, with shape (1 + k, S, k, N).

        Arguments:
            slopes: The gradients times the weights, with shape (K, S, k, N).
        """
        return (self._transposed @ slopes.flatten(1)).view(-1, *slopes.shape[1:])

    def share(self, index: int, count: int) -> Grid:
        """One of several shares of the nodes."""
        return Grid(self.powers[index::count], self.weights[index::count])

    @cached_property
    def _column(self) -> Tensor:
        return self.weights[:, None, None]

    @cached_property
    def _transposed(self) -> Tensor:
        return self.powers.mT


@lru_cache(maxsize=64)
def grid_of(levels: Levels, device: torch.device) -> Grid:
    """All nodes of some levels."""
    z, weights = (each.to(device) for each in nodes(levels))
    return Grid(torch.cat([torch.ones_like(z[:, :1]), z], -1), weights)


@lru_cache(maxsize=64)
def count_of(levels: Levels) -> int:
    """How many nodes there are."""
    return len(nodes(levels)[1])


@dataclass(frozen=True)
class Lines:
    r"""The combinations of a block as normal vectors.

    Arguments:
        factors: The means m, then the columns of R, with shape :math:`(1 + k, S, k, N)`.
        axes: The rows of U, each with shape :math:`(S, N, D)`.
    """

    factors: Tensor
    axes: Sequence[Tensor]

    @classmethod
    def of(cls, middles: Tensor, steps: Tensor, count: int) -> Lines:
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
        return cls(torch.stack([middle, *(torch.stack(each, 1) for each in columns)]), axes)

    def means(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """The means of the gradients, (S, k N), and these times U, with shape (S, k N, D).

        Arguments:
            moments: The means of the gradients times 1 and z, with shape (1 + k, S, k, N).
        """
        first, *others = moments.unsqueeze(-1).unbind(0)
        products = [each * axis.unsqueeze(1) for each, axis in zip(others, self.axes, strict=True)]
        return first.flatten(1), reduce(torch.add, products).flatten(1, 2)


def joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Tensors one after the other along an axis."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim)
