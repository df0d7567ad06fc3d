r"""
One normal for two modes: the middle, or a side?
================================================

The target has two narrow modes, far apart, and q is a single normal. It cannot have both, so what
it does shows what each divergence punishes: forward, places where p is and q is not; reverse,
places where q is and p is not.

.. math:: p = \tfrac12 N(-5, 1) + \tfrac12 N(10, 1), \qquad
    D(p \parallel q) = \int p \log \frac{p}{q}\, dx, \qquad
    D(q \parallel p) = \int q \log \frac{q}{p}\, dx .
"""

# sphinx_gallery_thumbnail_number = 1

import math

import matplotlib.pyplot as plt
import torch

from torch.distributions import Normal

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# Seeking the mean, seeking a mode
# --------------------------------
# Forward there is one optimum, with the mean and the variance of p. In reverse the fitter begins
# at several places and reports every local optimum that it reached.
forward = kldiv.fit("bimodal", "normal")
reverse = kldiv.fit("bimodal", "normal", direction="reverse")
print(forward, reverse, sep="\n\n")

# %%
# Below the densities stands what is integrated. Forward it is tall where q is too thin for p; in
# reverse a q on one mode pays :math:`\log 2` times itself and nothing for the mode it leaves out.
x = torch.linspace(-18, 23, 821)
log_p = kldiv.targets.create("bimodal").log_prob(x)

with style.applied():
    fig = plt.figure(figsize=(7, 4.2), layout="constrained")
    axes = fig.subplots(2, 2, sharex=True, sharey="row", height_ratios=(1.4, 1))
    for column, fit in zip(axes.T, (forward, reverse), strict=True):
        log_q, color = fit.q.log_prob(x), colors[fit.direction]
        above, below = (log_p, log_q) if fit.direction == "forward" else (log_q, log_p)
        integrand = above.exp() * (above - below)
        style.draw_density(column[0], x, log_p.exp(), "p")
        style.draw_density(column[0], x, log_q.exp(), "q")
        for optimum in fit.optima[1:]:
            other = Normal(**optimum.parameters).log_prob(x).exp()
            column[0].plot(x, other, "--", color=colors["q"], linewidth=0.9)
        column[0].set_title(f"{fit.direction}: {float(fit.divergence):.4g} nats", color=color)
        column[1].fill_between(x, integrand, color=color, alpha=0.3, linewidth=0)
        column[1].plot(x, integrand, color=color, linewidth=1.5)
        column[1].set(xlabel="x", title="p log(p/q)" if fit is forward else "q log(q/p)")
    axes[0, 0].set(ylabel="density", ylim=(0, None))
    axes[1, 0].set_ylabel("nats per unit of x")
    axes[0, 0].legend()

# %%
# The numbers: forward (2.5, 7.566373); in reverse both modes at :math:`\ln 2`, and a third
# optimum.
assert abs(forward.parameters["loc"] - 2.5) < 1e-6
assert abs(forward.parameters["scale"] - 7.566373) < 1e-6
left, right, trap = sorted(
    reverse.optima, key=lambda each: (each.value > 1, each.parameters["loc"])
)
assert abs(left.value - math.log(2)) < 1e-9
assert abs(right.value - math.log(2)) < 1e-9
assert abs(left.parameters["loc"] + 5) < 1e-6
assert abs(right.parameters["loc"] - 10) < 1e-6
assert abs(trap.parameters["loc"] - 2.5) < 1e-4
assert abs(trap.parameters["scale"] - 6.1457) < 1e-4
assert abs(trap.value - 8.603398) < 1e-6

# %%
# Converged is not right
# ----------------------
# That third optimum is no accident of one start. Its gradient vanishes and its Hessian is positive
# definite: a fit that begins there stays there, and every test of convergence is content. Fifteen
# starts, and where each lands:
starts = [{"loc": m, "scale": s} for m in (-9.0, -2.0, 2.5, 7.0, 14.0) for s in (0.7, 2.5, 9.0)]
many = kldiv.fit("bimodal", "normal", direction="reverse", starts=starts)
one = kldiv.fit("bimodal", "normal", direction="reverse", starts={"loc": 2.5, "scale": 7.5})
print(one)
assert sorted(len(optimum.starts) for optimum in many.optima) == [5, 5, 5]
assert one.converged
assert float(one.divergence) > 8
assert one.diagnostics["gradient_norm"] < 1e-8
assert one.optima[0].signature == (1, 1)

# %%
# The surface that they walk on is 1500 divergences in one call:
mu, sigma = torch.linspace(-13, 18, 50), torch.logspace(-0.4, 1.3, 30)
surface = kldiv.divergence(Normal(mu, sigma[:, None]), "bimodal").value

with style.applied():
    fig, ax = plt.subplots(figsize=(6.6, 4), layout="constrained")
    levels = [0.7, 1, 2, 4, 8, 9, 12, 16, 24, 40, 80, 160]
    shades = style.ramp("reverse", len(levels) + 1)
    ax.contourf(mu, sigma, surface, [0, *levels, 1e9], colors=shades, alpha=0.9)
    lines = ax.contour(mu, sigma, surface, levels, colors="white", linewidths=0.5)
    ax.clabel(lines, [2, 9, 16, 40], fontsize=8, colors=colors["ink"])
    ways = many.paths.parameters
    ax.plot(ways["loc"], ways["scale"], "-", color=colors["ink"], linewidth=0.9)
    ax.plot(ways["loc"][0], ways["scale"][0], "o", color=colors["q"], markeredgecolor="white")
    mark = {"color": colors["accent"], "markeredgecolor": colors["ink"], "markersize": 15}
    for optimum, name in ((left, "ln 2"), (right, "ln 2"), (trap, "8.6034: the trap")):
        place = (optimum.parameters["loc"], optimum.parameters["scale"])
        ax.plot(*place, "*", zorder=4, **mark)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5}
        ax.annotate(name, place, (9, 7), textcoords="offset points", bbox=box, zorder=5)
    ax.set(xlabel="mean μ", ylabel="standard deviation σ", yscale="log", xlim=(-13, 18))
    ax.set_yticks([0.5, 1, 2, 5, 10, 20], labels=["0.5", "1", "2", "5", "10", "20"])
    ax.set_title("D(q‖p) in nats, and the way of each start")
