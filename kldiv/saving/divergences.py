"""A divergence as data: a registered name with its parameters, or a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kldiv.definitions.divergence import Divergence
from kldiv.errors import InvalidArgument
from kldiv.registries import divergences
from kldiv.resolving import as_divergence
from kldiv.saving.missing import MissingDivergence
from kldiv.saving.names import made_by_name, name_of
from kldiv.saving.values import Json, Writer

__all__ = ["given_divergence", "read_divergence", "write_divergence"]


def write_divergence(writer: Writer, divergence: Divergence) -> Json:
    """A divergence as JSON."""
    named = name_of(divergences, divergence)
    parts = None if named is None else {"name": named[0], "arguments": named[1]}
    return {"shown": str(divergence), "made_of": writer.attempt(parts, "objective")}


def read_divergence(json: Json, parts: Mapping[str, Any] | None) -> Divergence:
    """The divergence that was written, or a description of it.

    Arguments:
        json: What was written.
        parts: What makes it, read.

    Raises:
        UnknownName: If it has a name that is not installed here.
    """
    if parts is None:
        return MissingDivergence(json["shown"])
    made: Divergence = made_by_name(divergences, parts["name"], parts["arguments"])
    return made


def given_divergence(
    divergence: str | Divergence | type[Divergence], described: Divergence
) -> Divergence:
    """The divergence that is given back by who loads the fit.

    Arguments:
        divergence: What it is.
        described: What the file says of it.

    Raises:
        InvalidArgument: If it shows itself in another way.
    """
    found = as_divergence(divergence)
    if str(found) != str(described):
        raise InvalidArgument(
            f"divergence = {found} is not the one that was made small, {described}"
        )
    return found
