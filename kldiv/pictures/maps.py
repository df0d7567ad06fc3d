"""Densities on a plane: one as a heat map on a dark ground, another as white contours over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kldiv.pictures import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.image import AxesImage
    from numpy.typing import ArrayLike

__all__ = ["RADII", "draw_contours", "draw_heat", "glow"]

RADII = (1.0, 2.0, 3.0)
"""Where contours lie, in standard deviations of a normal density."""

SHADES, KEPT = 40, 25  # of a ramp, from its dark end: white lines are seen on all of them
NIGHT = 0.6  # of the darkest shade, where there is no mass
THICKEST, THINNING = 1.5, 0.45  # lines in points, outwards
GAMMA = 0.6  # below 1, so that the outskirts of a density are seen too


def glow(role: str) -> Colormap:
    """A colour map of one hue that shines out of the dark; white lines are seen all over it."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

    shades = style.ramp(role, SHADES)[::-1][:KEPT]
    red, green, blue = (NIGHT * channel for channel in to_rgb(shades[0]))
    return LinearSegmentedColormap.from_list(
        f"kldiv-glow-{role}", [to_hex((red, green, blue)), *shades]
    )


def draw_heat(axes: Axes, x: ArrayLike, y: ArrayLike, density: ArrayLike, role: str) -> AxesImage:
    """Draws a density as a heat map; its brightness grows like a power of the density.

    Arguments:
        axes: Where to draw.
        x: The columns' places, evenly spaced.
        y: The rows' places, evenly spaced.
        density: Its values, a row for each y.
        role: A role of `kldiv.pictures.style.LIGHT`, which gives the hue.
    """
    (left, right), (bottom, top) = (_edges(places) for places in (x, y))
    return axes.imshow(
        np.asarray(density) ** GAMMA,
        cmap=glow(role),
        extent=(left, right, bottom, top),
        interpolation="bilinear",
        origin="lower",
    )


def draw_contours(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    density: ArrayLike,
    color: str = "white",
    radii: Sequence[float] = RADII,
) -> QuadContourSet:
    r"""Draws the contours of a density at :math:`e^{-r^2/2}` of its peak.

    Of a normal density these are the points r standard deviations from its mean.

    Arguments:
        axes: Where to draw.
        x: The columns' places.
        y: The rows' places.
        density: Its values, a row for each y.
        color: The lines' colour.
        radii: The numbers r, the least of which is drawn thickest.
    """
    values, outwards = np.asarray(density), sorted(radii)
    levels = [float(values.max()) * np.exp(-(r**2) / 2) for r in outwards[::-1]]
    widths = [THICKEST / (1 + THINNING * rank) for rank in range(len(outwards))][::-1]
    grid = np.asarray(x), np.asarray(y)
    return axes.contour(*grid, values, levels=levels, colors=color, linewidths=widths)


def _edges(places: ArrayLike) -> tuple[float, float]:
    """The outer edges of the first and the last cell."""
    line = np.asarray(places)
    half = float(line[1] - line[0]) / 2
    return float(line[0]) - half, float(line[-1]) + half
