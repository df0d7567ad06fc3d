"""The parameters of a torch distribution, checked where torch was told not to, or does not."""

from __future__ import annotations

import math

from collections.abc import Iterator
from textwrap import shorten

from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    constraints,
)

from kldiv.definitions.precision import is_large, is_late
from kldiv.definitions.support import is_whole
from kldiv.errors import InvalidArgument
from kldiv.numerics import total

__all__ = ["check_parameters", "may_wait"]

_WRAPPERS = (Independent, TransformedDistribution)


def check_parameters(distribution: Distribution, argument: str) -> None:
    """Raises unless every parameter is finite and satisfies its constraint.

    Arguments:
        distribution: The distribution; those that it is made of are checked as well.
        argument: What it was given for, for the message.

    Raises:
        InvalidArgument: If a parameter is NaN, infinite or out of range.
    """
    for part in _parts(distribution):
        for name, value in _parameters(part):
            if not _is_allowed(part, name, value):
                shown = shorten(str(value.tolist()), 60, placeholder=" ...")
                whole = " ".join(repr(distribution).split())
                raise InvalidArgument(
                    f"{argument} = {whole} is not usable: {name} of {type(part).__name__} "
                    f"must be finite and satisfy {part.arg_constraints[name]}, got {shown}"
                )


def may_wait(distribution: Distribution) -> bool:
    """Whether the check may be left until a copy is made, if ever one is.

    So it may for large normals and categorical distributions that torch has checked, and for
    logits, of which any will do: infinity and NaN, which are left to be found, do not pass through
    the closed forms that need no copy unseen.
    """
    part = distribution
    while isinstance(part, Independent):
        part = part.base_dist
    kind = type(part)
    checked = bool(part._validate_args) and kind in (Categorical, MultivariateNormal, Normal)
    logits = kind is Categorical and vars(part).get("logits") is vars(part)["_param"]
    return (checked or logits) and is_large(distribution) and is_late(distribution)


def _is_allowed(distribution: Distribution, name: str, value: Tensor) -> bool:
    finite = _is_finite(value, certain=name == "logits")  # a logit may be certain
    if distribution._validate_args or not finite:  # torch has checked all but that
        return finite
    allowed = distribution.arg_constraints[name]
    if constraints.is_dependent(allowed) or is_whole(allowed):
        return True
    return bool(allowed.check(value).all())


def _is_finite(value: Tensor, *, certain: bool) -> bool:
    if math.isfinite(total(value)):
        return True
    return bool((~value.isnan() if certain else value.isfinite()).all())


def _parts(distribution: Distribution) -> Iterator[Distribution]:
    """The distribution and those that it is made of."""
    yield distribution
    if isinstance(distribution, _WRAPPERS):
        yield from _parts(distribution.base_dist)
    if isinstance(distribution, MixtureSameFamily):
        yield from _parts(distribution.mixture_distribution)
        yield from _parts(distribution.component_distribution)


def _parameters(distribution: Distribution) -> Iterator[tuple[str, Tensor]]:
    """The parameters that it holds, without those derived from others when asked for."""
    try:
        names = distribution.arg_constraints
    except NotImplementedError:
        return
    for name in names:
        value = vars(distribution).get(name)
        if isinstance(value, Tensor) and value.is_floating_point() and not value.is_meta:
            yield name, value
