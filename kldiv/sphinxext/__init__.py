"""A Sphinx extension for pages about divergences: those of kldiv, and those of a plugin.

``extensions = ["kldiv.sphinxext"]`` in a ``conf.py`` brings

- ``.. kldiv-run::``, Python that is executed when the page is built and shown with its output;
- ``.. kldiv-catalogue:: divergences``, a table of what is installed (``targets``, ``families``);
- with ``kldiv_pages = True``, a page for each of these: see `kldiv.sphinxext.pages`;
- links from ``kldiv.estimate.Estimate`` to the public ``kldiv.Estimate``;
- pages that need no internet: see `kldiv.sphinxext.offline`.

For Sphinx-Gallery see `kldiv.sphinxext.gallery`, for links out of the site
`kldiv.sphinxext.references`.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from kldiv.sphinxext import gallery, offline, pages, references
from kldiv.sphinxext.catalogue import Catalogue
from kldiv.sphinxext.run import Run

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects the extension; Sphinx calls it."""
    app.add_directive("kldiv-run", Run)
    app.add_directive("kldiv-catalogue", Catalogue)
    app.connect("missing-reference", references.resolve_public_name)
    app.connect("autodoc-process-docstring", references.keep_colon, priority=400)
    app.connect("doctree-read", offline.unlink_player_icons)
    app.connect("builder-inited", pages.write_pages)
    app.connect("builder-inited", gallery.overhear_guests, priority=100)
    app.connect("builder-inited", gallery.catch_exits, priority=100)
    app.connect("build-finished", gallery.forgive_guests, priority=100)
    app.connect("build-finished", offline.warn_of_addresses)
    app.add_config_value("kldiv_offline", True, "env", (bool,))
    app.add_config_value("kldiv_pages", False, "env", (bool,))
    app.add_config_value("kldiv_hosts", ("kldiv",), "env", (list, tuple))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
