"""Any torch module whose ``forward()`` returns a distribution, as a family.

Its parameters are moved as they are.
"""

from __future__ import annotations

import copy

from collections.abc import Mapping
from typing import Self

import torch

from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from kldiv.definitions.family import Family, Place
from kldiv.definitions.parameters import Parameter
from kldiv.errors import InvalidType, NotFinite, ShapeMismatch

__all__ = ["ModuleFamily"]


class ModuleFamily(Family):
    """A module as a family; one member at a time, starting from the module's present parameters.

    Arguments:
        module: The module.

    Raises:
        InvalidType: If calling the module does not return a distribution.
    """

    batched = False

    def __init__(self, module: nn.Module) -> None:
        self.shapes = {name: tuple(value.shape) for name, value in module.named_parameters()}
        try:
            member = module()
        except TypeError as error:
            raise InvalidType(
                f"{type(module).__name__} does not return a distribution when called without "
                f"arguments ({error}); a module that holds its context and calls it does"
            ) from error
        if not isinstance(member, Distribution):
            raise InvalidType(
                f"{type(module).__name__}.forward() must return a torch distribution, "
                f"got {member!r}"
            )
        super().__init__()
        self.module = module
        self._event_shape = member.event_shape
        self.load(self._of_module())

    @property
    def name(self) -> str:
        """The module's class name."""
        return type(self.module).__name__ if "module" in self._modules else "module"

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """The module's parameters, each without a constraint."""
        return {name: Parameter(constraints.real, shape) for name, shape in self.shapes.items()}

    def distribution(self, **parameters: Tensor) -> Distribution:
        """The distribution that the module returns with given parameters.

        It is that of a twin of the module, as a flow asks its networks when it is evaluated.
        """
        instead: dict[int, object] = {id(each): each for each in self.module.buffers()}
        for name, own in self.module.named_parameters():
            instead[id(own)] = parameters[name].reshape(self.shapes[name]).to(own.dtype)
        try:
            made: Distribution = copy.deepcopy(self.module, instead)()
        except ValueError as error:
            raise NotFinite(f"{self.name} has no distribution at {parameters}: {error}") from error
        return made

    def member(self, parameters: Mapping[str, Tensor], batch: torch.Size) -> Distribution:
        """The one member at parameters; dimensions of length 1 in front stay as batch shape."""
        member = self.distribution(**parameters)
        return member.expand(batch + member.batch_shape) if batch else member

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The present parameters, wherever the target is."""
        return self.space.constrain(self.present())

    def starts(self, places: object, points: Tensor | None) -> list[dict[str, Tensor]]:
        """The present parameters."""
        return [self.space.constrain(self.present())]

    def fitted_to(self, event_shape: torch.Size, categories: int | None = None) -> Self:
        """A twin that begins at the present parameters, if events have the target's shape."""
        if event_shape != self._event_shape:
            raise ShapeMismatch(
                f"the module {self.name} has events of shape {tuple(self._event_shape)}, "
                f"the target of shape {tuple(event_shape)}"
            )
        twin = self.copy()
        twin.load(self.present())
        return twin

    def copy(self) -> Self:
        """A family of the same module, which none of them changes."""
        return type(self)(self.module)

    def _of_module(self) -> Tensor:
        """The parameters that the module was given with, as one vector."""
        return self.space.unconstrain(
            {name: value.detach() for name, value in self.module.named_parameters()}
        )
