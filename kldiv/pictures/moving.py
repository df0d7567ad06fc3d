"""A member on the move: artists that show it at one step of its fit after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from kldiv.pictures import style
from kldiv.pictures.fit_panels import HEADROOM, draw_legend, draw_target
from kldiv.pictures.maps import draw_contours, draw_heat
from kldiv.pictures.scenes import Scene, members, way_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Moving", "moving_of"]

TALLEST = 2.5  # times what stands still: a needle on its way is cut off


class Moving(ABC):
    """A panel in which q moves.

    Arguments:
        axes: Where to draw.
        scene: What stands still.
        steps: The steps that can be shown.
    """

    def __init__(self, axes: Axes, scene: Scene, steps: list[int]) -> None:
        self.axes, self.scene = axes, scene
        seen = members(scene.fit, scene.fit.history, steps)
        self.densities = np.stack([scene.q(member) for member in seen])
        self.way = way_of(scene.fit, scene.fit.history, steps)

    @abstractmethod
    def show(self, frame: int) -> None:
        """Shows the step of a frame."""


class OnLine(Moving):
    """A density that moves on a line, or probabilities of counts."""

    def __init__(self, axes: Axes, scene: Scene, steps: list[int]) -> None:
        super().__init__(axes, scene, steps)
        discrete = scene.kind == "counts"
        draw_target(axes, scene)
        tall = axes.dataLim.y1
        before = len(axes.collections)
        style.draw_density(axes, scene.x, self.densities[0], "q", discrete=discrete)
        self.line, self.area = axes.lines[-1], axes.collections[before]
        still = max(tall, float(self.densities[-1].max()))
        top = min(float(np.nanmax(self.densities)), TALLEST * still)
        axes.set_ylim(0, HEADROOM * max(still, top))
        axes.set_xlabel("x")
        draw_legend(axes)

    def show(self, frame: int) -> None:
        """Moves the curve and what is filled below it."""
        x, y = self.scene.x, self.densities[frame]
        self.line.set_ydata(y)
        area: Any = self.area
        if self.scene.kind == "counts":
            area.set_segments([[(a, 0.0), (a, b)] for a, b in zip(x, y, strict=True)])
        else:
            outline = np.concatenate([[(x[0], 0.0)], np.stack([x, y], -1), [(x[-1], 0.0)]])
            area.set_verts([outline])


class OnPlane(Moving):
    """Contours that move over a heat map, with the way of the mean behind them."""

    def __init__(self, axes: Axes, scene: Scene, steps: list[int]) -> None:
        super().__init__(axes, scene, steps)
        self.line = "white"
        if scene.p is not None:
            draw_heat(axes, scene.x, scene.y, scene.p, "p")
        else:
            points: Any = scene.fit.target
            x, y = points.points.double().cpu().numpy().T
            axes.plot(x, y, ".", color=style.LIGHT["p"], alpha=0.3, markersize=3)
            axes.set_aspect("equal")
            self.line = style.LIGHT["q"]
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
        axes.set(xlim=(scene.x[0], scene.x[-1]), ylim=(scene.y[0], scene.y[-1]))
        self.trace = axes.plot([], [], color=style.LIGHT["accent"], linewidth=1.5)[0]
        self.place = axes.plot([], [], "o", color=style.LIGHT["accent"], markersize=5)[0]
        self.contours: Any = None

    def show(self, frame: int) -> None:
        """Draws the contours anew and lengthens the way."""
        if self.contours is not None:
            self.contours.remove()
        scene = self.scene
        self.contours = draw_contours(
            self.axes, scene.x, scene.y, self.densities[frame], self.line
        )
        if self.way is not None:
            gone = self.way[: frame + 1]
            self.trace.set_data(gone[:, 0], gone[:, 1])
            self.place.set_data(gone[-1:, 0], gone[-1:, 1])


def moving_of(axes: Axes, scene: Scene, steps: list[int]) -> Moving:
    """The panel for a scene."""
    return (OnPlane if scene.kind == "plane" else OnLine)(axes, scene, steps)
