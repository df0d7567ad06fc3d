r"""What the families of flows have in common: a network, its size read off the target.

A member is the law of :math:`x = \mu + \sigma \odot f_\theta^{-1}(z)`, :math:`z \sim N(0, I)`,
with an invertible network :math:`f_\theta` and a location and scales that begin at the target's:

.. math:: \log q(x) = \log N\bigl(f_\theta(y); 0, I\bigr)
    + \log \left| \det \frac{\partial f_\theta(y)}{\partial y} \right| - \sum_i \log \sigma_i,
    \qquad y = \frac{x - \mu}{\sigma}.

So a flow does not mind the units of the data, and its splines lie where the mass is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch

from torch import Tensor, nn
from torch.distributions import AffineTransform, TransformedDistribution

import kldiv

from kldiv.definitions.family import Place
from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.naming import snake_case
from kldiv.definitions.randomness import as_seed, seeded

__all__ = ["FlowFamily"]


class FlowFamily(ModuleFamily):
    """A family of flows; its size is that of the target's points.

    Arguments:
        make: What makes an unconditional flow of zuko, given the number of features and options.
        size: The number of coordinates; ``None`` takes it from the target.
        seed: What the network's first weights follow.
        options: Those of ``make``, kept as attributes.

    Raises:
        InvalidArgument: If the size or an option is not positive.
    """

    sized = True
    event_dims = 1

    def __init__(
        self,
        make: Callable[..., nn.Module],
        *,
        size: int | None,
        seed: int,
        **options: Any,  # noqa: ANN401 (numbers, and tuples of them)
    ) -> None:
        options = {name: _checked(name, value) for name, value in options.items()}
        self.make, self.seed, self.options = make, as_seed(seed), options
        self.shapes = {}
        if size is None:
            super(ModuleFamily, self).__init__()
        else:
            with seeded(self.seed):
                network = make(_checked("size", size), **options)
            super().__init__(_Standardised(network.double(), size))
        self.size = size

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (an option, or what torch finds)
        options = vars(self).get("options", {})
        return options[name] if name in options else super().__getattr__(name)

    @property
    def name(self) -> str:
        """The registered name: that of the class, in lower case with underscores."""
        return snake_case(type(self).__name__)

    def copy(self) -> Self:
        """A family of the same kind, with the same first weights."""
        return self._of_size(self.size)

    def fitted_to(self, event_shape: torch.Size, categories: int | None = None) -> Self:
        """A twin of the target's size, which begins at the present parameters if there are some.

        Raises:
            ShapeMismatch: If the target's points are no vectors, or of another length.
        """
        if len(event_shape) != 1 or self.size not in (None, event_shape[0]):
            needed = "any length" if self.size is None else f"length {self.size}"
            raise kldiv.ShapeMismatch(
                f"the flow {self!r} is of vectors of {needed}, the target has event shape "
                f"{tuple(event_shape)}; for scalars choose another, such as 'normal_mixture'"
            )
        twin = self._of_size(event_shape[0])
        if self.size is not None:
            twin.load(self.present())
        return twin

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The present parameters, moved to a place unless they have been moved before."""
        values = self.space.constrain(self.present())
        if not (values["loc"].any() or values["log_scale"].any()):
            values["loc"], values["log_scale"] = place.mean, place.variance.log() / 2
        return values

    def starts(self, places: list[Place], points: Tensor | None) -> list[dict[str, Tensor]]:
        """One start, where the target as a whole is."""
        return [self.from_place(places[0])]

    def _of_size(self, size: int | None) -> Self:
        return type(self)(size=size, seed=self.seed, **self.options)

    def __repr__(self) -> str:
        size = {} if self.size is None else {"size": self.size}
        shown = (f"{name}={value}" for name, value in (size | self.options).items())
        return f"{self.name}({', '.join(shown)})"


class _Standardised(nn.Module):
    """A flow of standardised points: what it returns lies about ``loc``."""

    def __init__(self, flow: nn.Module, size: int) -> None:
        super().__init__()
        self.flow = flow
        self.loc = nn.Parameter(torch.zeros(size, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.zeros(size, dtype=torch.float64))

    def forward(self) -> TransformedDistribution:
        moved = AffineTransform(self.loc, self.log_scale.exp(), event_dim=1)
        return TransformedDistribution(self.flow(), [moved])


def _checked(name: str, value: object) -> Any:  # noqa: ANN401 (a number, or a tuple of them)
    """An option as a positive whole number or a tuple of these; a truth value as it is."""
    if isinstance(value, bool):
        return value
    several = isinstance(value, list | tuple)
    numbers = tuple(value) if several else (value,)  # type: ignore[arg-type]
    if not all(isinstance(each, int) and each > 0 for each in numbers):
        raise kldiv.InvalidArgument(
            f"{name} must be {'positive whole numbers' if several else 'a positive whole number'}"
            f", got {value!r}"
        )
    return numbers if several else value
