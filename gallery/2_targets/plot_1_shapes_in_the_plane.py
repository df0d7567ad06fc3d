r"""
Which shapes are hard to fit?
=============================

A normal distribution has one mode, one scale in each direction and straight axes. The built-in
targets of the plane each take one of these away: the banana bends, the funnel changes its scale,
the ring has a hole, the moons are two. Beside them is a posterior as statistics has it, which does
none of this.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import maps, style

torch.set_default_dtype(torch.float64)

# %%
# Each shape is a name; the window (its left and lower edge and its side) is only for the picture.
# The reverse fits begin at one place: a ring has no best one, and of two moons either will do.
windows = {
    "banana": (-7.0, -8.5, 14.0),
    "funnel(scale=1.5)": (-6.0, -6.0, 12.0),
    "ring": (-5.0, -5.0, 10.0),
    "two_moons": (-1.75, -2.0, 4.5),
    "logistic_regression": (-1.4, -0.6, 3.3),
}
near = {"ring": [2.6, 0.0], "two_moons": [0.0, 0.9]}

# %%
# What a normal distribution makes of them
# ----------------------------------------
# The forward optimum has the target's mean and covariance, wherever that puts it; the reverse one
# withdraws to a place that is nearly normal.
fits = {}
for name in windows:
    begin = {"loc": near.get(name, [0.0, 1.0]), "covariance_matrix": [[0.3, 0.0], [0.0, 0.3]]}
    fits[name] = {
        "forward": kldiv.fit(name, "full_normal"),
        "reverse": kldiv.fit(name, "full_normal", direction="reverse", starts=begin),
    }
    values = {side: float(fit.divergence) for side, fit in fits[name].items()}
    print(f"{name:20} forward {values['forward']:.4f} nats, reverse {values['reverse']:.4f} nats")

# %%
# The targets' logarithms are drawn, so that what is faint is seen as well: white lines lie at 1, 2
# and 3 standard deviations of a normal peak. The ellipses are 2 standard deviations of the forward
# answer, in green, and of the reverse one, in pink; below are the nats that each of them misses.
with style.applied():
    fig, axes = plt.subplots(1, 5, figsize=(11, 2.75), layout="constrained")
    for ax, (name, (left, low, side)) in zip(axes, windows.items(), strict=True):
        x, y = (torch.linspace(edge, edge + side, 241) for edge in (left, low))
        plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
        log_p = fits[name]["forward"].target.log_prob(plane)
        log_p = log_p - log_p.max()
        maps.draw_heat(ax, x, y, (1 + log_p / 10).clamp_min(0), "p")
        maps.draw_contours(ax, x, y, log_p.exp())
        for place, (way, fit) in enumerate(fits[name].items()):
            maps.draw_contours(ax, x, y, fit.q.log_prob(plane).exp(), style.DARK[way], radii=[2])
            label = f"{way} {float(fit.divergence):.2f}"
            align = ("left", "right")[place]
            ax.text(place, -0.09, label, color=style.LIGHT[way], ha=align, transform=ax.transAxes)
        ax.set(title=name.split("(")[0].replace("_", " "), xticks=[], yticks=[])

# %%
# Where the mass is bent or changes its scale, a place in it is nearly normal, and reverse comes
# nearer than forward. Where it is divided, reverse gives up all but a part: of two equal moons
# one, which costs at least :math:`\ln 2`, and of the ring still more. The posterior is all but
# normal, and the two answers are the same.
missed = {
    name: tuple(float(both[way].divergence) for way in ("forward", "reverse"))
    for name, both in fits.items()
}
assert all(fit.converged for both in fits.values() for fit in both.values())
assert all(missed[name][1] < missed[name][0] for name in ("banana", "funnel(scale=1.5)"))
assert all(missed[name][0] < missed[name][1] for name in ("ring", "two_moons"))
assert 0.693 < missed["two_moons"][1] < missed["ring"][1]
assert max(missed["logistic_regression"]) < 0.02
