"""Draws the README's picture, docs/_static/readme.png: `python docs/make_picture.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

from matplotlib.patheffects import withStroke
from torch.distributions import Normal

import kldiv

from kldiv.pictures import style

PICTURE = Path(__file__).parent / "_static" / "readme.png"
TARGET = "bimodal(weights=[0.4, 0.6], loc=[-3.5, 3.5])"
TITLES = {
    "forward": "forward, D(p‖q): the nearest normal q covers p",
    "reverse": "reverse, D(q‖p): it seeks a mode, or is trapped",
}


def draw() -> None:
    x = torch.linspace(-9, 9, 901, dtype=torch.float64)
    p = kldiv.targets.create(TARGET).log_prob(x).exp()
    with style.applied():
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3), sharey=True, layout="constrained")
        for ax, (direction, title) in zip(axes, TITLES.items(), strict=True):
            ax.fill_between(x, p, color=style.LIGHT["p"], alpha=0.25, lw=0)
            ax.plot(x, p, color=style.LIGHT["p"])
            fit = kldiv.fit(TARGET, "normal", direction=direction)
            for optimum in fit.optima:
                q = Normal(**optimum.parameters)
                dashes = "-" if optimum is fit.optima[0] else "--"
                ax.plot(x, q.log_prob(x).exp(), dashes, color=style.LIGHT["q"])
                top = (float(q.mean), float(q.log_prob(q.mean).exp()) + 0.012)
                text = ax.annotate(f"{optimum.value:.3f} nats", top, ha="center")
                text.set(
                    color=style.LIGHT["q"], path_effects=[withStroke(linewidth=3, foreground="w")]
                )
            ax.set(title=title, xlabel="x", ylim=(0, 0.45))
        axes[0].annotate("p", (3.5, 0.255), ha="center", color=style.LIGHT["p"])
        axes[0].set_ylabel("density")
        fig.savefig(PICTURE, dpi=160)


if __name__ == "__main__":
    draw()
    print(PICTURE)
