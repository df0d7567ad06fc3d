"""Integrals under a target alone: its mass, its moments, on nodes that serve for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from kldiv.definitions.place import Place
from kldiv.definitions.target import Target
from kldiv.estimators import Quadrature
from kldiv.lazy import deferred
from kldiv.solvers.places import rung_for, whole_place

if TYPE_CHECKING:
    from kldiv.estimators.integrals.equal_steps import EqualSteps
    from kldiv.estimators.integrals.formulas import Statistics

__all__ = ["UnderTarget"]

_equal_steps = deferred("kldiv.estimators.integrals.equal_steps:equal_steps")


@dataclass
class UnderTarget:
    """What a fit integrates under its target, each thing once.

    Arguments:
        target: The target.
    """

    target: Target

    @cached_property
    def place(self) -> Place | None:
        """Where the target is as a whole; ``None`` where that cannot be had."""
        return whole_place(self.target, self.expectations)

    @cached_property
    def nodes(self) -> EqualSteps | None:
        """Nodes with the log density of the target, where there are some that suit it."""
        found: EqualSteps | None = _equal_steps(self.target)
        return found

    @cached_property
    def mass(self) -> tuple[Tensor, Tensor]:
        """The integral of its density, with its error."""
        return Quadrature().mass(self.target, lambda _: self.nodes)

    def expectations(self, statistics: Statistics) -> Tensor | None:
        """The mass and the integrals of statistics; ``None`` where only draws are left."""
        rung = rung_for(self.target)
        if isinstance(rung, Quadrature):
            return rung.expectations(self.target, statistics, lambda _: self.nodes)[0]
        return None if rung is None else rung.expectations(self.target, statistics)[0]
