"""What a family is: real parameters in, a distribution out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch

from torch import Tensor, nn
from torch.distributions import Distribution

from kldiv.definitions.naming import snake_case
from kldiv.definitions.parameters import (
    Declaration,
    Parameter,
    ParameterSpace,
    as_parameter,
    check_names,
)
from kldiv.definitions.place import Means, Place
from kldiv.definitions.signatures import constraints_of, event_dims_of
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, InvalidType, NotAvailable, ShapeMismatch
from kldiv.specs import Spec

__all__ = ["Family", "Place", "TorchFamily", "as_family"]


class Family(nn.Module):
    r"""A family of distributions; calling it returns the member at the present parameters.

    To write one, define :meth:`declare` and :meth:`distribution`. One that is fitted in closed
    form also defines :meth:`statistics` and :meth:`from_statistics`, or :meth:`optimum`; a better
    start than ``loc`` and ``scale`` is :meth:`from_place`.

    Arguments:
        size: The number of coordinates or categories; ``None`` takes it from the target.
        fixed: Parameters by name that are held fixed.

    Raises:
        InvalidArgument: If a fixed parameter is unknown or violates its constraint.

    Example:
        >>> import kldiv
        >>> from torch.distributions import StudentT
        >>> kldiv.Family.of(StudentT, df=4.0)
        student_t(df=4)
    """

    event_dims = 0
    """How many dimensions an event has: 0 for scalars, 1 for vectors."""
    batched = True
    """Whether :meth:`at` takes many real vectors at once."""
    matches_moments = False
    """Whether :meth:`from_place` of the whole target is the optimum of the forward KL."""
    sized = False
    """Whether the family needs to know the number of coordinates or categories."""
    may_be_fixed: ClassVar[frozenset[str]] = frozenset()
    """Parameters that leave the forward KL an optimum in closed form when they are held fixed."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Laws of `kldiv.testing` that are known not to hold, each with the reason."""
    _declared: Declaration | None = None

    def __init__(self, *, size: int | None = None, **fixed: object) -> None:
        super().__init__()
        self.fixed = {name: as_parameter(name, value) for name, value in fixed.items()}
        self.size = size if size is not None else self._size_of_fixed()
        self.unconstrained: nn.Parameter | None = None
        if not self.sized or self.size is not None:
            self._shape()
        else:
            check_names(self.name, self.fixed, self.declare(2))

    @staticmethod
    def of(distribution: Callable[..., Distribution], **fixed: object) -> Family:
        """The family of a ``torch.distributions`` class, with some parameters held fixed.

        Arguments:
            distribution: The class.
            fixed: Parameters by name.

        Raises:
            InvalidType: If it is no class of distributions.
        """
        return as_family(distribution, fixed)

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """All parameters by name, for a number of coordinates or categories."""
        raise NotAvailable(f"{type(self).__name__} must define declare(size)")

    def distribution(self, **parameters: Tensor) -> Distribution:
        r"""The member with given parameters, each of shape :math:`(*, \text{shape})`."""
        raise NotAvailable(f"{type(self).__name__} must define distribution(**parameters)")

    def statistics(self, x: Tensor) -> tuple[Tensor, ...] | None:
        r"""The sufficient statistics, each with shape :math:`(N, *)`, or ``None`` if unknown.

        Arguments:
            x: Points, with shape :math:`(N, *, E)`.
        """
        return None

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The optimum of the forward KL, where the statistics have the target's means."""
        raise NotAvailable(f"{type(self).__name__} does not define from_statistics(*means)")

    def from_means(self, mean: Means, about: Tensor) -> dict[str, Tensor]:
        """The same from what takes means under the target, which has mass about a place."""
        return self.from_statistics(*mean(self.statistics))

    def optimum(self, target: Target) -> dict[str, Tensor] | None:
        """The optimum of the forward KL where it is known by other means than moments."""
        return None

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """Parameters of a member near a place; by default by the names ``loc`` and ``scale``."""
        mean, width = place.mean, place.variance.sqrt()
        named = {"loc": mean, "scale": width, "covariance_matrix": place.matrix}
        batch = mean.shape[: mean.ndim - self.event_dims]
        return {
            name: named[name]
            if name in named
            else parameter.constrain(place.mean.new_zeros((*batch, parameter.size)))
            for name, parameter in self.space.parameters.items()
        }

    def starts(self, places: Sequence[Place], points: Tensor | None) -> list[dict[str, Tensor]]:
        r"""Where to begin a fit: one start a place; families of several parts may use points too.

        Arguments:
            places: The whole target first, then its modes.
            points: Points drawn from the target, with shape :math:`(N, *, E)`, or ``None``.
        """
        return [self.from_place(place) for place in places]

    @property
    def name(self) -> str:
        """The name that it goes by."""
        return type(self).__name__

    @property
    def space(self) -> ParameterSpace:
        """The free parameters."""
        return self._declaration().space

    def at(self, theta: Tensor) -> Distribution:
        r"""The members at real vectors :math:`(*, P)` of the ``space``, as one distribution."""
        return self.member(self.space.constrain(theta), theta.shape[:-1])

    def member(self, parameters: Mapping[str, Tensor], batch: torch.Size) -> Distribution:
        r"""The members at free parameters of batch shape :math:`(*)`, those held fixed put in."""
        return self.distribution(**self._declaration().complete(parameters, batch))

    def forward(self) -> Distribution:
        """The member at the present parameters."""
        return self.at(self._known())

    def values(self) -> dict[str, Tensor]:
        """The present parameters by name, constrained, those held fixed included."""
        return self.values_at(self.present())

    def values_at(self, theta: Tensor) -> dict[str, Tensor]:
        r"""All parameters behind real vectors of shape :math:`(*, P)`, those held fixed too."""
        return self._declaration().complete(self.space.constrain(theta), theta.shape[:-1])

    def fitted_to(self, event_shape: torch.Size, categories: int | None = None) -> Self:
        """A copy that fits a target's event shape, with parameters at 0 in the real space.

        Raises:
            ShapeMismatch: If the family's events have another shape.
        """
        if len(event_shape) != self.event_dims:
            kind = "vectors" if self.event_dims else "scalars"
            raise ShapeMismatch(
                f"the family {self!r} has {kind} as events, the target has event shape "
                f"{tuple(event_shape)}; choose another, such as 'diagonal_normal' for vectors"
            )
        size = event_shape[0] if event_shape else categories
        if self.size is not None and self.sized and size is not None and size != self.size:
            raise ShapeMismatch(f"the family {self!r} has size {self.size}, the target {size}")
        twin = self.copy()
        twin.size = self.size if self.size is not None or not self.sized else size
        if twin.sized and twin.size is None:
            raise InvalidArgument(f"the target does not tell the size of {self!r}; give size=")
        twin._shape()
        twin._declared = twin._declaration()
        return twin

    def copy(self) -> Self:
        """A family of the same kind with the same fixed parameters."""
        return type(self)(size=self.size, **self.fixed)

    def declaring(self, parameters: Mapping[str, Parameter]) -> Self:
        """A copy of this size with other declarations of its parameters."""
        twin = self.copy()
        twin.size = self.size
        twin._shape()
        twin._declared = Declaration(parameters, twin.fixed)
        return twin

    def present(self) -> Tensor:
        """The real vector behind the present parameters."""
        return self._known().detach()

    def load(self, theta: Tensor) -> None:
        """Sets the parameters to a real vector."""
        self.unconstrained = nn.Parameter(theta.detach().clone())

    def _known(self) -> Tensor:
        if self.unconstrained is None:
            raise InvalidArgument(f"{self!r} does not know its size yet; give size= or fit it")
        return self.unconstrained

    def _declaration(self) -> Declaration:
        """All parameters, asked for once where it is known that nothing will change them."""
        return self._declared or Declaration(self.declare(self.size or 1), self.fixed)

    def _shape(self) -> None:
        self._declared = None
        self._declaration().check(self.name)
        self.unconstrained = nn.Parameter(torch.zeros(self.space.size, dtype=torch.float64))

    def _size_of_fixed(self) -> int | None:
        """The number of coordinates, where a fixed parameter shows it."""
        probe = self.declare(7) if self.sized else {}
        for name, value in self.fixed.items():
            shape = probe[name].shape if name in probe else ()
            if shape and shape[-1] == 7 and value.ndim >= len(shape):
                return int(value.shape[-1])
        return None

    def __repr__(self) -> str:
        shown = [f"size={self.size}"] if self.sized and self.size and not self.fixed else []
        for name, value in self.fixed.items():
            many = f"tensor of shape {tuple(value.shape)}"
            shown.append(f"{name}={value.item():g}" if value.numel() == 1 else f"{name}={many}")
        return f"{self.name}({', '.join(shown)})" if shown else self.name


class TorchFamily(Family):
    """The family of a ``torch.distributions`` class, read off its ``arg_constraints``."""

    def __init__(
        self, distribution_class: type[Distribution], *, size: int | None = None, **fixed: object
    ) -> None:
        self.distribution_class = distribution_class
        self.constraints = constraints_of(distribution_class, fixed)
        self.sized = any(constraint.event_dim > 0 for constraint in self.constraints.values())
        self.event_dims = event_dims_of(distribution_class)
        super().__init__(size=size, **fixed)

    @property
    def name(self) -> str:
        """The class name in lower case with underscores."""
        return snake_case(self.distribution_class.__name__)

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """The class's parameters, of as many coordinates as their constraints have dimensions."""
        return {
            name: Parameter(constraint, (size,) * constraint.event_dim)
            for name, constraint in self.constraints.items()
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """An object of the class."""
        build: Callable[..., Distribution] = self.distribution_class
        return build(**parameters)

    def copy(self) -> Self:
        """A family of the same class with the same fixed parameters."""
        return type(self)(self.distribution_class, size=self.size, **self.fixed)


def as_family(item: object, arguments: Mapping[str, Any] | None = None) -> Family:
    """A family from a class of distributions or of families, a function, or a family.

    Raises:
        InvalidType: If it is none of these.
    """
    arguments = dict(arguments or {})
    if isinstance(item, Family) and not arguments:
        return item
    if isinstance(item, type) and issubclass(item, Distribution):
        return TorchFamily(item, **arguments)
    made = _made(item, arguments) if callable(item) and not isinstance(item, nn.Module) else item
    if isinstance(made, Family) and made is not item:
        return made
    raise InvalidType(
        f"a family must be a class of torch.distributions or a kldiv.Family, got {item!r}; a "
        "torch module whose forward() returns a distribution can be given to kldiv.fit as it is"
    )


def _made(item: Callable[..., object], arguments: Mapping[str, object]) -> object:
    try:
        return Spec(None, snake_case(getattr(item, "__name__", "it")), arguments).call(item)
    except TypeError as error:
        raise InvalidArgument(f"{item!r} cannot be made with {arguments}: {error}") from error
