"""How many evaluations integrals may cost, and how many they have cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from torch import Tensor

from kldiv.estimators.integrals.groups import Group

__all__ = ["Budget"]

_ENDLESS = 2**62


@dataclass
class Budget:
    r"""What is left to be spent on each of B integrals.

    A node of a line costs one evaluation, one of a plane as many as the line across takes.

    Arguments:
        group: The integral that each line belongs to.
        most: The most evaluations, with shape :math:`(B)`.
        spent: How many there were, likewise.
        dearest: The most that one node has cost, likewise.
    """

    group: Group
    most: Tensor
    spent: Tensor = field(init=False)
    dearest: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.spent, self.dearest = torch.zeros_like(self.most), torch.ones_like(self.most)

    @classmethod
    def of(cls, group: Group, most: int) -> Budget:
        """The same for every integral."""
        device = group.of_line.device
        return cls(group, torch.full((group.count,), most, dtype=torch.long, device=device))

    def anew(self) -> Budget:
        """One without limits, for what has been paid already."""
        return Budget.of(self.group, _ENDLESS)

    @property
    def left(self) -> Tensor:
        """What may still be spent, with shape (B)."""
        return (self.most - self.spent).clamp_min(0)

    def charge(self, column: Tensor, nodes: int) -> None:
        """Enters nodes on lines of the integrals of an index, which may hold one often."""
        self.spent.index_add_(0, column, torch.full_like(column, nodes))

    def charge_lines(self, column: Tensor, costs: Tensor) -> None:
        """Enters nodes of a plane that cost as much as the lines across them, all of shape (C)."""
        self.spent.index_add_(0, column, costs)
        self.dearest.scatter_reduce_(0, column, costs, "amax")

    def shares(self, column: Tensor) -> Tensor:
        """What is left, for each of several nodes that are charged together."""
        number = torch.bincount(column, minlength=len(self.most))
        return (self.left // number.clamp_min(1))[column]

    def affords(self, line: Tensor, nodes: Tensor | int) -> Tensor:
        """Whether the integrals of some lines have enough left for these nodes on all of them."""
        column = self.group.of_line[line]
        wanted = torch.zeros_like(self.spent)
        each = torch.as_tensor(nodes, device=line.device).expand(line.shape)
        wanted = wanted.index_add(0, column, each) * self.dearest
        return (wanted <= self.left)[column]
