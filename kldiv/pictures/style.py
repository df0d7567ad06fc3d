"""The colours and the matplotlib style that all pictures share.

A colour is a role, so that a reader learns it once: the target p is blue, the approximation q
vermilion, the forward divergence D(p‖q) green, the reverse one D(q‖p) purple, and whatever is
pointed out (an optimum, mostly) carries the accent, drawn as a mark with an edge of ink. The
colours are Okabe and Ito's, told apart by every kind of colour vision; `DARK` holds their
counterparts for a dark page. Nothing here changes matplotlib's global state: draw within
``with style.applied():``.

References:
    Color universal design (Okabe and Ito, 2008), https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import ArrayLike

__all__ = ["DARK", "LIGHT", "applied", "colormap", "draw_density", "ramp"]

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "p": "#0072b2",
        "q": "#d55e00",
        "forward": "#009e73",
        "reverse": "#b5548f",
        "accent": "#f2c500",
        "ink": "#1f2933",
        "muted": "#5b6770",
        "line": "#d5dbe0",
        "surface": "#ffffff",
    }
)
DARK: Mapping[str, str] = MappingProxyType(
    {
        "p": "#56b4e9",
        "q": "#ff8b3d",
        "forward": "#2cc295",
        "reverse": "#e294c4",
        "accent": "#ffd84a",
        "ink": "#e8edf2",
        "muted": "#a3afba",
        "line": "#3b444d",
        "surface": "#171c21",
    }
)

PALEST, DARKEST = 0.06, 0.80


def applied() -> AbstractContextManager[None]:
    """The shared matplotlib style, in force inside a ``with`` block only."""
    from cycler import cycler
    from matplotlib import rc_context

    roles = ("p", "q", "forward", "reverse", "muted")
    settings: dict[Any, Any] = {
        "axes.edgecolor": LIGHT["muted"],
        "axes.grid": False,
        "axes.labelcolor": LIGHT["ink"],
        "axes.prop_cycle": cycler(color=[LIGHT[role] for role in roles]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": "medium",
        "figure.facecolor": LIGHT["surface"],
        "font.size": 10,
        "grid.color": LIGHT["line"],
        "legend.frameon": False,
        "lines.linewidth": 2.0,
        "text.color": LIGHT["ink"],
        "xtick.color": LIGHT["muted"],
        "xtick.labelcolor": LIGHT["ink"],
        "ytick.color": LIGHT["muted"],
        "ytick.labelcolor": LIGHT["ink"],
    }
    return rc_context(settings)


def ramp(role: str, count: int) -> list[str]:
    """Colours of one hue from pale to dark, their lightness falling in even steps.

    Arguments:
        role: A role of `LIGHT`, which gives the hue.
        count: How many colours.

    Returns:
        Their hexadecimal names, the palest first.
    """
    depths = [PALEST + (DARKEST - PALEST) * k / max(count - 1, 1) for k in range(count)]
    return [_shade(LIGHT[role], depth) for depth in depths]


def colormap(role: str) -> Colormap:
    """The ramp of a role as a matplotlib colour map, pale at the low end."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"kldiv-{role}", ramp(role, 17))


def draw_density(
    axes: Axes,
    points: ArrayLike,
    density: ArrayLike,
    role: str,
    *,
    discrete: bool = False,
    label: str | None = None,
) -> None:
    """Draws a density as a filled curve in its role, or probabilities as bars (p) and stems (q).

    Arguments:
        axes: Where to draw.
        points: Where the density is known.
        density: Its values there.
        role: A role of `LIGHT`, ``"p"`` or ``"q"``.
        discrete: Whether the values are probabilities of single points.
        label: The legend's text; the role by default.
    """
    color, text = LIGHT[role], role if label is None else label
    if discrete and role == "p":
        axes.bar(points, density, color=color, alpha=0.35, width=0.8, label=text)
        return
    if discrete:
        axes.vlines(points, 0, density, color=color, linewidth=1.5)
        axes.plot(points, density, "o", color=color, markersize=4, label=text)
        return
    axes.fill_between(points, density, color=color, alpha=0.18, linewidth=0)
    axes.plot(points, density, color=color, label=text)


def _shade(color: str, depth: float) -> str:
    """Mixes a colour with white (depth 0) or black (depth 1); at 0.5 it is the colour itself."""
    end, share = (255, 1 - 2 * depth) if depth < 0.5 else (0, 2 * depth - 1)
    channels = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(c + (end - c) * share):02x}" for c in channels)
