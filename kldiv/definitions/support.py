"""Where a distribution lives: what estimators ask of a ``torch.distributions`` constraint."""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from kldiv.errors import InvalidArgument

__all__ = [
    "Interval",
    "box",
    "coordinate_ends",
    "interior_point",
    "is_box",
    "is_whole",
    "lattice",
    "unwrap",
]


@dataclass(frozen=True)
class Interval:
    """The interval between two ends, which broadcast with the batch and may be infinite."""

    lower: Tensor
    upper: Tensor

    def to(self, device: torch.device) -> Interval:
        """The same on a device."""
        return Interval(self.lower.to(device), self.upper.to(device))


def unwrap(support: Constraint) -> Constraint:
    """The constraint on one coordinate, without wrappers of independent parts and of mixtures."""
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    return support


def is_whole(support: Constraint) -> bool:
    """Whether every point of the space belongs to the support."""
    return isinstance(unwrap(support), type(constraints.real))


def box(support: Constraint) -> Interval | None:
    """The interval of each coordinate; ``None`` where the support is no product of intervals."""
    return _ends(support) if is_box(support) else None


def is_box(support: Constraint) -> bool:
    """Whether a support is a product of intervals."""
    base = unwrap(support)
    if base.is_discrete or base.event_dim > 0:
        return False
    return is_whole(base) or hasattr(base, "lower_bound") or hasattr(base, "upper_bound")


def coordinate_ends(support: Constraint, batch: torch.Size, event_shape: torch.Size) -> Interval:
    r"""The ends of each coordinate, scalars being vectors of length 1, with shape :math:`(*, d)`.

    Raises:
        InvalidArgument: If the support is no product of intervals.
    """
    ends = box(support)
    if ends is None:
        raise InvalidArgument(f"the support {support} is no product of intervals")
    shape = (*batch, *(event_shape or (1,)))
    lower, upper = (
        (end if event_shape or end.ndim == 0 else end.unsqueeze(-1)).expand(shape)
        for end in (ends.lower, ends.upper)
    )
    return Interval(lower, upper)


def lattice(support: Constraint) -> Interval | None:
    """The first and last integer of a one-dimensional discrete support; ``None`` for others."""
    base = unwrap(support)
    if not base.is_discrete or base.event_dim > 0 or getattr(support, "event_dim", 0) > 0:
        return None
    if isinstance(base, type(constraints.boolean)):
        return Interval(_bound(0.0), _bound(1.0))
    return _ends(support)


def interior_point(support: Constraint, event_shape: torch.Size) -> Tensor:
    """A point inside the support, which broadcasts with a batch of points."""
    base = unwrap(support)
    if is_whole(base):
        return torch.zeros((), dtype=torch.float64)
    if base.event_dim > 0:
        identity = torch.eye(event_shape[-1], dtype=torch.float64)
        if base.event_dim == 2:
            return identity
        return identity[0] if base.is_discrete else identity.mean(0)
    ends = lattice(support) if base.is_discrete else box(support)
    if ends is None:
        return torch.zeros((), dtype=torch.float64)
    lower, upper = ends.lower.detach(), ends.upper.detach()
    if base.is_discrete:
        return torch.where(lower.isfinite(), lower, torch.where(upper.isfinite(), upper, 0.0))
    both = lower.isfinite() & upper.isfinite()
    inner = torch.where(lower.isfinite(), lower + 1, torch.where(upper.isfinite(), upper - 1, 0.0))
    return torch.where(both, torch.nan_to_num(lower + upper) / 2, inner)


def _ends(support: Constraint) -> Interval:
    """Both ends; those of a mixture are the outermost ones of its components."""
    base = unwrap(support)
    lower = _bound(getattr(base, "lower_bound", -math.inf))
    upper = _bound(getattr(base, "upper_bound", math.inf))
    if type(support).__name__ == "MixtureSameFamilyConstraint":
        components = -1 - support.event_dim
        lower = lower.amin(components) if lower.ndim else lower
        upper = upper.amax(components) if upper.ndim else upper
    return Interval(lower, upper)


def _bound(value: object) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)
