"""The explorer as a matplotlib figure: the page's four panels, following pointer and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kldiv.pictures import style
from kldiv.pictures.explorer_data import ceiling, iso_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from kldiv.pictures.explorer import Explorer

__all__ = ["open_figure"]

KEYS = {"left": (-1, 0), "right": (1, 0), "down": (0, -1), "up": (0, 1)}
STAR = {"markeredgecolor": style.LIGHT["ink"], "zorder": 5}
HALO = {"markeredgecolor": "white", "markeredgewidth": 1.2, "clip_on": False, "zorder": 6}


def open_figure(explorer: Explorer) -> Figure:
    """Draws an explorer as a pyplot figure; its panels follow the pointer and the arrow keys."""
    from matplotlib import pyplot

    with style.applied():
        figure = pyplot.figure(figsize=(8.6, 6.4), layout="constrained")
        panels = figure.subplots(
            2, 2, gridspec_kw={"width_ratios": (1.25, 1), "height_ratios": (1.5, 1)}
        )
        window = Window(explorer, figure, panels)
        window.move(explorer.place)
    # a plain function is held by the canvas, a bound method is not: this keeps the window alive
    figure.canvas.mpl_connect("motion_notify_event", lambda event: window.point(event))
    figure.canvas.mpl_connect("key_press_event", lambda event: window.press(event))
    # the layout takes half of a redraw, and only a new size of the window changes it
    figure.canvas.mpl_connect("draw_event", lambda _: figure.set_layout_engine("none"))
    figure.canvas.mpl_connect("resize_event", lambda _: figure.set_layout_engine("constrained"))
    return figure


class Window:
    """The artists that move, and where they are.

    Arguments:
        explorer: What is shown.
        figure: The figure to draw on.
        panels: Its axes, two by two: the map and a slice at its right; a slice below, densities.
    """

    def __init__(self, explorer: Explorer, figure: Figure, panels: Any) -> None:  # noqa: ANN401
        self.explorer, self.figure = explorer, figure
        (self.map, self.y_slice), (self.x_slice, self.densities) = panels
        self.place = explorer.place
        self.finite = np.where(np.isfinite(explorer.values), explorer.values, np.nan)
        self._draw_map()
        self._draw_slices()
        self._draw_densities()

    def point(self, event: Any) -> None:  # noqa: ANN401 (events have no useful type)
        """Follows the pointer: in the map both parameters, in a slice the one it runs along."""
        column, row = self.place
        if event.inaxes in (self.map, self.x_slice):
            column = self.explorer.x.nearest(event.xdata)
        if event.inaxes in (self.map, self.y_slice):
            row = self.explorer.y.nearest(event.ydata)
        if (column, row) != self.place:
            self.move((column, row))

    def press(self, event: Any) -> None:  # noqa: ANN401
        """Takes one step along the grid for an arrow key."""
        right, up = KEYS.get(event.key or "", (0, 0))
        limits = len(self.explorer.x.grid) - 1, len(self.explorer.y.grid) - 1
        column = min(max(self.place[0] + right, 0), limits[0])
        self.move((column, min(max(self.place[1] + up, 0), limits[1])))

    def move(self, place: tuple[int, int]) -> None:
        """Shows the densities and the slices of one place of the table, a column and a row."""
        self.place = column, row = place
        explorer, value = self.explorer, float(self.explorer.values[place[1], place[0]])
        x, y = float(explorer.x.grid[column]), float(explorer.y.grid[row])
        top = ceiling(explorer.values)
        inside = min(value, top)

        for line in self.x_lines:
            line.set_xdata([x, x])
        for line in self.y_lines:
            line.set_ydata([y, y])
        self.x_curve.set_ydata(self.finite[row])
        self.y_curve.set_xdata(self.finite[:, column])
        for dot, at in zip(self.dots, ((x, y), (x, inside), (inside, y)), strict=True):
            dot.set_data([at[0]], [at[1]])
        least_x, least_y = _least(self.finite[row]), _least(self.finite[:, column])
        self.x_star.set_data([explorer.x.grid[least_x]], [self.finite[row, least_x]])
        self.y_star.set_data([self.finite[least_y, column]], [explorer.y.grid[least_y]])
        self._draw_curves(place)
        self._caption(x, y, value)
        self.figure.canvas.draw_idle()

    def _caption(self, x: float, y: float, value: float) -> None:
        explorer = self.explorer
        first = f"{explorer.x.symbol} = {x:.6g}".replace("-", "−")
        second = f"{explorer.y.symbol} = {y:.6g}".replace("-", "−")
        number = "+∞" if np.isinf(value) else f"{value:.6g}".replace("-", "−")
        self.figure.suptitle(
            f"{first}      {second}      {explorer.label} = {number} nats", fontsize="large"
        )
        self.x_slice.set_title(f"along {explorer.x.symbol}, at {second}", loc="left")
        self.y_slice.set_title(f"along {explorer.y.symbol}, at {first}", loc="left")

    def _draw_map(self) -> None:
        explorer, axes = self.explorer, self.map
        low, high = float(np.nanmin(self.finite)), float(np.nanmax(self.finite))
        levels = iso_levels(explorer.values)
        hair = 1e-9 * max(abs(low), 1.0)  # so that a constant table has a band too
        edges = [low - hair, *levels, high + hair]
        colors = style.ramp(explorer.direction, len(edges) - 1)
        grid = explorer.x.grid, explorer.y.grid, np.ma.masked_invalid(self.finite)
        axes.contourf(*grid, levels=edges, colors=colors)
        if levels:
            lines = axes.contour(*grid, levels=levels, colors="white", linewidths=0.7, alpha=0.8)
            dark = style.LIGHT["ink"]
            ink = ["white" if 2 * k > len(levels) else dark for k in range(len(levels))]
            axes.clabel(lines, fmt="%g", fontsize=8, colors=ink)
        axes.set_facecolor(style.LIGHT["line"])
        axes.set_title(f"{explorer.label}, nats")
        axes.set(xlabel=explorer.x.symbol, ylabel=explorer.y.symbol)
        accent = style.LIGHT["accent"]
        for column, row in explorer.stars:
            best = explorer.x.grid[column], explorer.y.grid[row]
            axes.plot(*best, "*", color=accent, markersize=15, clip_on=False, **STAR)

    def _draw_slices(self) -> None:
        explorer, color = self.explorer, style.LIGHT[self.explorer.direction]
        top, q = ceiling(explorer.values), style.LIGHT["q"]
        bottom = min(0.0, float(np.nanmin(self.finite)))
        x, y, (column, row) = explorer.x.grid, explorer.y.grid, self.place
        (self.x_curve,) = self.x_slice.plot(x, self.finite[row], color=color)
        (self.y_curve,) = self.y_slice.plot(self.finite[:, column], y, color=color)
        room = 0.04 * (top - bottom)
        self.x_slice.set(xlim=(x[0], x[-1]), ylim=(bottom - room, top), xlabel=explorer.x.symbol)
        self.y_slice.set(ylim=(y[0], y[-1]), xlim=(bottom - room, top), ylabel=explorer.y.symbol)
        self.x_slice.set_ylabel(f"{explorer.label}, nats")
        self.y_slice.set_xlabel(f"{explorer.label}, nats")
        self.x_star, self.y_star = (
            axes.plot([], [], "*", color=style.LIGHT["accent"], markersize=11, **STAR)[0]
            for axes in (self.x_slice, self.y_slice)
        )
        self.dots = [
            axes.plot([], [], "o", color=q, markersize=9, **HALO)[0]
            for axes in (self.map, self.x_slice, self.y_slice)
        ]
        thin: dict[str, Any] = {"color": style.LIGHT["ink"], "linewidth": 0.9}
        self.x_lines = [axes.axvline(x[0], **thin) for axes in (self.map, self.x_slice)]
        self.y_lines = [axes.axhline(y[0], **thin) for axes in (self.map, self.y_slice)]

    def _draw_densities(self) -> None:
        axes, densities = self.densities, self.explorer.densities
        points = np.asarray(densities.points)
        margin = 0.6 if densities.discrete else 0.0
        axes.set_xlim(points.min() - margin, points.max() + margin)
        axes.set_ylim(0, 1.06 * densities.peak(self.explorer.y))
        axes.set(xlabel="x", ylabel="probability" if densities.discrete else "density")
        axes.set_title("p and q")

    def _draw_curves(self, place: tuple[int, int]) -> None:
        explorer, axes = self.explorer, self.densities
        _clear(axes)
        for name in ("p", "q"):
            density = explorer.densities.at(name, explorer.x, explorer.y, place)
            points, discrete = explorer.densities.points, explorer.densities.discrete
            style.draw_density(axes, points, density, name, discrete=discrete)
        with style.applied():
            axes.legend(loc="upper right", handlelength=1.2)


def _least(curve: NDArray[np.float64]) -> int:
    """The place of a slice's least value; the first one of a slice that is infinite throughout."""
    return int(np.where(np.isnan(curve), np.inf, curve).argmin())


def _clear(axes: Axes) -> None:
    """Takes the curves off a panel and leaves its scales and titles."""
    artists: list[Any] = [*axes.containers, *axes.lines, *axes.collections]
    for artist in artists:
        artist.remove()
