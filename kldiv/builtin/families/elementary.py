"""`Elementary`: a family of scalars with the parameters of a ``torch.distributions`` class.

The families built on it add what torch does not know: in which direction a good start lies, and,
for exponential families, the member of given moments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch

from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter

__all__ = ["TINY", "Elementary", "log_inside", "log_ratio_inside"]

_NEAR = 0.5

TINY = 1e-300
"""The least positive value a parameter starts from."""


class Elementary(Family):
    """A family of scalars whose parameters are scalars.

    Arguments:
        fixed: Parameters by name that are held fixed.
    """

    distribution_class: ClassVar[Callable[..., Distribution]]
    scalars: ClassVar[Mapping[str, Constraint]]

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """The scalars that the class takes."""
        return {name: Parameter(constraint) for name, constraint in self.scalars.items()}

    def distribution(self, **parameters: Tensor) -> Distribution:
        """An object of the class."""
        return self.distribution_class(**parameters)

    def free(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Those of some values that are not held fixed."""
        return {name: value for name, value in values.items() if name not in self.fixed}


def log_inside(x: Tensor) -> Tensor:
    """The logarithm of positive numbers; ``-inf`` for others."""
    inside = x > 0
    return torch.where(inside, torch.where(inside, x, 1.0).log(), -torch.inf)


def log_ratio_inside(x: Tensor, other: Tensor) -> Tensor:
    """The logarithm of ``x / other`` for positive numbers, also of ones close together."""
    apart = (x - other) / other
    near = apart.abs() < _NEAR
    return torch.where(near, torch.where(near, apart, 0.0).log1p(), log_inside(x / other))
