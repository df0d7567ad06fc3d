"""Helpers for Sphinx-Gallery: one gallery of the site's own scripts and of every plugin's.

`merge` copies the site's sections and those that the installed plugins offer into one folder, so
that they share a page, an order and an index, and no script writes into an installed package.
`reset` and `scrape`, given to Sphinx-Gallery by their names, start each script afresh and take its
pictures.

The sections of *guests*, the plugins that the configuration does not name in ``kldiv_hosts``, may
fail without failing the site. A script of theirs that raises or exits is shown with its error; for
a plugin that is set aside, or whose scripts cannot be read, a note says that its section is not
there.
"""

from __future__ import annotations

import random
import re
import shutil
import sys

from collections.abc import Collection, Iterable
from functools import wraps
from logging import INFO, WARNING, LogRecord, getLogger
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from kldiv.errors import PluginError
from kldiv.isolation import told
from kldiv.registries import Gallery, plugin_galleries, plugin_report

__all__ = [
    "catch_exits",
    "forgive_guests",
    "merge",
    "overhear_guests",
    "reset",
    "scrape",
    "sections",
]

HEADER = "GALLERY_HEADER.rst"
RULE = re.compile(r"^([=~^*+#-])\1{2,}$", re.MULTILINE)  # under a section's title
SEED = 0


def merge(
    source: Path,
    merged: Path,
    pages: Path,
    *,
    galleries: Iterable[Gallery] | None = None,
    hosts: Collection[str] = ("kldiv",),
) -> None:
    """Gathers the site's gallery and those of the plugins in one folder.

    Arguments:
        source: The site's own gallery: a header, and a folder for each section.
        merged: The folder to make, for Sphinx-Gallery's ``examples_dirs``.
        pages: Sphinx-Gallery's ``gallery_dirs``; emptied, lest pages of former scripts remain.
        galleries: The plugins' sections; those of the installed plugins by default.
        hosts: The distributions whose sections must not be missing: ``kldiv_hosts``.

    Raises:
        PluginError: If the section of a host cannot be had.
    """
    for former in (merged, pages):
        shutil.rmtree(former, ignore_errors=True)
    _copy(source, merged)
    missing = {
        plugin.distribution: plugin.error
        for plugin in plugin_report()
        if plugin.problems and not plugin.galleries
    }
    for name, gallery in sections(galleries).items():
        try:
            _add(gallery, merged / name)
        except Exception as error:  # of whatever kind, it is about what others wrote
            shutil.rmtree(merged / name, ignore_errors=True)
            missing[gallery.plugin] = told(error)
    for plugin, cause in missing.items():
        if plugin in hosts:
            raise PluginError(f"the gallery of {plugin!r} cannot be shown: {cause}")
    with (merged / HEADER).open("a", encoding="utf-8") as header:
        header.writelines(_note(*each) for each in missing.items())


def sections(galleries: Iterable[Gallery] | None = None) -> dict[str, Gallery]:
    """The folders of the plugins' sections: a distribution's first bears its name alone."""
    named: dict[str, Gallery] = {}
    for gallery in plugin_galleries() if galleries is None else galleries:
        title = "-".join(re.findall("[a-z0-9]+", gallery.title.lower()))
        named[f"{gallery.plugin}-{title}" if gallery.plugin in named else gallery.plugin] = gallery
    return named


def reset(gallery_conf: dict[str, Any], script: str) -> None:
    """Makes each script start alike: seeded, in torch's default type, without open figures."""
    import numpy as np
    import torch

    from matplotlib import pyplot

    pyplot.close("all")
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 (for scripts that use it)
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float32)


def scrape(block: object, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Sphinx-Gallery's scraper of figures, with each animation drawn once.

    Its own would draw every frame twice, the second time for a thumbnail that moves; here the last
    frame is the thumbnail.
    """
    from matplotlib import pyplot
    from matplotlib.animation import Animation
    from sphinx_gallery.scrapers import matplotlib_scraper

    rst = ""
    for value in block_vars["example_globals"].values():
        figure = value._fig if isinstance(value, Animation) else None  # type: ignore[attr-defined]
        if figure and pyplot.fignum_exists(figure.number):
            player = indent(value.to_jshtml(), " " * 8)
            rst += f".. container:: sphx-glr-animation\n\n    .. raw:: html\n\n{player}\n\n"
            figure.savefig(next(block_vars["image_path_iterator"]))
            pyplot.close(figure)
    return rst + str(matplotlib_scraper(block, block_vars, gallery_conf))


def catch_exits(app: Sphinx) -> None:
    """Makes a failure of a script that exits: Sphinx-Gallery would let it end the build."""
    if "sphinx_gallery.gen_gallery" not in app.extensions:
        return
    from sphinx_gallery import gen_rst

    run = gen_rst.execute_code_block
    if hasattr(run, "__wrapped__"):  # by an earlier build
        return

    @wraps(run)
    def caught(*args: Any) -> str:  # noqa: ANN401 (Sphinx-Gallery's)
        try:
            return str(run(*args))
        except KeyboardInterrupt:
            raise
        except BaseException:  # Sphinx-Gallery itself has dealt with every Exception
            *_, about, conf, _ = args
            shown = gen_rst.handle_exception(sys.exc_info(), about["src_file"], about, conf)
            return f"\n{shown}\n\n\n\n"

    gen_rst.execute_code_block = caught


def guests(app: Sphinx) -> set[str]:
    """The sections of guests."""
    hosts = app.config.kldiv_hosts
    return {name for name, gallery in sections().items() if gallery.plugin not in hosts}


def overhear_guests(app: Sphinx) -> None:
    """Makes information of the warnings about guests' scripts and pages."""
    places = [f"/{name}/" for name in guests(app)]

    def demote(record: LogRecord) -> bool:
        location = getattr(record, "location", None)
        source = location.source if isinstance(location, nodes.Node) else location
        texts = (str(source), *map(str, record.args or ()))
        if record.levelno == WARNING and any(p in text for p in places for text in texts):
            record.levelno, record.levelname = INFO, "INFO"
        return True

    for handler in getLogger("sphinx").handlers:
        handler.filters.insert(0, demote)  # before Sphinx's own, which count warnings


def forgive_guests(app: Sphinx, exception: Exception | None) -> None:
    """Takes the failures of guests' scripts off Sphinx-Gallery's list before it is judged."""
    failing = getattr(app.config, "sphinx_gallery_conf", {}).get("failing_examples", {})
    forgiven = guests(app)
    for script in [script for script in failing if Path(script).parent.name in forgiven]:
        del failing[script]


def _add(gallery: Gallery, section: Path) -> None:
    """Copies a plugin's section, if Sphinx-Gallery can read all of its scripts."""
    from sphinx_gallery.gen_rst import extract_intro_and_title
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    _copy(gallery.folder, section)
    scripts = (path for path in section.rglob("*.py") if path.name != "__init__.py")
    for script in sorted(scripts):
        _, blocks = split_code_and_text_blocks(script)
        extract_intro_and_title(script, blocks[0].content)
    header = section / HEADER
    if not header.exists():
        header.write_text(f"{gallery.title}\n====\n", encoding="utf-8")
    text = header.read_text(encoding="utf-8")
    header.write_text(RULE.sub("-" * 99, text), encoding="utf-8")


def _note(plugin: str, cause: str) -> str:
    """What stands in the place of a section: as literals, for a cause may hold any markup."""
    quoted = cause.replace("`", "'")
    return f"\n.. note:: The section of ``{plugin}`` is left out: ``{quoted}``\n"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
