"""Pages that need no internet.

Matplotlib's animation player takes its icons from another host; the link is removed, and the
site's own style draws them. When the site is built, every address of another host from which a
page would load a script, a style or a picture is a warning. Links that a reader may click are not.
"""

from __future__ import annotations

import re

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

__all__ = ["addresses", "unlink_player_icons", "warn_of_addresses"]

HOST = r"""["']?(?:https?:)?//[^"'\s>)]+"""
STYLESHEET = re.compile(r"<link\b[^>]*https?://[^>]*font-awesome[^>]*>")
LOADED = {
    ".html": re.compile(
        rf"<(?:script|img|iframe|source|audio|video|embed)\b[^>]*\s(?:src|srcset|data)={HOST}"
        rf"|<link\b(?![^>]*\brel=.?(?:canonical|author|license))[^>]*\shref={HOST}"
    ),
    ".css": re.compile(rf"url\({HOST}|@import\s+{HOST}"),
}
logger = logging.getLogger(__name__)


def unlink_player_icons(app: Sphinx, doctree: nodes.document) -> None:
    """Removes the link to the icons of matplotlib's animation player."""
    for raw in doctree.findall(nodes.raw):
        if STYLESHEET.search(raw.astext()):
            raw.children = [nodes.Text(STYLESHEET.sub("", raw.astext()))]


def addresses(site: Path) -> Iterator[tuple[Path, str]]:
    """Every address of another host that a page or style of the site would load."""
    for path in sorted(site.rglob("*")):
        if pattern := LOADED.get(path.suffix):
            for match in pattern.finditer(path.read_text(encoding="utf-8")):
                yield path.relative_to(site), match[0]


def warn_of_addresses(app: Sphinx, exception: Exception | None) -> None:
    """Warns of each of them when the site is built, unless ``kldiv_offline = False``."""
    if exception is None and app.builder.format == "html" and app.config.kldiv_offline:
        for page, address in addresses(Path(app.outdir)):
            logger.warning("%s needs the internet: %s", page, address)
