"""The unknowns of a Pyro model as one real vector, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Transform, biject_to
from torch.distributions.constraints import Constraint

import kldiv

__all__ = ["Site", "Sites"]


@dataclass(frozen=True)
class Site:
    """An unknown of a model.

    Arguments:
        name: The name of its ``pyro.sample`` statement.
        support: Where its values are.
        shape: The shape of a value, that of its plates first.
    """

    name: str
    support: Constraint
    shape: torch.Size

    @property
    def transform(self) -> Transform:
        """The map from real numbers to values."""
        return biject_to(self.support)

    @property
    def real_shape(self) -> torch.Size:
        """The shape of the real numbers behind a value."""
        return torch.Size(self.transform.inverse_shape(self.shape))


@dataclass(frozen=True)
class Sites:
    r"""All unknowns, side by side in a vector of :math:`\mathbb R^D`, in the model's order."""

    sites: tuple[Site, ...]

    @property
    def size(self) -> int:
        """The dimension D of the vector."""
        return sum(site.real_shape.numel() for site in self.sites)

    def values(self, points: Tensor) -> dict[str, Tensor]:
        r"""The values behind points of shape :math:`(*, D)`, each of shape :math:`(*, site)`."""
        return {site.name: site.transform(real) for site, real in self._pieces(points)}

    def values_and_stretch(self, point: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The values behind one point, and the log determinant of the map to them."""
        values, stretch = {}, point.new_zeros(())
        for site, real in self._pieces(point):
            value = site.transform(real)
            values[site.name] = value
            stretch = stretch + site.transform.log_abs_det_jacobian(real, value).sum()
        return values, stretch

    def points(self, values: Mapping[str, object]) -> Tensor:
        r"""The points of shape :math:`(*, D)` behind values that share a batch shape.

        Raises:
            InvalidArgument: If a value is missing or outside of its support.
        """
        pieces = []
        for site in self.sites:
            if site.name not in values:
                known = ", ".join(each.name for each in self.sites)
                raise kldiv.InvalidArgument(f"values lack {site.name!r}; give all of {known}")
            value = torch.as_tensor(values[site.name], dtype=torch.float64)
            if not site.support.check(value).all():
                raise kldiv.InvalidArgument(f"{site.name} must satisfy {site.support}")
            batch = value.shape[: value.ndim - len(site.shape)]
            pieces.append(site.transform.inv(value).reshape((*batch, -1)))
        return torch.cat(pieces, -1)

    def _pieces(self, points: Tensor) -> Iterator[tuple[Site, Tensor]]:
        sizes = [site.real_shape.numel() for site in self.sites]
        for site, piece in zip(self.sites, points.split(sizes, -1), strict=True):
            yield site, piece.reshape((*points.shape[:-1], *site.real_shape))
