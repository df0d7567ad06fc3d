r"""A fit as a picture, and as an animation of q on its way.

On a line the picture shows p and q, below them the integrand of the divergence, and beside them
the loss and the gradient of every start; on a plane p as a heat map, q as contours, and the way of
its mean. In more dimensions the parameters' ways stand for the densities.

Both are pyplot figures, drawn in the style of `kldiv.pictures.style`, which holds inside only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.pictures import style
from kldiv.pictures.fit_panels import (
    draw_densities,
    draw_gradient,
    draw_integrand,
    draw_loss,
    draw_parameters,
    draw_plane,
    headline,
    loss_of,
    loss_title,
    set_log,
)
from kldiv.pictures.moving import Moving, moving_of
from kldiv.pictures.scenes import Scene, members, scene_of
from kldiv.specs import Spec

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kldiv.results import Fit

__all__ = ["animate_fit", "drawn", "frames_of", "plot_fit"]

CANDIDATES = 400  # steps among which frames are chosen
STORY = 3  # steps; a closed form has no history worth a panel
COARSE = 41  # points to a side that tell how far q has moved


def drawn(fit: Fit, how: str, options: Mapping[str, Any]) -> Figure | FuncAnimation:
    """The fit, drawn as its method of that name says.

    Arguments:
        fit: The fit.
        how: ``"plot"`` or ``"animate"``.
        options: Those of :func:`plot_fit` or of :func:`animate_fit`.

    Raises:
        InvalidArgument: If an option is none of these.
    """
    draw: Callable[..., Any] = plot_fit if how == "plot" else animate_fit
    figure: Figure | FuncAnimation = Spec(None, how, options).call(partial(draw, fit))
    return figure


def plot_fit(fit: Fit, *, size: tuple[float, float] | None = None) -> Figure:
    """Draws target and fit, the integrand, and how every start got there.

    Arguments:
        fit: The fit of one target.
        size: Width and height in inches.

    Returns:
        A pyplot figure.

    Raises:
        InvalidArgument: If it is a fit of many targets.
    """
    from matplotlib import pyplot

    scene = scene_of(fit)
    with style.applied():
        told = len(fit.history) >= STORY
        fitting = (7.4 if told else 5.0, 4.0 if scene.kind == "plane" else 4.4)
        figure = pyplot.figure(figsize=size or fitting, layout="constrained")
        if not told:
            _draw_left(figure, figure.add_gridspec(1, 1)[0], scene)
        else:
            places = figure.add_gridspec(1, 2, width_ratios=(1.5, 1))
            _draw_left(figure, places[0], scene)
            _draw_right(figure, places[1], fit)
        figure.suptitle(headline(fit), x=0.01, ha="left", fontsize="large")
        figure.draw_without_rendering()  # ticks are made in this style, not in the caller's
    return figure


def animate_fit(
    fit: Fit, frames: int = 40, *, size: tuple[float, float] = (7.0, 3.0), interval: int = 150
) -> FuncAnimation:
    """Shows q while it moves towards p, and the loss while it falls.

    The steps shown are chosen so that q moves equally far from frame to frame, not equally many
    steps; a fit of fewer steps than frames shows each.

    Arguments:
        fit: The fit of one target, on a line or on a plane.
        frames: The most steps that are shown.
        size: Width and height in inches.
        interval: Between two frames, in milliseconds.

    Returns:
        The animation; keep it in a variable for as long as it plays.

    Raises:
        InvalidArgument: If it is a fit of many targets, or fewer than two frames are asked for.
        NotAvailable: If points have more than two dimensions, so that there is nothing to show.
    """
    from matplotlib import pyplot
    from matplotlib.animation import FuncAnimation

    if frames < 2:
        raise InvalidArgument(f"frames must be at least 2, got {frames}")
    scene = scene_of(fit, start=True)
    if scene.kind == "none":
        raise NotAvailable(
            f"points of event shape {tuple(fit.target.event_shape)} cannot be animated, "
            "only numbers and vectors of length 2; plot() shows the history"
        )
    steps = frames_of(scene, frames)
    with style.applied():
        figure = pyplot.figure(figsize=size, layout="constrained", dpi=80)
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.5, 1)})
        moving = moving_of(left, scene, steps)
        moving.show(0)
        point = _draw_way(right, fit)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout stays, and a frame is drawn twice as fast
    return FuncAnimation(
        figure,
        lambda frame: _show(frame, steps, moving, point, fit),
        frames=len(steps),
        interval=interval,
        init_func=lambda: None,
    )


def frames_of(scene: Scene, count: int) -> list[int]:
    """The steps to show: the first, the last, and between them those of even progress.

    Progress is how far q has moved, in total variation.
    """
    steps = np.unique(np.linspace(0, len(scene.fit.history) - 1, CANDIDATES).round().astype(int))
    if len(steps) <= count:
        return [int(step) for step in steps]
    stride = max(1, len(scene.x) // COARSE)
    thin = scene.points[::stride, ::stride] if scene.kind == "plane" else scene.points[::stride]
    coarse = Scene(scene.kind, scene.fit, thin, None)
    seen = members(scene.fit, scene.fit.history, [int(step) for step in steps])
    densities = np.stack([coarse.q(member).ravel() for member in seen])
    moved = np.abs(np.diff(densities, axis=0)).sum(1)
    progress = np.concatenate([[0.0], np.cumsum(np.maximum(moved, 1e-12))])
    wanted = np.linspace(0, progress[-1], count)
    nearest = np.abs(progress[:, None] - wanted).argmin(0)
    return [int(step) for step in np.unique(steps[nearest])]


def _draw_left(figure: Figure, place: Any, scene: Scene) -> None:  # noqa: ANN401 (a SubplotSpec)
    """The panels of the densities."""
    if scene.kind == "none":
        draw_parameters(figure.add_subplot(place), scene.fit)
        return
    if scene.kind == "plane":
        draw_plane(figure.add_subplot(place), scene)
        return
    if scene.integrand(scene.fit.q) is None:
        axes = figure.add_subplot(place)
        draw_densities(axes, scene)
        axes.set_xlabel("x")
        return
    rows = place.subgridspec(2, 1, height_ratios=(1.5, 1))
    upper = figure.add_subplot(rows[0])
    draw_densities(upper, scene)
    upper.tick_params(labelbottom=False)
    draw_integrand(figure.add_subplot(rows[1], sharex=upper), scene)


def _draw_right(figure: Figure, place: Any, fit: Fit) -> None:  # noqa: ANN401
    """The panels of the history."""
    rows = place.subgridspec(2, 1)
    loss = figure.add_subplot(rows[0])
    draw_loss(loss, fit)
    loss.tick_params(labelbottom=False)
    draw_gradient(figure.add_subplot(rows[1], sharex=loss), fit)


def _draw_way(axes: Axes, fit: Fit) -> Any:  # noqa: ANN401 (a Line2D)
    """The loss of the best start, and the point that will go along it."""
    losses, _, above = loss_of(fit)
    color = style.LIGHT[fit.direction]
    axes.plot(fit.history.step, losses, color=color, linewidth=1.5)
    axes.set(xlabel="step", title=loss_title(fit, above=above))
    if above:
        set_log(axes)
    start = [fit.history.step[0]], [losses[0]]
    point = axes.plot(*start, "o", color=style.LIGHT["q"], markersize=9, clip_on=False)[0]
    point.set(markeredgecolor="white", zorder=5, in_layout=False)
    return point


def _show(frame: int, steps: list[int], moving: Moving, point: Any, fit: Fit) -> list[Any]:  # noqa: ANN401
    """Moves q and the point to a frame."""
    step = steps[frame]
    moving.show(frame)
    point.set_data([fit.history.step[step]], [loss_of(fit)[0][step]])
    last = int(fit.history.step[-1])
    moving.axes.set_title(f"step {int(fit.history.step[step])} of {last}", loc="left")
    return [point]
