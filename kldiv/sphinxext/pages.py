"""A page for every divergence, target and family that is installed, third-party ones included.

With ``kldiv_pages = True`` in its ``conf.py`` a site has them in the folder ``catalogue``, written
before it is read, and the rows of ``.. kldiv-catalogue::`` lead there. A page says what a name
stands for, its parameters and claims, between which types its closed forms are, and what its
docstring says: by autodoc for what the ``kldiv_hosts`` offer, as plain text for others, so that no
docstring breaks the site.
"""

from __future__ import annotations

import inspect
import math
import re

from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

from kldiv.closed_form import ClosedForm
from kldiv.entry import Entry
from kldiv.registries import REGISTRIES, closed_forms
from kldiv.tables import unit_of

__all__ = ["page_of", "write_pages"]

FOLDER = "catalogue"
CLAIMS = {
    "symmetric": "symmetric: D(p‖q) = D(q‖p)",
    "metric": "a metric",
    "invariant": "unchanged by a smooth change of coordinates of both sides",
    "monotone": "never larger for marginals than for the whole",
    "jointly_convex": "convex in both sides together",
}


def page_of(kind: str, name: str) -> str:
    """The name of the page of an item, as Sphinx names documents."""
    return f"{FOLDER}/{kind}/{re.sub(r'[^a-z0-9_]+', '-', name.lower())}"


def write_pages(app: Sphinx) -> None:
    """Writes the pages that have changed, and removes those of what is gone."""
    folder = Path(app.srcdir, FOLDER)
    if not app.config.kldiv_pages:
        return
    kept = set()
    for kind, registry in REGISTRIES.items():
        for name, entry in registry.items():
            path = Path(app.srcdir, f"{page_of(kind, name)}.rst")
            kept.add(path)
            host = entry.plugin in app.config.kldiv_hosts
            lines = [*_head(folder, kind, name, entry), *_lines(kind, name, entry, host)]
            text = "\n".join(lines)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("*/*.rst")) - kept:
        path.unlink()


def _head(folder: Path, kind: str, name: str, entry: Entry) -> Iterator[str]:
    """A title, and where the item is from; it leads to the catalogue where the site has it."""
    listed = folder.with_suffix(".rst").exists()
    among = f":doc:`{kind} </{FOLDER}>`" if listed else kind
    yield from (":orphan:", "", name, "=" * len(name), "")
    yield from (f"One of the {among}, from ``{entry.plugin}`` {entry.version}.", "")


def _lines(kind: str, name: str, entry: Entry, host: bool) -> Iterator[str]:
    """What is known of the item."""
    try:
        item, parameters = entry.load(), dict(entry.parameters)
    except Exception as error:  # a plugin may raise whatever it likes
        yield f"It does not load: ``{type(error).__name__}``."
        return
    if kind == "divergences":
        yield from _claims(item)
        yield from _pairs(item, name)
    if parameters:
        yield from (".. list-table::", "   :header-rows: 1", "")
        for cells in [("parameter", "default, type or constraint"), *parameters.items()]:
            first, second = (_plain(cell) for cell in cells)
            yield from (f"   * - {first}", f"     - {second}")
        yield ""
    yield from (_documented(item) if host else _quoted(item))


def _claims(item: object) -> Iterator[str]:
    """What a divergence claims of itself, and what it is counted in."""
    unit = unit_of(item)
    claims = [words for claim, words in CLAIMS.items() if getattr(item, claim, None) is True]
    bound = getattr(item, "upper_bound", math.inf)
    if isinstance(bound, int | float) and math.isfinite(bound):
        claims.append(f"at most {bound:.6g}")
    told = [f"counted in {unit}" if unit else "a plain number", *claims]
    yield from (f"It is {'; '.join(told)}.", "")


def _pairs(item: object, name: str) -> Iterator[str]:
    """Between which types a divergence has closed forms of its own."""
    own = [form for form in closed_forms(name) if isinstance(form, ClosedForm)]
    pairs = {
        f"``{form.type_p.__name__}`` and ``{form.type_q.__name__}``"
        for form in own
        if form.divergence is item
    }
    if pairs:
        yield from (f"Closed forms of its own are between {'; '.join(sorted(pairs))}.", "")


def _documented(item: object) -> Iterator[str]:
    """Its docstring as autodoc shows it."""
    kind = "class" if inspect.isclass(item) else "function"
    if kind == "function" and not inspect.isfunction(item):
        yield from _quoted(item)
        return
    yield f".. auto{kind}:: {item.__module__}.{item.__qualname__}"  # type: ignore[attr-defined]
    yield from ("   :no-index:", "   :no-members:" if kind == "class" else "", "")


def _quoted(item: object) -> Iterator[str]:
    """Its docstring as it is written."""
    text = inspect.getdoc(item) or "It has no description."
    yield from ("::", "", *(f"   {line}" for line in text.splitlines()), "")


def _plain(cell: object) -> str:
    """A cell as literal text."""
    text = " ".join(str(cell).replace("`", "'").split())
    return f"``{text}``" if text else ""
