"""Links between names: to the public ones, and out of the site without asking the internet.

A type in a signature is known by the module that defines it, ``kldiv.estimate.Estimate``, and
documented by its public name, ``kldiv.Estimate``; `resolve_public_name` takes the one to the
other. `local_inventories` lets ``sphinx.ext.intersphinx`` work without fetching anything.
"""

from __future__ import annotations

import zlib

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import kldiv

__all__ = ["keep_colon", "local_inventories", "resolve_public_name"]


def resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolves a reference to a public object by the module that defines it."""
    target = node.get("reftarget", "")
    public = f"kldiv.{target.rpartition('.')[2]}"
    if node.get("refdomain") != "py" or public == target or public[6:] not in kldiv.__all__:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], public, node, content
    )


def local_inventories(sources: Path, target: Path) -> dict[str, tuple[str, str]]:
    """Compiles lists of names to inventories, and returns the mapping for intersphinx.

    Arguments:
        sources: A folder of ``PROJECT.txt`` files. The first line is the address of the project's
            pages, every other one ``NAME ROLE PAGE``, where ``$`` in the page stands for the name.
        target: The folder for the inventories.

    Returns:
        For each project the address of its pages and its inventory.
    """
    target.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for source in sorted(sources.glob("*.txt")):
        address, *lines = source.read_text(encoding="utf-8").splitlines()
        entries = [
            f"{name} {role} 1 {page.replace('$', name)} -\n"
            for name, role, page in map(str.split, lines)
        ]
        head = f"# Sphinx inventory version 2\n# Project: {source.stem}\n# Version:\n"
        head += "# The remainder of this file is compressed using zlib.\n"
        inventory = target / f"{source.stem}.inv"
        inventory.write_bytes(head.encode() + zlib.compress("".join(entries).encode()))
        mapping[source.stem] = (address, str(inventory))
    return mapping


def keep_colon(
    app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]
) -> None:
    """Ends the first line of a property's docstring at its colon.

    Napoleon would take what stands before the colon, in the same line, for a type.
    """
    if what in {"attribute", "data", "property"} and lines:
        lines[:1] = lines[0].replace(": ", ":\n", 1).split("\n")
