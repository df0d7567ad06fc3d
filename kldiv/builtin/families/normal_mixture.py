"""Mixtures of normals, the family for targets of several modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch

from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
    constraints,
)

from kldiv.builtin.checks import check_number
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.place import Place
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["NormalMixture"]

_LLOYD = 20


class NormalMixture(Family):
    r"""Mixtures of some normal components, of scalars or of vectors with independent coordinates.

    .. math:: q(x) = \sum_{k=1}^K \text{probs}_k\, N(x; \mu_k, \operatorname{diag}(\sigma_k^2))

    ``probs`` has shape (K), ``loc`` and ``scale`` have shape (K) for scalars and (K, D) for
    vectors. With enough components it comes near any density. No divergence between members is
    known here in closed form, and there are several optima, each as often as components can be
    renamed: fits begin at the target's modes, at clusters of a sample of it, and at spread
    members. For data the forward KL has no least value: a component on one point may shrink
    without end.

    Arguments:
        components: The number K of components.
        size: The number of coordinates of a vector; ``None`` takes it from the target.
        fixed: ``probs``, ``loc`` or ``scale``, to hold them fixed.

    Raises:
        InvalidArgument: If the number of components is not a positive integer.

    References:
        Finite Mixture Models (McLachlan and Peel, 2000).
        Pattern Recognition and Machine Learning (Bishop, 2006), section 9.2.1.
    """

    name = "normal_mixture"

    def __init__(self, *, components: int = 2, size: int | None = None, **fixed: object) -> None:
        number = check_number("components", components, low=1)
        if not number.is_integer():
            raise InvalidArgument(f"components must be an integer, got {components!r}")
        self.components = int(number)
        self.event_dims = 0 if size is None else 1
        super().__init__(size=size, **fixed)

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A probability, a mean and a scale for each component."""
        shape = (self.components, size) if self.event_dims else (self.components,)
        return {
            "probs": Parameter(constraints.simplex, (self.components,)),
            "loc": Parameter(constraints.real, shape),
            "scale": Parameter(constraints.positive, shape),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A mixture of normal components."""
        components: Distribution = Normal(parameters["loc"], parameters["scale"])
        if self.event_dims:
            components = Independent(components, 1)
        return MixtureSameFamily(Categorical(parameters["probs"]), components)

    def fitted_to(self, event_shape: torch.Size, categories: int | None = None) -> Self:
        """A copy for scalars or for vectors, as the target has them.

        Raises:
            ShapeMismatch: If the target has matrices, or vectors of another size.
        """
        if len(event_shape) > 1:
            raise ShapeMismatch(
                f"the family {self!r} has scalars or vectors as events, the target has event "
                f"shape {tuple(event_shape)}"
            )
        size = event_shape[0] if event_shape else None
        if self.size is not None and size != self.size:
            raise ShapeMismatch(f"the family {self!r} has size {self.size}, the target {size}")
        return type(self)(components=self.components, size=size, **self.fixed)

    def copy(self) -> Self:
        """A family of as many components."""
        return type(self)(components=self.components, size=self.size, **self.fixed)

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """Components side by side over a place."""
        return self._free(self._spread(place))

    def starts(self, places: Sequence[Place], points: Tensor | None) -> list[dict[str, Tensor]]:
        """At the modes if there are enough, at clusters of points, and spread over the whole."""
        found = []
        modes = places[1:]
        if len(modes) >= self.components:
            found.append(self._at(modes[: self.components]))
        if points is not None and len(points) >= 4 * self.components:
            found.append(self._by_clusters(points))
        found.append(self._spread(places[0]))
        return [self._free(each) for each in found]

    def _at(self, modes: Sequence[Place]) -> dict[str, Tensor]:
        axis = -1 - self.event_dims
        loc = torch.stack([mode.mean for mode in modes], axis)
        scale = torch.stack([mode.variance.sqrt() for mode in modes], axis)
        return {"probs": self._even(loc), "loc": loc, "scale": scale}

    def _by_clusters(self, points: Tensor) -> dict[str, Tensor]:
        """Shares, means and deviations of clusters of the points.

        They are those of Lloyd's iteration, which begins at equal parts along the widest
        coordinate.
        """
        columns = points if self.event_dims else points.unsqueeze(-1)
        unit = columns.std(0, keepdim=True).clamp_min(1e-300)
        widest = columns.var(0).mean(tuple(range(columns.ndim - 2))).argmax()
        order = columns[..., widest].argsort(0).unsqueeze(-1)
        parts = torch.take_along_dim(columns, order, 0).tensor_split(self.components)
        loc = torch.stack([part.mean(0) for part in parts], -2)
        spread = (columns / unit).unsqueeze(-2)
        for _ in range(_LLOYD):
            nearest = (spread - loc / unit.squeeze(0).unsqueeze(-2)).square().sum(-1).argmin(-1)
            member = torch.nn.functional.one_hot(nearest, self.components).to(columns)
            number = member.sum(0).unsqueeze(-1)
            mean = torch.einsum("n...k,n...d->...kd", member, columns) / number.clamp_min(1)
            loc = torch.where(number > 0, mean, loc)
        off = (columns.unsqueeze(-2) - loc).square() * member.unsqueeze(-1)
        scale = (off.sum(0) / number.clamp_min(1)).sqrt()
        scale = scale.clamp_min(1e-3 * float(columns.std()) + 1e-12)
        probs = (number.squeeze(-1) + 1) / (len(columns) + self.components)
        if not self.event_dims:
            loc, scale = loc.squeeze(-1), scale.squeeze(-1)
        return {"probs": probs, "loc": loc, "scale": scale}

    def _spread(self, place: Place) -> dict[str, Tensor]:
        """Components at equal distances, within one and a half standard deviations of a place."""
        axis = -1 - self.event_dims
        number = self.components
        steps = torch.linspace(-1.5, 1.5, number).double() if number > 1 else torch.zeros(1)
        steps = steps.to(place.mean).reshape(-1, *(1,) * self.event_dims)
        mean, deviation = place.mean.unsqueeze(axis), place.variance.sqrt().unsqueeze(axis)
        loc = mean + steps * deviation
        scale = (deviation / number).expand(loc.shape)
        return {"probs": self._even(loc), "loc": loc, "scale": scale}

    def _even(self, loc: Tensor) -> Tensor:
        batch = loc.shape[: loc.ndim - 1 - self.event_dims]
        return loc.new_full((*batch, self.components), 1 / self.components)

    def _free(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value for name, value in values.items() if name not in self.fixed}

    def __repr__(self) -> str:
        held = [f"{name}=…" for name in self.fixed]
        return f"{self.name}({', '.join([f'components={self.components}', *held])})"
