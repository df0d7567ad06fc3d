r"""Members that narrow without end, as the likelihood of equal points has no upper bound.

Where all points are equal, or lie in a plane of fewer dimensions, the density of a member there
grows as :math:`\sigma^{-1}` when the member narrows. No member is nearest then, and what a search
ends with is made by the rounding of the points.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import unwrap
from kldiv.definitions.target import Target

__all__ = ["is_too_narrow", "why_none_is_nearest"]

_ROUNDING = 16 * torch.finfo(torch.float64).eps


def is_too_narrow(member: Distribution, target: Target) -> bool:
    """Whether a member fitted to data is no wider than the rounding of their numbers.

    Arguments:
        member: The nearest member of a family that was found.
        target: What it was fitted to; of other targets than data nothing is said.
    """
    if not isinstance(target, SampleTarget):
        return False
    if isinstance(member, MixtureSameFamily):  # a component at a point, or at several equal ones
        return is_too_narrow(member.component_distribution, target)
    try:
        support, mean, variance = member.support, member.mean, member.variance
    except NotImplementedError:
        return False
    if support is None or unwrap(support).is_discrete:
        return False
    narrow = mean.isfinite() & (variance <= _ROUNDING**2 * mean.square())
    return bool(narrow.any()) or _is_flat(getattr(member, "scale_tril", None))


def why_none_is_nearest(family: object, target: Target) -> str:
    """Why a family has no member nearest to data, and what to do about it."""
    if "components" in vars(family):
        return (
            f"no member of {family!r} is nearest to {target!r}: some points are equal, and the "
            "likelihood grows without end as a component narrows there; hold its scale fixed, or "
            "take fewer components"
        )
    return (
        f"no member of {family!r} is nearest to {target!r}: all points are equal, or lie in a "
        "plane of fewer dimensions, and the likelihood grows without end as the member narrows; "
        "hold its scale fixed, as in 'normal(scale=1)', or give more points"
    )


def _is_flat(root: Tensor | None) -> bool:
    r"""Whether a covariance :math:`L L^\top` is singular but for rounding."""
    if root is None:
        return False
    free = root.diagonal(dim1=-2, dim2=-1).square()
    return bool((free <= root.shape[-1] * _ROUNDING * root.square().sum(-1)).any())
