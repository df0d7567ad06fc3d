"""A target as data: samples, a torch distribution, a registered name, or a description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import InvalidArgument, ShapeMismatch
from kldiv.registries import targets
from kldiv.registry import TEMPORARY
from kldiv.resolving import as_target
from kldiv.saving.missing import MissingTarget
from kldiv.saving.names import is_plain, made_by_name
from kldiv.saving.values import Json, Writer
from kldiv.specs import Spec, parse

__all__ = ["given_target", "read_target", "write_target"]

_DTYPES = {
    str(each): each for each in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
}


def write_target(writer: Writer, target: Target) -> Json:
    """A target as JSON; its description always, and what makes it where there is such a thing."""
    return {
        "shown": repr(target),
        "batch_shape": list(target.batch_shape),
        "event_shape": list(target.event_shape),
        "dtype": str(target.dtype),
        "made_of": _made_of(writer, target),
    }


def read_target(json: Json, parts: Mapping[str, Any] | None) -> Target:
    """The target that was written, or a description of it.

    Arguments:
        json: What was written.
        parts: What it is made of, read.

    Raises:
        UnknownName: If it has a name that is not installed here.
    """
    if parts is None:
        dtype = _DTYPES[json["dtype"]]
        return MissingTarget(json["shown"], json["batch_shape"], json["event_shape"], dtype)
    match parts:
        case {"points": points, "weights": weights}:
            found = SampleTarget(points)
            found.weights = weights  # as they were; they would be divided by their sum once more
            return found
        case {"distribution": distribution}:
            return as_target(distribution, "target")
        case {"name": name, "arguments": arguments}:
            return _named(replace(parse(name), arguments=arguments))
    raise InvalidArgument(f"{list(parts)} make no target")


def given_target(target: object, described: Target) -> Target:
    """The target that is given back by who loads the fit.

    Arguments:
        target: What it is.
        described: What the file says of it.

    Raises:
        ShapeMismatch: If it has other shapes than the one that was fitted to.
    """
    found = as_target(target, "target")
    shapes, expected = _shapes(found), _shapes(described)
    if shapes != expected:
        raise ShapeMismatch(
            f"target = {found!r} has event and batch shape {shapes}, the one that was fitted to, "
            f"{described!r}, had {expected}"
        )
    return found


def _shapes(target: Target) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(target.event_shape), tuple(target.batch_shape)


def _named(spec: Spec) -> Target:
    if not is_plain(spec):
        raise InvalidArgument(f"the arguments of {spec.qualified_name!r} must be numbers")
    found = as_target(made_by_name(targets, spec.qualified_name, spec.arguments), "target")
    found.spec = spec
    return found


def _made_of(writer: Writer, target: Target) -> Json | None:
    if type(target) is SampleTarget:
        return writer.attempt({"points": target.points, "weights": target.weights}, "target")
    found, spec = None, target.spec
    if type(target) is DistributionTarget:
        found = writer.attempt({"distribution": target.original}, "target")
    if found is None and spec is not None and spec.plugin != TEMPORARY and is_plain(spec):
        named = {"name": spec.qualified_name, "arguments": dict(spec.arguments)}
        return writer.attempt(named, "target")
    return found
