"""The panels of a fit's picture: densities, integrand, a plane and the way over it, histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kldiv.definitions.sample_target import SampleTarget
from kldiv.pictures import style
from kldiv.pictures.maps import draw_contours, draw_heat
from kldiv.pictures.scenes import BINS, Scene, way_of
from kldiv.tables import titled, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from kldiv.results import Fit

__all__ = [
    "draw_densities",
    "draw_gradient",
    "draw_integrand",
    "draw_legend",
    "draw_loss",
    "draw_parameters",
    "draw_plane",
    "draw_target",
    "headline",
    "loss_of",
    "loss_title",
    "set_log",
]

SHOWN_OPTIMA = 6
HEADROOM = 1.06
FLOOR = 1e-12  # of a loss above the best one: what is below is rounding
Look = dict[str, Any]
THIN: Look = {"color": style.LIGHT["muted"], "linewidth": 0.8, "alpha": 0.7}


def headline(fit: Fit) -> str:
    """The divergence that was made small, with its value."""
    sides = "p‖q" if fit.direction == "forward" else "q‖p"
    name = "D" if str(fit.objective) == "kl" else str(fit.objective)
    unsettled = "" if fit.converged else ", not converged"
    constant = " + constant" if fit.divergence.up_to_constant else ""
    value = f"{float(fit.divergence.value):.6g}".replace("-", "−")
    number = with_unit(f"{value}{constant}", fit.divergence.unit)
    return f"{name}({sides}) = {number}{unsettled}"


def draw_target(axes: Axes, scene: Scene) -> None:
    """Draws p: a filled curve, bars of counts, or the histogram of samples."""
    target, discrete = scene.fit.target, scene.kind == "counts"
    if scene.p is not None:
        style.draw_density(axes, scene.x, scene.p, "p", discrete=discrete)
    elif isinstance(target, SampleTarget):
        step = 1.0 if discrete else (scene.x[-1] - scene.x[0]) / BINS
        edges = np.arange(scene.x[0], scene.x[-1] + 1.5 * step, step) - 0.5 * step * discrete
        axes.hist(
            target.points.flatten().cpu().numpy(),
            bins=[float(edge) for edge in edges],
            weights=target.weights.cpu().numpy(),
            density=not discrete,
            color=style.LIGHT["p"],
            alpha=0.35,
            label="p, samples",
        )
    axes.set_ylabel("probability" if discrete else "density")
    axes.margins(x=0)


def draw_densities(axes: Axes, scene: Scene) -> None:
    """Draws p and the fitted q, and the other local optima as thin lines."""
    fit, discrete = scene.fit, scene.kind == "counts"
    draw_target(axes, scene)
    style.draw_density(axes, scene.x, scene.q(fit.q), "q", discrete=discrete)
    for rank, optimum in enumerate(fit.optima[1:SHOWN_OPTIMA]):
        label = None if rank else "other optima"
        member = fit.family.distribution(**optimum.parameters)
        look: Look = {"color": style.LIGHT["q"], "linewidth": 0.9, "linestyle": (0, (4, 2))}
        axes.plot(scene.x, scene.q(member), label=label, zorder=1.5, **look)
    axes.set_ylim(0, HEADROOM * axes.dataLim.y1)
    draw_legend(axes)


def draw_legend(axes: Axes) -> None:
    """A legend in which p stands first."""
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: not labels[k].startswith("p"))
    axes.legend(
        [handles[k] for k in order], [labels[k] for k in order], loc="best", handlelength=1.4
    )


def draw_integrand(axes: Axes, scene: Scene) -> None:
    """Draws what is integrated, or summed, over x."""
    fit, values = scene.fit, scene.integrand(scene.fit.q)
    if values is None:
        return
    color = style.LIGHT[fit.direction]
    if scene.kind == "counts":
        axes.bar(scene.x, values, color=color, alpha=0.6, width=0.8)
        axes.locator_params(axis="x", integer=True)
    else:
        axes.fill_between(scene.x, values, color=color, alpha=0.3, linewidth=0)
        axes.plot(scene.x, values, color=color, linewidth=1.5)
    axes.axhline(0, color=style.LIGHT["muted"], linewidth=0.7)
    axes.margins(x=0)
    kl = "p log(p/q)" if fit.direction == "forward" else "q log(q/p)"
    axes.set_title(kl if str(fit.objective) == "kl" else f"integrand of {fit.objective}")
    unit = fit.divergence.unit
    axes.set(
        xlabel="x", ylabel=unit if scene.kind == "counts" else f"{unit} per unit of x".strip()
    )


def draw_plane(axes: Axes, scene: Scene) -> None:
    """Draws p as a heat map, q as white contours over it, and the way of its mean."""
    fit, accent = scene.fit, style.LIGHT["accent"]
    if scene.p is None and isinstance(fit.target, SampleTarget):
        x, y = fit.target.points.double().cpu().numpy().T
        axes.plot(x, y, ".", color=style.LIGHT["p"], alpha=0.3, markersize=3)
        axes.set_aspect("equal")
        axes.set(xlim=(scene.x[0], scene.x[-1]), ylim=(scene.y[0], scene.y[-1]))
    elif scene.p is not None:
        draw_heat(axes, scene.x, scene.y, scene.p, "p")
    line = "white" if scene.p is not None else style.LIGHT["q"]
    draw_contours(axes, scene.x, scene.y, scene.q(fit.q), line)
    ways = way_of(fit, fit.paths, list(range(len(fit.paths))))
    won = way_of(fit, fit.history, list(range(len(fit.history))))
    if ways is not None and won is not None:
        axes.plot(ways[..., 0], ways[..., 1], color=accent, linewidth=0.8, alpha=0.6)
        axes.plot(won[:, 0], won[:, 1], ".-", color=accent, linewidth=1.5, markersize=5)
        mark: Look = {"markeredgecolor": style.LIGHT["ink"], "color": accent}
        axes.plot(*won[-1], "*", markersize=11, **mark)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")


def loss_of(fit: Fit) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """The losses of the best start and of all, less the least where it is known to be one."""
    won, ways = fit.history.loss.cpu().numpy(), fit.paths.loss.cpu().numpy()
    if not fit.optima or len(won) < 4:
        return won, ways, False
    best = fit.optima[0].value
    return np.maximum(won - best, FLOOR), np.maximum(ways - best, FLOOR), True


def loss_title(fit: Fit, *, above: bool) -> str:
    """What is drawn of the loss, with its unit."""
    return titled("loss above the optimum" if above else "loss", fit.divergence.unit)


def draw_loss(axes: Axes, fit: Fit) -> None:
    """Draws the loss of all starts, where an optimum is known as what is left above it."""
    won, ways, above = loss_of(fit)
    mark = "o-" if len(won) < 30 else "-"
    axes.plot(fit.paths.step, ways, **THIN)
    axes.plot(fit.history.step, won, mark, color=style.LIGHT[fit.direction], markersize=3)
    axes.set_title(loss_title(fit, above=above))
    if above:
        set_log(axes)


def draw_gradient(axes: Axes, fit: Fit) -> None:
    """Draws the norm of the gradient of all starts."""
    won, ways = fit.history.gradient_norm.cpu().numpy(), fit.paths.gradient_norm.cpu().numpy()
    mark = "o-" if len(won) < 30 else "-"
    axes.plot(fit.paths.step, np.where(ways > 0, ways, np.nan), **THIN)
    shown = np.where(won > 0, won, np.nan)
    axes.plot(fit.history.step, shown, mark, color=style.LIGHT[fit.direction], markersize=3)
    axes.set(xlabel="step", title="norm of the gradient")
    set_log(axes)


def set_log(axes: Axes) -> None:
    """A logarithmic scale of at least two decades, so that powers of ten label it."""
    from matplotlib.ticker import NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 10 ** np.floor(np.log10(high) - 1.01)), high)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.locator_params(axis="x", integer=True, nbins=4)


def draw_parameters(axes: Axes, fit: Fit) -> None:
    """Draws each component of the parameters on its way: all that many dimensions show."""
    for index, (name, values) in enumerate(fit.history.parameters.items()):
        lines = values.reshape(len(values), -1).cpu().numpy()
        look: Look = {"color": f"C{index}", "linewidth": 2.0 if lines.shape[1] == 1 else 0.8}
        axes.plot(fit.history.step, lines[:, :1], label=name, **look)
        axes.plot(fit.history.step, lines[:, 1:], **look)
    axes.set(xlabel="step", ylabel="parameters")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handlelength=1.4)
