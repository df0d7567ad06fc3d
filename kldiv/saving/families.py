"""A family as data: a class of torch, a registered name, or a description; and its member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.family import Family, TorchFamily
from kldiv.definitions.precision import as_dtype
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument
from kldiv.registries import families
from kldiv.resolving import family_for
from kldiv.saving.distributions import KNOWN
from kldiv.saving.missing import MissingDistribution, MissingFamily
from kldiv.saving.names import made_by_name, name_of
from kldiv.saving.values import Json, Writer

__all__ = [
    "given_family",
    "member_of",
    "read_family",
    "read_member",
    "write_family",
    "write_member",
]


def write_family(writer: Writer, family: Family) -> Json:
    """A family as JSON, with the real vector behind its parameters."""
    return {
        "shown": repr(family),
        "theta": writer.write(family.unconstrained, "theta"),
        "made_of": writer.attempt(_parts(family), "family"),
    }


def read_family(json: Json, parts: Mapping[str, Any] | None) -> Family:
    """The family that was written, or a description of it; its parameters are not set yet.

    Arguments:
        json: What was written.
        parts: What it is made of, read.

    Raises:
        UnknownName: If it has a name that is not installed here.
    """
    if parts is None:
        return MissingFamily(json["shown"])
    if "class" in parts:
        return TorchFamily(_class(parts["class"]), **parts["arguments"])
    made: Family = made_by_name(families, parts["name"], parts["arguments"])
    return made


def given_family(
    family: object, target: Target, described: Family, parameters: Mapping[str, Tensor]
) -> Family:
    """The family that is given back by who loads the fit.

    Arguments:
        family: What it is.
        target: The target.
        described: What the file says of it.
        parameters: The fitted parameters, which it must agree with.

    Raises:
        InvalidArgument: If it has other parameters.
    """
    found, theta = family_for(family, target), described.present()
    if found.space.size == theta.shape[-1]:
        found.load(theta)
        values = found.values_at(theta)
        if values.keys() == parameters.keys() and all(
            _agree(values[name], each) for name, each in parameters.items()
        ):
            return found
    shown = ", ".join(f"{name} of shape {tuple(each.shape)}" for name, each in parameters.items())
    raise InvalidArgument(
        f"family = {found!r} is not the one that was fitted, {described!r} with {shown}"
    )


def write_member(writer: Writer, member: Distribution) -> Json:
    """The fitted member as JSON: what makes it where a file can hold that, else its shapes."""
    return {
        "batch_shape": list(member.batch_shape),
        "event_shape": list(member.event_shape),
        "made_of": writer.attempt(member, "q"),
    }


def read_member(json: Json, member: Distribution | None) -> Distribution:
    """The member that was written, or a description of it."""
    if member is None:
        return MissingDistribution(json["batch_shape"], json["event_shape"])
    return member


def member_of(
    member: Distribution, family: Family, theta: Tensor, dtype: torch.dtype
) -> Distribution:
    """The member that was read, or that of the family where it was not written."""
    if not isinstance(member, MissingDistribution) or isinstance(family, MissingFamily):
        return member
    with torch.no_grad():
        return as_dtype(family.at(theta), dtype)


def _parts(family: Family) -> dict[str, object] | None:
    if type(family) is TorchFamily and _is_known(family.distribution_class):
        arguments = {"size": family.size, **family.fixed}
        return {"class": family.distribution_class.__name__, "arguments": arguments}
    named = name_of(families, family)
    return None if named is None else {"name": named[0], "arguments": named[1]}


def _is_known(kind: type[Distribution]) -> bool:
    return KNOWN.get(kind.__name__) is kind


def _class(name: str) -> type[Distribution]:
    kind = KNOWN.get(name)
    if kind is None or not issubclass(kind, Distribution):
        raise InvalidArgument(f"{name!r} is no class of torch.distributions")
    return kind


def _agree(first: Tensor, second: Tensor) -> bool:
    first, second = first.detach().double().cpu(), second.double()
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-5, atol=1e-8)
