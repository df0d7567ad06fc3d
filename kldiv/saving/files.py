"""A JSON document with tensors in one safetensors file, replaced as a whole or not at all."""

from __future__ import annotations

import json
import os
import secrets

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from kldiv.errors import InvalidFile, InvalidType

__all__ = ["read_file", "write_file"]

_KEY = "kldiv_fit"
_REMEDY = "give the path of a file that Fit.save wrote"


class _NoFile(InvalidFile, FileNotFoundError):
    """There is no such file; also what Python itself says of that."""


def write_file(
    path: str | os.PathLike[str], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Writes a file, in the place of an older one if there is one.

    It is written under another name beside its place and moved there when it is whole, so that a
    full disk or an interrupt leaves the older file as it was.

    Arguments:
        path: Where to.
        document: What JSON can hold.
        tensors: The tensors by name, which share no memory.

    Raises:
        InvalidType: If the path is none.
        InvalidFile: If it cannot be written.
    """
    from safetensors.torch import save

    place = Path(os.path.realpath(_checked(path)))  # a link stays a link
    if place.exists() and not (place.is_file() or place.is_dir()):  # a device, a pipe
        raise InvalidFile(f"{os.fspath(path)!r} is no file that can be replaced; give another")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    content = save(dict(tensors), {_KEY: text})
    try:
        _replace(place, content)
    except OSError as error:
        raise InvalidFile(
            f"{os.fspath(path)!r} cannot be written: {error.strerror or error}; "
            "whatever was there is unchanged"
        ) from error


def read_file(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    """The document and the tensors of a file.

    Arguments:
        path: Where it is.

    Raises:
        InvalidType: If the path is none.
        InvalidFile: If there is no such file, or it is damaged or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    name = _checked(path)
    try:
        Path(name).open("rb").close()  # Python says more clearly what is wrong with a path
        with safe_open(name, framework="pt") as opened:
            text = (opened.metadata() or {}).get(_KEY)
            if text is None:
                raise InvalidFile(f"{name!r} holds tensors, but no fit of kldiv; {_REMEDY}")
            tensors = {key: opened.get_tensor(key).clone() for key in opened.keys()}  # noqa: SIM118
        return json.loads(text), tensors
    except FileNotFoundError as error:
        raise _NoFile(f"there is no file {name!r}") from error
    except InvalidFile:
        raise
    except OSError as error:
        raise InvalidFile(f"{name!r} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise InvalidFile(
            f"{name!r} is damaged or no safetensors file ({error}); {_REMEDY}"
        ) from error


def _checked(path: object) -> str:
    """The path as text."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text:
        raise InvalidType(f"path must be text or a pathlib.Path, got {path!r}")
    return text


def _replace(place: Path, content: bytes) -> None:
    """Puts content in a place, in one step for whoever looks there."""
    beside = place.with_name(f".{place.name}.{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
