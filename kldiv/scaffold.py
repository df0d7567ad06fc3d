"""`new_project`: writes the project of a plugin, from the template that comes with kldiv."""

from __future__ import annotations

import re

from pathlib import Path

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.plugin import KINDS
from kldiv.specs import normalise_distribution, normalise_name

__all__ = ["TEMPLATE", "new_project"]

TEMPLATE = Path(__file__).parent / "template"

_PREFIX = "kldiv-"


def new_project(
    name: str, kind: str = "divergence", *, item: str | None = None, into: Path = Path()
) -> Path:
    """Writes the project of a plugin that offers one divergence, target or family.

    Arguments:
        name: The name of its distribution, with or without ``kldiv-`` in front.
        kind: ``"divergence"``, ``"target"`` or ``"family"``.
        item: Under which name it offers that; that of the distribution where omitted.
        into: The folder in which the project's folder is made.

    Returns:
        The folder of the project.

    Raises:
        InvalidArgument: If the kind is none of these, a name cannot be one, or there is such a
            folder already.
        NotAvailable: If copier, which fills in the template, is not installed.
    """
    if kind not in KINDS.values():
        known = ", ".join(map(repr, KINDS.values()))
        raise InvalidArgument(f"kind must be one of {known}, got {kind!r}")
    bare = normalise_distribution(name).removeprefix(_PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", bare):
        raise InvalidArgument(
            f"name must be letters, digits and hyphens, such as 'kldiv-foo', got {name!r}"
        )
    if bare == _PREFIX.rstrip("-"):
        raise InvalidArgument(
            f"name must say what the plugin brings, such as 'kldiv-foo', got {name!r}: "
            "that is kldiv itself"
        )
    offered = normalise_name(bare if item is None else item)
    if not offered.isascii() or not offered.isidentifier():
        raise InvalidArgument(f"item must be a name such as 'le_cam', got {item!r}")
    folder = into / f"{_PREFIX}{bare}"
    if folder.exists():
        raise InvalidArgument(f"{str(folder)!r} exists already; choose another name or folder")
    _fill_in(folder, {"distribution": folder.name, "kind": kind, "item": offered})
    return folder


def _fill_in(folder: Path, answers: dict[str, str]) -> None:
    try:
        from copier import run_copy  # optional, and slow to import
    except ImportError as error:
        raise NotAvailable(
            "a project is written by copier, which is not installed: pip install 'kldiv[new]'"
        ) from error
    run_copy(str(TEMPLATE), folder, data=answers, defaults=True, quiet=True)
