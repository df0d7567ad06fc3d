r"""
What lies between covering all of p and seeking one mode?
=========================================================

The alpha divergences join the forward to the reverse divergence,

.. math:: D_\alpha(p \parallel q) = \frac{1}{\alpha (\alpha - 1)}
    \Bigl(\int p^\alpha q^{1 - \alpha}\, dx - 1\Bigr), \qquad
    D_1 = D(p \parallel q), \quad D_0 = D(q \parallel p) .

At one end the best normal covers both modes of p, at the other it sits on one. Following both
optima from end to end shows that nothing melts in between: there are two answers nearly all the
way, and at one place they change roles. Rényi's divergences, which are functions of these, have
the same optima.
"""

# sphinx_gallery_thumbnail_number = 1

import math

import matplotlib.pyplot as plt
import torch

from matplotlib.animation import FuncAnimation

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# There and back
# --------------
# Twenty steps from forward to reverse and twenty back, each fit begun at the optimum of the last.
alphas = [round(1 - k / 20, 2) for k in range(21)]


def follow(alphas, start):
    """The optima along alpha, each found from the one before."""
    fits = []
    for alpha in alphas:
        name = f"alpha(alpha={alpha})"
        fits.append(kldiv.fit("bimodal", "normal", name, starts=start, solver="quasi_newton"))
        start = fits[-1].parameters
    return fits


covering = follow(alphas, {"loc": 2.5, "scale": 7.5})
seeking = follow(alphas[::-1], {"loc": 10.0, "scale": 1.0})[::-1]
assert all(fit.converged for fit in covering + seeking)

# %%
# The wide q never leaves: at :math:`\alpha = 0` it is the trap of the fits in reverse. The narrow
# one stays on its mode up to :math:`\alpha = 0.9`; then it lets go, and both are one.
wide, narrow = (torch.stack([f.divergence.value for f in fits]) for fits in (covering, seeking))
widths = torch.stack([fit.parameters["scale"] for fit in seeking])
assert abs(covering[-1].parameters["scale"] - 6.1457) < 1e-4
assert abs(wide[-1] - 8.603398) < 1e-6
assert abs(narrow[-1] - math.log(2)) < 1e-9
assert abs(widths[0] - 7.566373) < 1e-6
assert (widths[2:] < 1.01).all()

x = torch.linspace(-16, 21, 371)
p_density = kldiv.targets.create("bimodal").log_prob(x).exp()
with style.applied():
    fig, axes = plt.subplots(1, 4, figsize=(7, 2.1), sharey=True, layout="constrained")
    for ax, index in zip(axes, (0, 4, 10, 20), strict=True):
        style.draw_density(ax, x, p_density, "p")
        for fits, value in ((covering, wide), (seeking, narrow)):
            best = value[index] <= min(wide[index], narrow[index]) + 1e-9
            density = fits[index].q.log_prob(x).exp()
            ax.plot(x, density, color=colors["q"], linewidth=2 if best else 0.8)
        ax.set(title=f"α = {alphas[index]:g}", xlabel="x", ylim=(0, 0.42))
    axes[0].set_ylabel("density")

# %%
# The global optimum, drawn bold, jumps from the wide q to a mode between 0.6 and 0.7.
crossing = max(a for a, w, n in zip(alphas, wide, narrow, strict=True) if n < w - 1e-9)
assert 0.6 <= crossing < 0.7

branch = torch.where(widths < 2, narrow, torch.nan)
with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.9), dpi=80, layout="constrained")
    style.draw_density(left, x, p_density, "p")
    curves = [left.plot(x, x * 0, color=colors["q"])[0] for _ in range(2)]
    left.set(xlabel="x", ylabel="density", ylim=(0, 0.42))
    left.set_title("α = 1.00", loc="left")
    right.plot(alphas, wide, color=colors["forward"], label="covers both")
    right.plot(alphas, branch, color=colors["reverse"], label="seeks one")
    points = [right.plot(1, 1, "o", color=colors["q"], markersize=8)[0] for _ in range(2)]
    right.set(xlabel="α", ylabel="divergence (nats)", xlim=(1.03, -0.03), ylim=(0, 9))
    right.legend(loc="upper center")
    fig.draw_without_rendering()
    fig.set_layout_engine("none")


def show(frame):
    """Moves both optima to one alpha; the better one is drawn bold."""
    values = wide[frame], narrow[frame]
    for fits, curve, point, value in zip((covering, seeking), curves, points, values, strict=True):
        curve.set_ydata(fits[frame].q.log_prob(x).exp())
        curve.set_linewidth(2.5 if value <= min(values) + 1e-9 else 0.8)
        point.set_data([alphas[frame]], [value])
    left.set_title(f"α = {alphas[frame]:.2f}", loc="left")


animation = FuncAnimation(fig, show, len(alphas), interval=250)
