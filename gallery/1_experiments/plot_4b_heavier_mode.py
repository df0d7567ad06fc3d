r"""
What if one of the two modes is heavier?
========================================

The right mode of the target takes on more and more of the weight w, and q is one normal again.

.. math:: p = (1 - w)\, N(-5, 1) + w\, N(10, 1), \qquad
    \mu_{\text{forward}} = 15 w - 5, \qquad
    D(q_{\text{reverse}} \parallel p) = \min(-\log w, -\log(1 - w)) .

The forward answer slides over with the mean of p. The reverse answer jumps, the moment that the
right mode is the heavier one: a q on one mode costs minus the logarithm of that mode's weight.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

from matplotlib.animation import FuncAnimation
from torch.distributions import Categorical, MixtureSameFamily, Normal

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# Many targets at once
# --------------------
# A batch of targets is fitted as one: 24 weights, in each direction one call.
weights = torch.linspace(0.04, 0.96, 24)
modes = Normal(torch.tensor([-5.0, 10.0]).expand(24, 2), 1.0)
targets = MixtureSameFamily(Categorical(torch.stack([1 - weights, weights], -1)), modes)
forward = kldiv.fit(targets, "normal")
reverse = kldiv.fit(targets, "normal", direction="reverse")
print(forward.verdict, reverse.verdict, sep="\n")

# %%
# The formulas hold, and wherever both modes were reached by some start, the lighter one is a local
# optimum too, at minus the logarithm of its own weight.
heavier = torch.maximum(weights, 1 - weights)
assert (forward.parameters["loc"] - (15 * weights - 5)).abs().max() < 1e-6
assert (forward.parameters["scale"] ** 2 - 1 - 225 * weights * (1 - weights)).abs().max() < 1e-6
assert (reverse.divergence.value + heavier.log()).abs().max() < 1e-6
assert ((reverse.parameters["loc"] > 0) == (weights > 0.5)).all()
for weight, optima in zip(weights, reverse.optima, strict=True):
    for optimum in optima[:2]:
        share = weight if optimum.parameters["loc"] > 0 else 1 - weight
        assert abs(optimum.value + share.log()) < 1e-6

with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained")
    for fit in (forward, reverse):
        look = {"color": colors[fit.direction], "label": fit.direction, "markersize": 4}
        left.plot(weights, fit.parameters["loc"], "o", **look)
        right.plot(weights, fit.divergence.value, "o", **look)
    for share in (weights, 1 - weights):
        right.plot(weights, -share.log(), ":", color=colors["reverse"], linewidth=1)
    left.set(xlabel="weight w of the right mode", ylabel="mean of q")
    right.set(xlabel="weight w of the right mode", ylabel="divergence (nats)", ylim=(0, 2))
    left.legend()

# %%
# Sliding and jumping
# -------------------
x = torch.linspace(-16, 21, 371)
p_density = targets.log_prob(x[:, None]).exp().T
members = {fit.direction: fit.q.log_prob(x[:, None]).exp().T for fit in (forward, reverse)}
with style.applied():
    fig, axes = plt.subplots(1, 2, figsize=(6.6, 2.7), dpi=80, sharey=True, layout="constrained")
    for ax, direction in zip(axes, members, strict=True):
        style.draw_density(ax, x, p_density[0], "p")
        ax.plot(x, members[direction][0], color=colors["q"], label="q")
        ax.set(xlabel="x", ylim=(0, 0.42))
        ax.set_title(direction, color=colors[direction])
    axes[0].set_ylabel("density")
    axes[1].set_title("w = 0.00", loc="right")
    axes[0].legend()
    fig.draw_without_rendering()
    fig.set_layout_engine("none")


def show(frame):
    """Moves p, and q in both directions, to one weight."""
    for ax, direction in zip(axes, members, strict=True):
        ax.collections[0].remove()
        ax.fill_between(x, p_density[frame], color=colors["p"], alpha=0.18, linewidth=0)
        ax.lines[0].set_ydata(p_density[frame])
        ax.lines[1].set_ydata(members[direction][frame])
    axes[1].set_title(f"w = {weights[frame]:.2f}", loc="right")


animation = FuncAnimation(fig, show, len(weights), interval=200)
