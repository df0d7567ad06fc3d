"""The front door to fits in files, ``load_fit``, and what a pickle holds of a fit."""

from __future__ import annotations

import os

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from kldiv.definitions.divergence import Divergence
from kldiv.errors import InvalidFile, PluginError, UnknownName
from kldiv.estimate import Estimate
from kldiv.results import Fit, History
from kldiv.saving.divergences import given_divergence, read_divergence
from kldiv.saving.families import given_family, member_of, read_family, read_member
from kldiv.saving.files import read_file
from kldiv.saving.fits import FORMAT, parts_of, read_optima
from kldiv.saving.missing import MissingDivergence, MissingFamily, MissingTarget
from kldiv.saving.targets import given_target, read_target
from kldiv.saving.values import Json, Reader

__all__ = ["load_fit", "reduced", "restored"]

_RECORDS = {"Estimate": Estimate, "History": History}
_MISSING = MissingTarget, MissingFamily, MissingDivergence
_GIVEN = "target", "family", "objective"


def load_fit(
    path: str | os.PathLike[str],
    *,
    target: object = None,
    family: object = None,
    divergence: str | Divergence | type[Divergence] | None = None,
) -> Fit:
    """A fit that :meth:`kldiv.Fit.save` wrote, from its file.

    No code of the file is run: it holds tensors and the names of what is installed here. What a
    file cannot hold, a density that is a function or a class of the user's own, is then a
    description, which raises when it is evaluated; give it back to have the whole fit.

    Arguments:
        path: Where the file is.
        target: The target, as for :func:`kldiv.fit`, where the file does not hold it.
        family: The family, likewise.
        divergence: The divergence, likewise.

    Returns:
        The fit, its tensors on the CPU.

    Raises:
        InvalidFile: If there is no such file, or it is damaged, of another kind, or of a later
            version; it is also an ``OSError`` and a ``ValueError``.
        UnknownName: If a target, a family or a divergence is a plugin's that is not installed
            here; the message says which.
        InvalidArgument: If what is given back is not what was fitted with.

    Example:
        >>> import kldiv
        >>> import tempfile
        >>> found = kldiv.fit("bimodal", "normal")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.save(f"{folder}/bimodal.safetensors")
        ...     again = kldiv.load_fit(f"{folder}/bimodal.safetensors")
        >>> again.parameters["loc"] == found.parameters["loc"]
        tensor(True)
    """
    document, tensors = read_file(path)
    given = {"target": target, "family": family, "objective": divergence}
    with _one_error(path):
        _check_format(document, path)
        parts = _read(document["fit"], Reader(tensors, _RECORDS), given)
    theta = _give_back(parts, given)
    with _one_error(path):
        return _whole(parts, theta)


def reduced(fit: Fit) -> tuple[Callable[..., Fit], tuple[object, ...]]:
    """What a pickle holds of a fit: what a file would, and as it is what a file would not hold."""
    json, tensors = parts_of(fit)
    given = {name: getattr(fit, name) for name in _GIVEN if json[name]["made_of"] is None}
    known = {name: each for name, each in given.items() if not isinstance(each, _MISSING)}
    return restored, (json, tensors, known)


def restored(json: Json, tensors: Mapping[str, Tensor], given: Mapping[str, Any]) -> Fit:
    """The fit that a pickle holds, of what :func:`reduced` made of it."""
    parts = _read(json, Reader(tensors, _RECORDS), given)
    return _whole(parts, _give_back(parts, given))


def _give_back(parts: dict[str, Any], given: Mapping[str, Any]) -> Tensor:
    """Puts what is given in the place of its description; the real vectors of the family."""
    theta: Tensor = parts["family"].present()
    target, family, divergence = (given.get(name) for name in _GIVEN)
    if target is not None:
        parts["target"] = given_target(target, parts["target"])
    if family is not None:
        parts["family"] = given_family(
            family, parts["target"], parts["family"], parts["parameters"]
        )
    if divergence is not None:
        parts["objective"] = given_divergence(divergence, parts["objective"])
    return theta


def _whole(parts: dict[str, Any], theta: Tensor) -> Fit:
    dtype = next(iter(parts["parameters"].values())).dtype
    return Fit(**parts | {"q": member_of(parts["q"], parts["family"], theta, dtype)})


def _read(json: Json, reader: Reader, given: Mapping[str, object]) -> dict[str, Any]:
    """The fields of the fit; of what is given back, only the description."""
    made_of = {
        name: reader.read(json[name]["made_of"]) if given.get(name) is None else None
        for name in _SIDES
    }
    parts = {name: read(json[name], made_of[name]) for name, read in _SIDES.items()}
    parts["family"].load(reader.read(json["family"]["theta"]))
    optima = json["optima"]
    parts["optima"] = read_optima(reader.read(optima["columns"]), optima["counts"])
    return parts | {name: reader.read(each) for name, each in json.items() if name not in parts}


_SIDES: Mapping[str, Callable[[Json, Any], Any]] = {
    "target": read_target,
    "family": read_family,
    "objective": read_divergence,
    "q": read_member,
}


def _check_format(document: Json, path: str | os.PathLike[str]) -> None:
    number = document["format"]
    if not isinstance(number, int) or number < 1:
        raise InvalidFile(f"{os.fspath(path)!r} is damaged: its format is {number!r}")
    if number > FORMAT:
        raise InvalidFile(
            f"{os.fspath(path)!r} was written by kldiv {document['kldiv']} in format {number}, "
            f"this kldiv reads formats up to {FORMAT}; install that version or a later one"
        )


@contextmanager
def _one_error(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever a file cannot be made sense of by, becomes one error; missing plugins stay."""
    try:
        yield
    except (InvalidFile, PluginError, UnknownName):
        raise
    except Exception as error:
        raise InvalidFile(
            f"{os.fspath(path)!r} is damaged: {type(error).__name__}: {error}"
        ) from error
