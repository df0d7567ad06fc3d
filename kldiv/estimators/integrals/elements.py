r"""Functions of a batch at points of some of its elements only.

Elements of a batch need different points, some none and some very many. A distribution of torch
is indexed, so that no work is done for the others; any other function is called with the same
number of points for every element, the missing ones being copies.
"""

from __future__ import annotations

import copy

from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch

from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Transform
from torch.distributions.transforms import _InverseTransform

from kldiv.definitions.target import DistributionTarget, Target
from kldiv.estimators.integrals.groups import ranks

__all__ = ["Arrangement", "Elements", "log_density_at", "picked_target"]

T = TypeVar("T")
Index = tuple[Tensor, ...]


@dataclass(frozen=True)
class Elements:
    """Which element of the batch each of C columns of points belongs to.

    Arguments:
        index: The flat index of the element, with shape :math:`(C)`; ``None`` where the columns
            are the batch itself, in its order.
        batch: The batch shape.
    """

    index: Tensor | None
    batch: torch.Size

    @property
    def count(self) -> int:
        """How many elements the batch has."""
        return self.batch.numel()

    def pick(self, column: Tensor) -> Elements:
        """The elements of some columns."""
        return Elements(column if self.index is None else self.index[column], self.batch)


@dataclass(frozen=True)
class Arrangement:
    """Columns of points set out as a full batch, and back."""

    elements: Elements

    def spread(self, columns: Tensor, missing: float | None = None) -> Tensor:
        """From shape (N, C, E) to (N', *, E); what is missing is a copy, or a number."""
        index, batch = self.elements.index, self.elements.batch
        event = columns.shape[2:]
        if index is None:
            return columns.reshape(columns.shape[0], *batch, *event)
        if self.elements.count == 1:
            return columns.reshape(-1, *batch, *event)
        slot, depth = ranks(index, self.elements.count)
        first = columns[:, :1].unsqueeze(2)
        if missing is not None:
            first = torch.full_like(first, missing)
        full = first.expand(-1, depth, self.elements.count, *event).clone()
        full[:, slot, index] = columns
        return full.reshape(-1, *batch, *event)

    def gather(self, full: Tensor, columns: int) -> Tensor:
        """From shape (k, N', *) back to (k, N, C)."""
        index = self.elements.index
        if index is None or self.elements.count == 1:
            return full.reshape(full.shape[0], -1, columns)
        slot, depth = ranks(index, self.elements.count)
        return full.reshape(full.shape[0], -1, depth, self.elements.count)[:, :, slot, index]


def log_density_at(target: Target, x: Tensor, elements: Elements) -> Tensor:
    r"""The log density of each column's element at its points, with shape :math:`(N, C)`.

    Arguments:
        target: The target.
        x: The points, with shape :math:`(N, C, E)`.
        elements: Which element each column belongs to.
    """
    if elements.index is not None:
        found = picked_target(target, elements)
        if found is not None:
            return found.log_prob(x)
    arrangement = Arrangement(elements)
    points = arrangement.spread(x)
    full = target.log_prob(points).expand(points.shape[0], *elements.batch)
    return arrangement.gather(full.unsqueeze(0), x.shape[1]).squeeze(0)


def picked_target(target: Target, elements: Elements) -> Target | None:
    """The target of the columns: itself if it has no batch, an indexed distribution, or none."""
    own = target.batch_shape
    if not own or elements.index is None:
        return target
    if not isinstance(target, DistributionTarget):
        return None
    numbers = torch.arange(own.numel(), device=target.device).reshape(own)
    index = _unravelled(numbers.expand(elements.batch).reshape(-1)[elements.index], own)
    if _PICKABLE.get(target) is False:
        return None
    try:
        found = DistributionTarget(_picked(target.distribution, index, own))
    except _CannotPick:
        _PICKABLE[target] = False
        return None
    if target not in _PICKABLE:
        _PICKABLE[target] = _agree(target, found, index)
    return found if _PICKABLE[target] else None


def _unravelled(flat: Tensor, shape: torch.Size) -> Index:
    """The indices along each axis; torch's own function takes half a second to import."""
    axes = []
    for size in reversed(shape):
        axes.append(flat % size)
        flat = flat // size
    return tuple(reversed(axes))


_PICKABLE: WeakKeyDictionary[Target, bool] = WeakKeyDictionary()
"""Whether a target's distribution can be indexed: it is found out once."""


class _CannotPick(Exception):
    """A distribution holds something that does not follow its batch."""


def _agree(target: DistributionTarget, found: DistributionTarget, index: Index) -> bool:
    """Whether both have the same density at one point of each element."""
    with torch.no_grad():
        point = target._interior.expand(target.batch_shape + target.event_shape)
        first = target.log_prob(point)[index]
        second = found.log_prob(point[index])
    return first.shape == second.shape and bool(((first == second) | first.isnan()).all())


def _picked(value: T, index: Index, batch: torch.Size) -> T:
    """A copy of a distribution of torch with a new batch, taken from its own by an index."""
    if isinstance(value, Tensor):
        return _picked_numbers(value, index, batch)  # type: ignore[return-value]
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(_picked(item, index, batch) for item in value)
    if isinstance(value, _InverseTransform):
        return _picked(value.inv, index, batch).inv  # type: ignore[return-value]
    if isinstance(value, MultivariateNormal):  # it holds a factor that does not follow its batch
        factor = value.scale_tril[index]
        return MultivariateNormal(value.loc[index], scale_tril=factor)  # type: ignore[return-value]
    if isinstance(value, Distribution | Transform):
        return _picked_whole(value, index, batch)  # type: ignore[return-value]
    return value


def _picked_numbers(value: Tensor, index: Index, batch: torch.Size) -> Tensor:
    if value.ndim == 0:
        return value
    if value.shape[: len(batch)] != batch:
        raise _CannotPick
    return value[index]


def _picked_whole(
    value: Distribution | Transform, index: Index, batch: torch.Size
) -> Distribution | Transform:
    if not type(value).__module__.startswith("torch.distributions"):
        raise _CannotPick
    clone = copy.copy(value)
    held = {name: item for name, item in vars(value).items() if name != "_inv"}
    clone.__dict__.update({name: _picked(item, index, batch) for name, item in held.items()})
    if isinstance(clone, Transform):
        clone._inv, clone._cached_x_y = None, (None, None)
    elif isinstance(value, Distribution):
        clone._batch_shape = index[0].shape + value.batch_shape[len(batch) :]
    return clone
