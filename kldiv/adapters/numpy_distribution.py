"""Distributions whose densities and samplers are numpy's, as torch distributions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from kldiv.adapters.numpy_function import Array, NumpyFunction
from kldiv.definitions.numbers import broadcast

__all__ = ["NumpyDistribution"]

_STEPS_FROM_AN_END = 4


class NumpyDistribution(Distribution):
    r"""A distribution of scalars or of vectors that numpy evaluates and draws.

    Its log density is differentiable in the points, numerically. A subclass defines
    :meth:`log_density`, :meth:`draw` and :meth:`place`, and the moments that it knows.

    Arguments:
        label: What it is called.
        lower: The lower ends of the support of each coordinate, with shape :math:`(*, E)`.
        upper: The upper ends, likewise.
        vector: Whether points are vectors.
        discrete: Whether the support is a set of integers.
    """

    arg_constraints: Mapping[str, Constraint] = {}  # type: ignore[assignment]
    cuts: tuple[Tensor, ...] = ()

    def __init__(
        self,
        label: str,
        lower: object,
        upper: object,
        *,
        vector: bool = False,
        discrete: bool = False,
    ) -> None:
        self._label = label
        self.lower, self.upper = torch.broadcast_tensors(
            torch.as_tensor(lower, dtype=torch.float64),
            torch.as_tensor(upper, dtype=torch.float64),
        )
        self._discrete = discrete
        shape = self.lower.shape
        batch, event = (shape[:-1], shape[-1:]) if vector else (shape, torch.Size())
        super().__init__(batch, event, validate_args=False)

    @abstractmethod
    def log_density(self, x: Array) -> Array:
        r"""The log density at points of shape :math:`(N, *, E)`, with shape :math:`(N, *)`."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        r"""Points of shape :math:`(\text{shape}, *, E)`."""

    @abstractmethod
    def place(self) -> tuple[Array, Array]:
        r"""A centre and a scale, both finite, of the mass, with shape :math:`(*, E)`."""

    @property
    def support(self) -> Constraint:
        """The interval, the integers or the product of intervals between the ends."""
        if self._discrete:
            inner: Constraint = constraints.integer_interval(self.lower, self.upper)
        elif bool(self.lower.isinf().all() and self.upper.isinf().all()):
            inner = constraints.real
        else:
            inner = constraints.interval(self.lower, self.upper)
        return constraints.independent(inner, 1) if self.event_shape else inner

    @property
    def loc(self) -> Tensor:
        """The centre of the mass."""
        return self._place[0]

    @property
    def scale(self) -> Tensor:
        """The scale of the mass."""
        return self._place[1]

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density, or the log probability of integers, at points."""
        x = value.expand(broadcast(value.shape, self.lower.shape))
        return self._function(x.detach() if self._discrete else x)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Points drawn by numpy; they follow torch's generator."""
        generator = np.random.default_rng(int(torch.randint(2**63 - 1, ())))
        points = self.draw(tuple(sample_shape), generator)
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        return torch.as_tensor(np.asarray(points, dtype=np.float64)).reshape(shape)

    @cached_property
    def _place(self) -> tuple[Tensor, Tensor]:
        with np.errstate(all="ignore"):
            loc, scale = (
                torch.as_tensor(np.asarray(each, dtype=np.float64)) for each in self.place()
            )
        return loc.expand(self.lower.shape), scale.expand(self.lower.shape)

    @cached_property
    def _function(self) -> NumpyFunction:
        return NumpyFunction(self.log_density, self._room, vector=bool(self.event_shape))

    def _room(self, x: Array) -> Array:
        """The scale of the mass, or less where an end of the support is near."""
        ends = self.lower.numpy(), self.upper.numpy()
        clear = np.minimum(x - ends[0], ends[1] - x) / _STEPS_FROM_AN_END
        room: Array = np.maximum(clear, np.finfo(np.float64).tiny)
        return np.asarray(np.minimum(self.scale.numpy(), room))

    def __repr__(self) -> str:
        return self._label
