"""``.. kldiv-run::``: Python that is executed when a page is built, so that the page cannot rot.

The code is shown as it stands, and below it what it printed, the value of its last expression
(as a notebook shows it) and the figures it left open. The blocks of a page share their names. An
error, or a warning, fails the page. With ``:hide-code:`` only the outcome is shown, and ``:alt:``
describes a figure to those who do not see it.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import html
import io
import traceback
import warnings

from typing import Any, ClassVar, cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

__all__ = ["Run", "execute"]


class Run(SphinxDirective):
    """The directive."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "hide-code": directives.flag,
        "alt": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Executes the block and returns what to show."""
        self.env.note_reread()  # the library it calls may have changed since
        code = "\n".join(self.content)
        names = cast("dict[str, Any]", self.env.temp_data.setdefault("kldiv-run", {}))
        try:
            text, value = execute(code, names)
            pictures = [_as_html(value)] if hasattr(value, "_repr_html_") else []
            pictures += [_image(svg, self.options.get("alt", "")) for svg in _close_figures()]
        except Exception as error:
            raise self.error(f"{error!r} in\n{traceback.format_exc()}") from error

        shown: list[nodes.Node] = []
        if "hide-code" not in self.options:
            shown.append(nodes.literal_block(code, code, language="python"))
        if value is not None and not pictures:
            text += f"{value!r}\n"
        if text:
            text = text.rstrip()
            shown.append(nodes.literal_block(text, text, language="none", classes=["output"]))
        return shown + [nodes.raw("", picture, format="html") for picture in pictures]


def execute(code: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Executes a block, warnings being errors.

    Arguments:
        code: The block.
        names: Its global names, which it may add to.

    Returns:
        What it printed, and the value of its last statement if that is an expression.
    """
    tree = ast.parse(code)
    last = ast.Expression(ast.Constant(None))
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last.body = tree.body.pop().value  # type: ignore[attr-defined]
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("error")
        exec(compile(tree, "<kldiv-run>", "exec"), names)
        value = eval(compile(ast.fix_missing_locations(last), "<kldiv-run>", "eval"), names)
    return printed.getvalue(), value


def _as_html(value: Any) -> str:  # noqa: ANN401 (anything that a notebook can show)
    from matplotlib import rc_context

    with rc_context({"animation.html": "jshtml"}):
        return str(value._repr_html_())


def _image(svg: bytes, description: str) -> str:
    address = "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
    return f'<img class="kldiv-figure" alt="{html.escape(description)}" src="{address}">'


def _close_figures() -> list[bytes]:
    """Every open figure, drawn as SVG and closed."""
    from matplotlib import pyplot, rc_context

    drawn = []
    with rc_context({"svg.hashsalt": "kldiv"}):  # the same picture gives the same page
        for number in pyplot.get_fignums():
            buffer = io.BytesIO()
            pyplot.figure(number).savefig(buffer, format="svg", metadata={"Date": None})
            drawn.append(buffer.getvalue())
            pyplot.close(number)
    return drawn
