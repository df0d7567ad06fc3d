"""Results as text: tables for a terminal and for a notebook, and JSON."""

from __future__ import annotations

import json
import math
import shutil
import textwrap

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "cell_text",
    "html_table",
    "json_text",
    "numbers_text",
    "record_table",
    "text_table",
    "titled",
    "unit_of",
    "with_unit",
]

_GAP = 2
_NARROWEST = 16
_FEW = 9  # numbers that are shown one by one


def text_table(
    headers: Sequence[str],
    rows: Iterable[Iterable[object]],
    *,
    flexible: int | None = None,
    indent: int = 0,
) -> str:
    """A table in plain text that fits the terminal.

    Arguments:
        headers: The titles of the columns.
        rows: The cells; each is shown as text, as it stands.
        flexible: The column whose cells are cut, with an ellipsis, where the terminal is too
            narrow for the whole.
        indent: How far it stands from the left edge.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if flexible is not None:
        room = _room([list(headers), *cells], flexible) - indent
        for row in cells:
            row[flexible] = textwrap.shorten(row[flexible], room, placeholder=" …")
    widths = _widths([list(headers), *cells])
    lines = [headers, ["-" * width for width in widths], *cells]
    gap, edge = " " * _GAP, " " * indent
    return "\n".join(edge + gap.join(map(str.ljust, line, widths)).rstrip() for line in lines)


def html_table(headers: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in HTML, with every cell escaped."""
    head = _html_row("th", headers)
    body = "\n".join(_html_row("td", row) for row in rows)
    return f"<table>\n<thead>\n{head}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def record_table(records: Sequence[object]) -> str:
    """A table of dataclass objects of one class, a row each."""
    rows = [_plain(record) for record in records]
    cells = [map(cell_text, row.values()) for row in rows]
    return text_table(list(rows[0]), cells) if rows else ""


def cell_text(value: object, *, digits: int = 6) -> str:
    """The value as a cell holds it: tensors as lists, numbers with a few digits."""
    match _plain(value):
        case None:
            return ""
        case float(number):
            return f"{number:.{digits}g}"
        case list(values):
            return f"[{', '.join(cell_text(each, digits=digits) for each in values)}]"
        case dict(values):
            cells = {name: cell_text(each, digits=digits) for name, each in values.items()}
            return ", ".join(f"{name}={cell}" for name, cell in cells.items())
        case other:
            return str(other)


def unit_of(item: object) -> str:
    """What the values of a divergence are counted in, of an object or of a class.

    Example:
        >>> unit_of(type("Distance", (), {"unit": "units of x"}))
        'units of x'
    """
    unit = getattr(item, "unit", "nats")
    return unit if isinstance(unit, str) else "units that its parameters decide"


def with_unit(number: str, unit: str) -> str:
    """A number with its unit, if it has one.

    Example:
        >>> with_unit("0.5", "nats"), with_unit("0.5", "")
        ('0.5 nats', '0.5')
    """
    return f"{number} {unit}".rstrip()


def titled(title: str, unit: str) -> str:
    """The title of a column or an axis, with its unit, if it has one.

    Example:
        >>> titled("loss", "nats"), titled("loss", "")
        ('loss (nats)', 'loss')
    """
    return f"{title} ({unit})" if unit else title


def numbers_text(value: Tensor) -> str:
    """The numbers of a tensor, or its shape and their range where they are many.

    Example:
        >>> import torch
        >>> numbers_text(torch.tensor([0.1, 1e-9])), numbers_text(torch.eye(4))
        ('[0.1, 1e-09]', '(4, 4) values in [0, 1]')
    """
    if value.numel() == 1:
        return f"{float(value):.7g}"
    if value.numel() <= _FEW:
        return cell_text(value)
    low, high = float(value.min()), float(value.max())
    return f"{tuple(value.shape)} values in [{low:.6g}, {high:.6g}]"


def json_text(value: object) -> str:
    """The value in JSON, with ``"inf"``, ``"-inf"`` and ``"nan"`` for what is no number there."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 (anything)
    """The value made of what JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return str(value)


def _room(rows: list[list[str]], flexible: int) -> int:
    """The width that the other columns leave to the flexible one."""
    widths = _widths(rows)
    taken = sum(widths) - widths[flexible] + _GAP * (len(widths) - 1)
    return max(shutil.get_terminal_size().columns - taken, _NARROWEST)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _html_row(tag: str, cells: Iterable[object]) -> str:
    from html import escape  # reads a table of all entities, which few programs need

    inside = "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"
