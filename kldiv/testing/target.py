"""`TargetTrial`: a target on trial, its draws, and the integrals that these are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor
from torch.distributions import Transform, biject_to

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import box, unwrap
from kldiv.definitions.target import Target
from kldiv.estimators import Quadrature, Sum

__all__ = ["DRAWS", "TargetTrial"]

DRAWS = 20_000
_POINTS = 12  # at which derivatives are taken
_MOST_COORDINATES = 2  # over which integrals are taken
_MOST = 1_000_000  # points of an integral: what these leave open is in its error

Statistics = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True, eq=False)
class TargetTrial:
    """A target on trial: itself the only ground of its laws.

    Arguments:
        thing: The target.
        label: What reports call it.
        again: What makes it, as code.
        seed: What all randomness follows.
    """

    thing: Target
    label: str
    again: str
    seed: int = 0
    name: str = "itself"

    def __str__(self) -> str:
        return self.label

    def __len__(self) -> int:
        return max(1, self.thing.batch_shape.numel())

    def ready(self, ground: object) -> bool:
        """Whether anything can be computed."""
        return True

    def code(self, law: str, ground: object) -> str:
        """A line that checks a law again."""
        return f"kldiv.testing.check_target({self.again}, laws=[{law!r}], seed={self.seed})"

    def describe(self, index: int) -> dict[str, str]:
        """There is nothing to say of it but what it is."""
        return {}

    @property
    def is_data(self) -> bool:
        """Whether it is samples without a density."""
        return isinstance(self.thing, SampleTarget)

    @property
    def is_discrete(self) -> bool:
        """Whether its points are integers."""
        return bool(unwrap(self.thing.support).is_discrete)

    @cached_property
    def draws(self) -> Tensor:
        r"""Draws, with shape :math:`(N, *, E)`."""
        return self.thing.sample(torch.Size([DRAWS]), self.seed)

    @property
    def integrator(self) -> Quadrature | Sum | None:
        """What integrates over its whole space, if anything does."""
        if self.is_discrete:
            return None if self.thing.event_shape else Sum()
        few = self.thing.event_shape.numel() <= _MOST_COORDINATES
        return (
            Quadrature(max_evaluations=_MOST)
            if few and box(self.thing.support) is not None
            else None
        )

    @cached_property
    def to_support(self) -> Transform | None:
        """The bijection from real vectors to its support, if there is one."""
        try:
            return None if self.is_discrete else biject_to(self.thing.support)
        except NotImplementedError:
            return None

    @cached_property
    def points(self) -> Tensor:
        r"""Some points inside of its support, with shape :math:`(N, *, E)`."""
        if self.thing.has_sampler:
            return self.draws[:_POINTS]
        if self.to_support is None:
            raise NotImplementedError(f"no points of {self.thing.support} can be made")
        shape = self.to_support.inverse_shape(self.thing.event_shape)
        size = (_POINTS, *self.thing.batch_shape, *shape)
        generator = torch.Generator().manual_seed(self.seed)
        reals = torch.randn(size, generator=generator, dtype=torch.float64)
        inside: Tensor = self.to_support(reals / 2)
        return inside

    @cached_property
    def spread(self) -> Tensor:
        r"""How far apart its points lie, robustly, with shape :math:`(*, E)`."""
        sorted_points = (self.draws if self.thing.has_sampler else self.points).sort(0).values
        count = len(sorted_points)
        width = sorted_points[3 * count // 4] - sorted_points[count // 4]
        return torch.where(width > 0, width / 1.35, 1.0)
