"""What laws are tried on: two distributions by their parameters, many such pairs in a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from torch import Tensor
from torch.distributions import Categorical, Distribution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Pair", "Side"]


class Side:
    r"""A batch of distributions of one kind, by the parameters they are made of.

    Arguments:
        make: What makes them, such as a class of torch distributions.
        parameters: The parameters by name: numbers in lists, or tensors, with shape
            :math:`(B, \dots)` for a batch of B.
    """

    def __init__(self, make: Callable[..., Distribution], **parameters: ArrayLike) -> None:
        self.make = make
        self.parameters: Mapping[str, Tensor] = {
            name: torch.as_tensor(value, dtype=torch.float64) for name, value in parameters.items()
        }

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def members(
        self, leaves: Mapping[str, Tensor] | None = None, dtype: torch.dtype = torch.float64
    ) -> Distribution:
        """The distributions at some parameters, at its own where omitted."""
        values = self.parameters if leaves is None else leaves
        return self.make(**{name: value.to(dtype) for name, value in values.items()})

    def at(self, index: int) -> dict[str, Tensor]:
        """The parameters of one of them, without a batch."""
        return {name: value[index] for name, value in self.parameters.items()}

    def leaves(self) -> dict[str, Tensor]:
        """Copies of the parameters of which gradients can be taken."""
        return {name: value.clone().requires_grad_() for name, value in self.parameters.items()}

    def rolled(self) -> Side:
        """The same distributions, each in the place of the one before it."""
        return Side(
            self.make, **{name: each.roll(-1, 0) for name, each in self.parameters.items()}
        )

    def element(self, index: int) -> Side:
        """One of them, in a batch of one."""
        return self.part(slice(index, index + 1))

    def part(self, place: slice) -> Side:
        """Some of them."""
        return Side(self.make, **{name: value[place] for name, value in self.parameters.items()})

    def describe(self, index: int) -> str:
        """One of them as text, ``Normal(loc=0.0, scale=1.0)``."""
        own = ((name, value[index].tolist()) for name, value in self.parameters.items())
        return f"{self.make.__name__}({', '.join(f'{name}={value}' for name, value in own)})"

    def __repr__(self) -> str:
        own = ((name, value.tolist()) for name, value in self.parameters.items())
        inner = ", ".join([self.make.__name__, *(f"{name}={value}" for name, value in own)])
        return f"Side({inner})"


@dataclass(frozen=True, eq=False)
class Pair:
    r"""A batch of pairs of distributions.

    Arguments:
        name: What reports call it.
        p: The first distributions, B of them.
        q: The second, as many.
        interior: Whether both densities are positive on one support and stay so when the
            parameters are moved a little: then there are derivatives.
        bounded: Whether p / q and q / p are both bounded: then every power of them has a variance.
    """

    name: str
    p: Side
    q: Side
    interior: bool = False
    bounded: bool = False

    def __len__(self) -> int:
        return len(self.p)

    @property
    def on_faces(self) -> bool:
        """Whether both sides are dice, given by the probabilities of their faces."""
        return self.p.make is self.q.make is Categorical and "probs" in self.p.parameters

    @property
    def alike(self) -> bool:
        """Whether both sides are of one kind, so that one can be moved into the other."""
        return self.p.make is self.q.make

    def members(self, dtype: torch.dtype = torch.float64) -> tuple[Distribution, Distribution]:
        """Both sides as torch distributions with batch shape :math:`(B)`."""
        return self.p.members(dtype=dtype), self.q.members(dtype=dtype)

    def describe(self, index: int) -> dict[str, str]:
        """One of the pairs as text."""
        return {"p": self.p.describe(index), "q": self.q.describe(index)}

    def reversed(self) -> Pair:
        """The pairs with p and q exchanged."""
        return replace(self, p=self.q, q=self.p)

    def element(self, index: int) -> Pair:
        """One of the pairs, in a batch of one."""
        return replace(self, p=self.p.element(index), q=self.q.element(index))

    def first(self, count: int) -> Pair:
        """So many of the pairs."""
        return replace(self, p=self.p.part(slice(count)), q=self.q.part(slice(count)))
