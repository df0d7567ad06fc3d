"""``.. kldiv-catalogue::``: a table of every divergence, target or family that is installed.

It is read from the registries, so that it shows what ``kldiv list`` shows, third-party plugins
included. An item that cannot be loaded says so in its row; it is a warning if its plugin is one of
``kldiv_hosts``, those that the site is about.
"""

from __future__ import annotations

import inspect
import re

from collections.abc import Iterable, Iterator

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from kldiv.entry import Entry
from kldiv.lazy import Lazy
from kldiv.registries import REGISTRIES
from kldiv.sphinxext.pages import page_of
from kldiv.tables import unit_of

__all__ = ["Catalogue", "first_sentence"]

MARKUP = re.compile(r":math:`([^`]*)`|``([^`]*)``|(?::[\w:]+:)?`~?([^`]*)`")
FORMULA = re.compile(r"^\.\. math::(.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
FULL_STOP = re.compile(r"\.(?=\s|$)")
logger = logging.getLogger(__name__)


class Catalogue(SphinxDirective):
    """The directive; its argument is the kind of things to list."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Returns the table."""
        self.env.note_reread()  # plugins come and go
        kind = self.arguments[0]
        if kind not in REGISTRIES:
            raise self.error(f"{kind!r} is none of {', '.join(REGISTRIES)}")
        body = nodes.tbody(
            "", *(_row(self._cells(kind, *item)) for item in REGISTRIES[kind].items())
        )
        titles = ([nodes.Text(title)] for title in ("name", "what it is", "from"))
        columns = [nodes.colspec(colwidth=width) for width in (25, 60, 15)]
        group = nodes.tgroup("", *columns, nodes.thead("", _row(titles)), body, cols=3)
        return [nodes.table("", group, classes=["kldiv-catalogue"])]

    def _cells(self, kind: str, name: str, entry: Entry) -> Iterator[list[nodes.Node]]:
        """The three cells of an entry: its call, what it is, and which distribution brought it."""
        call = name
        meaning: list[nodes.Node] = [nodes.Text(entry.summary)]
        try:
            if entry.parameters:
                call = f"{name}({', '.join(entry.parameters)})"
            if not (isinstance(entry.item, Lazy) and entry.item.summary):
                meaning = list(_meaning(inspect.getdoc(entry.load()) or ""))
            meaning += _unit(unit_of(entry.load()))
        except Exception as error:  # a plugin may raise whatever it likes
            if entry.plugin in self.config.kldiv_hosts:
                logger.warning("%s does not load: %r", entry.qualified_name, error)
            meaning = [nodes.emphasis("", f"does not load: {error}")]
        yield [self._linked(nodes.literal(call, call), kind, name)]
        yield meaning
        yield [nodes.Text(entry.plugin)]

    def _linked(self, shown: nodes.Node, kind: str, name: str) -> nodes.Node:
        """A link to the page of an item, on sites that have such pages."""
        if not self.config.kldiv_pages:
            return shown
        options = {"refdomain": "std", "reftype": "doc", "refexplicit": True, "refwarn": True}
        where = {"reftarget": f"/{page_of(kind, name)}", "refdoc": self.env.docname}
        return pending_xref("", shown, **options, **where)


def first_sentence(docstring: str) -> Iterator[nodes.Node]:
    """The first sentence of a docstring as nodes.

    Of its markup only mathematics and literals are kept, so that no docstring breaks a page.
    """
    text = " ".join(inspect.cleandoc(docstring).split("\n\n")[0].split())
    place = 0
    for match in [*MARKUP.finditer(text), None]:
        plain = text[place : match.start() if match else len(text)]
        if stop := FULL_STOP.search(plain):
            yield nodes.Text(plain[: stop.end()])
            return
        yield nodes.Text(plain)
        if match:
            content = match[match.lastindex or 0]
            make = nodes.math if match[1] else nodes.literal
            yield make(content, content)
            place = match.end()


def _meaning(docstring: str) -> Iterator[nodes.Node]:
    """What a docstring says in its first sentence and in its first formula."""
    yield from first_sentence(docstring)
    if formula := FORMULA.search(docstring):
        yield nodes.math_block("", formula[1], number=None)


def _unit(unit: str) -> list[nodes.Node]:
    """What the values of a divergence are counted in, where it is not nats."""
    counted = f"counted in {unit}" if unit else "plain numbers"
    return [] if unit == "nats" else [nodes.Text(f" Its values are {counted}.")]


def _row(cells: Iterable[Iterable[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))
