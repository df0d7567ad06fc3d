"""Plugins for the length of a test: fake installed distributions, or none at all.

A fake distribution is what Python sees of an installed one: modules and a ``dist-info`` folder in
a folder on ``sys.path``. It is there in milliseconds, without pip.
"""

from __future__ import annotations

import os
import sys

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from kldiv.plugin import GROUP, Plugin
from kldiv.plugins import built_in
from kldiv.registries import found_by, refresh

__all__ = ["fake_distribution", "installed_in", "without_plugins"]


def fake_distribution(
    site: Path,
    name: str,
    files: Mapping[str, str],
    *,
    entry_points: Mapping[str, str] | None = None,
    version: str = "1.0",
) -> None:
    """Writes a distribution into a folder, as if pip had installed it there.

    Arguments:
        site: The folder, to be used with :func:`installed_in`.
        name: Its name, such as ``"kldiv-foo"``.
        files: Its files by their paths in the folder: ``{"kldiv_foo.py": "import kldiv …"}``.
        entry_points: Its entry points in the group ``kldiv``; without them one, whose front
            module is ``kldiv_foo``.
        version: Its version.
    """
    module = name.replace("-", "_")
    entries = {module.removeprefix("kldiv_"): module} if entry_points is None else entry_points
    lines = [f"{entry} = {value}" for entry, value in entries.items()]
    info = f"{module}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/entry_points.txt": "\n".join([f"[{GROUP}]", *lines, ""]),
    }
    for path, text in {**metadata, **files}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(dedent(text), encoding="utf-8")


@contextmanager
def installed_in(site: Path) -> Iterator[None]:
    """Puts a folder of distributions on the path for the length of a ``with`` block.

    Afterwards nothing that was imported from it is left. What is written into the folder inside
    of the block is seen after `kldiv.divergences.refresh()`.
    """
    sys.path.insert(0, str(site))
    refresh()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(f"{site}{os.sep}"):
                del sys.modules[name]
        refresh()


@contextmanager
def without_plugins(*fronts: str) -> Iterator[None]:
    """Has no plugins but the built-in one and those of some front modules.

    What is installed is neither looked for nor imported.

    Arguments:
        fronts: Front modules, such as ``"kldiv_foo"``, whether or not they are installed.

    Example:
        >>> import kldiv
        >>> with kldiv.testing.without_plugins():
        ...     {entry.plugin for entry in kldiv.divergences.values()}
        {'kldiv'}
    """

    def chosen() -> tuple[Plugin, ...]:
        given = (Plugin(front, front.replace("_", "-"), "", front) for front in fronts)
        return (built_in(), *given)

    with found_by(chosen):
        yield
