r"""
What does it cost to shift a bell curve, or to stretch it?
==========================================================

The target :math:`p` is the standard normal distribution. The approximation :math:`q` has either
its mean wrong or its standard deviation, and the divergence of :math:`p` from it has a formula:

.. math:: D(p \parallel \mathcal N(\mu, 1)) = \frac{\mu^2}{2}, \qquad
    D(p \parallel \mathcal N(0, \sigma^2)) = \ln \sigma + \frac{1}{2 \sigma^2} - \frac12 .

Both are swept below, by the formula, by a grid as one would write it by hand, and by kldiv's
quadrature, which knows of no formula and says how far off it may be.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import torch

from matplotlib.animation import FuncAnimation
from torch.distributions import Normal

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT
p = Normal(0.0, 1.0)
grid = torch.linspace(-6, 6, 1201)[:, None]


def by_grid(p, q):
    """The divergence by hand: the integrand summed in steps of 0.01 from -6 to 6."""
    log_p, log_q = p.log_prob(grid), q.log_prob(grid)
    return 0.01 * (log_p.exp() * (log_p - log_q)).sum(0)


def animate(symbol, name, member, path, dots):
    """Moves q beside p, and a point along the curve of the divergence."""
    x, fine = torch.linspace(-7, 7, 281), torch.linspace(path[0], path[-1], 201)
    density = member(path[:, None]).log_prob(x).exp()
    cost = kldiv.divergence(p, member(path)).value
    with style.applied():
        fig, (left, right) = plt.subplots(1, 2, figsize=(6, 2.9), dpi=80, layout="constrained")
        fig.get_layout_engine().set(wspace=0.06)
        left.set(xlabel="x", ylabel="density", xlim=(-7, 7), xticks=(-6, 0, 6))
        left.set_ylim(0, 1.05 * float(density.max()))
        left.locator_params(axis="y", nbins=4)
        left.set_title("p = N(0, 1)", color=colors["p"])
        title_q = left.set_title("q", color=colors["q"], loc="right")
        style.draw_density(left, x, p.log_prob(x).exp(), "p")
        style.draw_density(left, x, density[0], "q")
        right.set(xlabel=symbol, ylabel="D(p‖q), nats")
        title = right.set_title("D(p‖q)")
        right.plot(fine, kldiv.divergence(p, member(fine)).value, color=colors["forward"])
        right.plot(*dots, "o", color="white", markeredgecolor=colors["ink"], markersize=5)
        right.text(0.5, 0.9, "○ by the grid", transform=right.transAxes, ha="center")
        (point,) = right.plot([], [], "o", color=colors["q"], markersize=9)
    line = left.lines[-1]

    def show(frame):
        line.set_ydata(density[frame])
        left.collections[-1].remove()
        left.fill_between(x, density[frame], color=colors["q"], alpha=0.18, linewidth=0)
        title_q.set_text(f"q = {name}".format(path[frame]).replace("-", "−"))
        point.set_data([path[frame]], [cost[frame]])
        title.set_text(f"D(p‖q) = {cost[frame]:.3f} nats")

    animation = FuncAnimation(fig, show, len(path), interval=200)
    fig.canvas.draw()
    fig.set_layout_engine("none")  # laid out once, not for each frame
    return animation


# %%
# A wrong mean
# ------------
# Nine means in one call: the means of q are a batch, and so are the divergences and their errors.
mu = torch.arange(-4.0, 5.0)
formula = mu**2 / 2
estimate = kldiv.divergence(p, Normal(mu, 1.0), estimator="quadrature")
summed = by_grid(p, Normal(mu, 1.0))

print(estimate)
print(f"it is off by {(estimate.value - formula).abs().max():.0e} at most")
print(f"the grid is off by {(summed - formula).abs().max():.0e} at most")
assert ((estimate.value - formula).abs() <= estimate.error).all()
assert (summed - formula).abs().max() < 2e-8

# %%
# The cost of a shift is a parabola: twice as far is four times as wrong, to either side.
path = torch.linspace(-4, 4, 17)
shift = animate("μ", "N({:.1f}, 1)", lambda mu: Normal(mu, 1.0), path, (mu, summed))

# %%
# A wrong standard deviation
# --------------------------
# Too narrow is punished harder than too wide: half the standard deviation costs 0.81 nats, double
# 0.32, because a narrow q all but excludes what p often does.
sigma = torch.tensor([0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0])
formula = sigma.log() + 1 / (2 * sigma**2) - 0.5
estimate = kldiv.divergence(p, Normal(0.0, sigma), estimator="quadrature")
summed = by_grid(p, Normal(0.0, sigma))
assert ((estimate.value - formula).abs() <= estimate.error).all()
assert (summed - formula).abs().max() < 2e-7
assert estimate.value[sigma == 0.5] > 2 * estimate.value[sigma == 2]

path = torch.cat([torch.arange(5, 20) / 10, torch.linspace(2, 4, 5)])
stretch = animate("σ", "N(0, {:.2f}²)", lambda sigma: Normal(0.0, sigma), path, (sigma, summed))

# %%
# Where the grid stops
# --------------------
# All those values were right because p, which weighs the integrand, ends well within ±6. Swap the
# arguments at σ = 4, and the same grid takes the smaller part for the whole, without a word.
# kldiv looks where the first argument lies, and its error bounds what it may have missed.
q = Normal(0.0, 4.0)
cut, whole = float(by_grid(q, p)), kldiv.divergence(q, p, estimator="quadrature")
print(f"by the grid {cut:.4f}, by kldiv {whole.value:.4f} ± {whole.error:.0e} nats")
assert abs(cut - 2.388) < 5e-4
assert abs(whole.value - (7.5 - q.scale.log())) <= whole.error

# %%
# What the grid sees of the integrand, and what it does not:
with style.applied():
    fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
    x = torch.linspace(-18, 18, 721)
    integrand = q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x))
    ax.plot(x, integrand, color=colors["reverse"])
    ax.fill_between(x, integrand, where=abs(x) <= 6, color=colors["reverse"], alpha=0.3)
    ax.fill_between(x, integrand, where=abs(x) >= 6, color=colors["line"])
    ax.text(0, 0.35, f"seen\n{cut:.3f} nats", ha="center")
    for side in (-1, 1):
        ax.text(side * 13, 0.4, f"unseen\n{(whole.value - cut) / 2:.3f} nats", ha="center")
    ax.set(xlabel="x", ylabel="q ln(q/p), nats per unit of x", xticks=range(-18, 19, 6))

plt.show()
