r"""The explorer: a map of divergences over two parameters, with three panels linked to it.

The table of divergences :math:`D(y, x)` and the densities are computed by the library beforehand;
the explorer only shows them. On its map every iso-line is a set of approximations equally far from
the target. Moving the pointer over the map, a finger, or the arrow keys, shows at once p and q at
that place and the two slices through it, which can be hovered as well.

One object serves in two places: its ``_repr_html_`` is a page fragment that needs neither a server
nor the internet nor another file, and `Explorer.show` opens the same as a matplotlib window.
"""

from __future__ import annotations

import base64
import html
import json

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kldiv.errors import InvalidArgument, ShapeMismatch
from kldiv.pictures import style
from kldiv.pictures.explorer_data import (
    Densities,
    LocationScale,
    Parameter,
    as_array,
    ceiling,
    iso_levels,
)
from kldiv.pictures.explorer_window import open_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Densities", "Explorer", "LocationScale", "Parameter"]

MARKS_ALLOWED = 4
LABELS = {"forward": "D(p‖q)", "reverse": "D(q‖p)"}


@dataclass(frozen=True, eq=False)
class Explorer:
    r"""A table of divergences to walk through, in a page or in a window.

    Arguments:
        x: The parameter along the map's width, with :math:`N_x` values.
        y: The parameter along its height, with :math:`N_y` values.
        table: The divergences in nats, with shape :math:`(N_y, N_x)`; may hold :math:`+\infty`.
        densities: The densities to draw beside it.
        direction: Which of p and q comes first; it sets the colour and the label.
        label: What the table holds; ``"D(p‖q)"`` or ``"D(q‖p)"`` by default.
        start: Where the crosshair begins, as values of x and y; right of the middle by default.

    Raises:
        InvalidArgument: If the table holds NaN or nothing finite, or a value is not allowed.
        ShapeMismatch: If the table or the densities do not fit the parameters.

    Example:
        >>> import numpy as np
        >>> mu, sigma = np.linspace(-2, 2, 41), np.linspace(0.5, 4, 71)
        >>> z = np.linspace(-6, 6, 121)
        >>> normal = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        >>> table = np.log(sigma)[:, None] + (1 + mu**2) / (2 * sigma[:, None] ** 2) - 0.5
        >>> explorer = Explorer(
        ...     Parameter("mu", mu, symbol="μ"),
        ...     Parameter("sigma", sigma, symbol="σ"),
        ...     table,
        ...     Densities(z, p=normal, q=LocationScale(z, normal)),
        ... )
        >>> explorer.minimum
        (20, 10)
    """

    x: Parameter
    y: Parameter
    table: ArrayLike
    densities: Densities
    direction: Literal["forward", "reverse"] = "forward"
    label: str = ""
    start: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.direction not in LABELS:
            raise InvalidArgument(f"direction is {self.direction!r}; give 'forward' or 'reverse'")
        if self.x.name == self.y.name:
            raise InvalidArgument(f"both parameters are named {self.x.name!r}; rename one")
        table = as_array("table", self.table)
        shape = (len(self.y.grid), len(self.x.grid))
        if table.shape != shape:
            raise ShapeMismatch(
                f"table has shape {table.shape}, but ({self.y.name}, {self.x.name}) have {shape}; "
                "its rows go along the second parameter: transpose it?"
            )
        if np.isnan(table).any() or np.isneginf(table).any() or not np.isfinite(table).any():
            raise InvalidArgument("table holds NaN, -inf or nothing finite; look at its estimates")
        self.densities.check(self.x, self.y)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "label", self.label or LABELS[self.direction])

    @property
    def values(self) -> NDArray[np.float64]:
        """The table as an array, with shape :math:`(N_y, N_x)`."""
        return np.asarray(self.table)

    @property
    def minimum(self) -> tuple[int, int]:
        """The column and the row of the least divergence."""
        row, column = np.unravel_index(self.values.argmin(), self.values.shape)
        return int(column), int(row)

    @property
    def stars(self) -> list[tuple[int, int]]:
        """The columns and rows to mark as least: a few equal ones, but no whole valley."""
        values, least = self.values, float(self.values.min())
        rows, columns = np.nonzero(values <= least + 1e-9 * max(1.0, abs(least)))
        places = [(int(column), int(row)) for column, row in zip(columns, rows, strict=True)]
        return places if len(places) <= MARKS_ALLOWED else []

    @property
    def place(self) -> tuple[int, int]:
        """The column and the row where the crosshair begins."""
        if self.start is None:
            return 3 * len(self.x.grid) // 4, len(self.y.grid) // 2
        return self.x.nearest(self.start[0]), self.y.nearest(self.start[1])

    def figure(self) -> Figure:
        """Draws the explorer as a matplotlib figure that follows the pointer in its window."""
        return open_figure(self)

    def show(self) -> None:
        """Opens the explorer as a matplotlib window, and waits until it is closed."""
        from matplotlib import pyplot

        self.figure()
        pyplot.show()

    def _repr_html_(self) -> str:
        """The explorer as a fragment of a page: style, data and script, all inline."""
        folder = files("kldiv.pictures")
        title = f"{self.label} in nats over {self.x.symbol} and {self.y.symbol}"
        data = json.dumps(_payload(self), separators=(",", ":"), allow_nan=False)
        lines = [
            f'<div class="kldiv-explorer" role="group" aria-label="{html.escape(title)}">',
            f"<style>{_theme()}{folder.joinpath('explorer.css').read_text(encoding='utf-8')}</style>",
            f"<noscript>{html.escape(title)}: this picture needs JavaScript.</noscript>",
            # "<" would let a label such as "</script>" end the data early
            '<script type="application/json">' + data.replace("<", "\\u003c") + "</script>",
            f"<script>{folder.joinpath('explorer.js').read_text(encoding='utf-8')}</script>",
            "</div>",
        ]
        return "\n".join(lines)


def _payload(explorer: Explorer) -> dict[str, Any]:
    """Everything the script draws, in numbers of six digits."""
    x, y, densities = explorer.x, explorer.y, explorer.densities
    levels = iso_levels(explorer.values)
    return {
        "label": explorer.label,
        "direction": explorer.direction,
        "parameters": [
            {"name": axis.name, "symbol": axis.symbol, "values": _numbers(axis.grid)}
            for axis in (x, y)
        ],
        "table": [_numbers(row) for row in explorer.values],
        "levels": levels,
        "ramp": style.ramp(explorer.direction, len(levels) + 1),
        "ceiling": ceiling(explorer.values),
        "place": explorer.place,
        "minimum": explorer.minimum,
        "stars": explorer.stars,
        "points": _numbers(np.asarray(densities.points)),
        "discrete": densities.discrete,
        "peak": densities.peak(y),
        "p": _density(densities.p),
        "q": _density(densities.q),
    }


def _density(density: Any) -> dict[str, Any]:  # noqa: ANN401 (an array or a LocationScale)
    """A density for the page; an array's entries become 8-bit shares of its greatest."""
    if isinstance(density, LocationScale):
        points, values = np.asarray(density.points), np.asarray(density.density)
        return {"points": _numbers(points), "values": _numbers(values)}
    shape = (1,) * (3 - density.ndim) + density.shape
    if density.ndim == 1:
        return {"shape": shape, "values": _numbers(density)}
    peak = float(density.max()) or 1.0
    shares = np.round(density / peak * 255).astype(np.uint8)
    codes = base64.b64encode(shares.tobytes()).decode("ascii")
    return {"shape": shape, "peak": peak, "codes": codes}


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers of six digits; infinity, which JSON lacks, is null."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _theme() -> str:
    """The shared colours as variables of the page, for light and for dark."""

    def rule(colors: Any) -> str:  # noqa: ANN401
        return "{" + "".join(f"--kldiv-{role}:{color};" for role, color in colors.items()) + "}"

    root, dark = ".kldiv-explorer", rule(style.DARK)
    return (
        f"{root}{rule(style.LIGHT)}"
        f'@media(prefers-color-scheme:dark){{{root}:not([data-theme="light"] *){dark}}}'
        f'[data-theme="dark"] {root}{dark}'
    )
