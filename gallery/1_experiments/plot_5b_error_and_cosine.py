r"""
What do other losses find, squared error and cosine similarity?
===============================================================

The same two bumps, the same normal q, and two losses that people use as if they were
interchangeable with the divergence:

.. math:: p(x) = N(x; -5, 1) + N(x; 10, 1), \qquad
    \int (p - q)^2\, dx, \qquad 1 - \frac{\int p q\, dx}{\sqrt{\int p^2\, dx \int q^2\, dx}} .

Neither minds what q leaves out as much as :math:`D(p \parallel q)` does. Both settle on one bump,
and the start decides on which. Each is itself the end of a family that begins at the divergence:
squared error of the density power divergences, cosine similarity of the gamma divergences.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

from matplotlib.animation import FuncAnimation

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# From 0 to the left, from 5 to the right
# ---------------------------------------
# Adam again, with the original's starts. Its rate is ten times the original's 0.001, so that 1000
# steps go as far as its 10 000. Both starts of the squared error are moved at once.
adam = kldiv.Descent(torch.optim.Adam, lr=1e-2, steps=1000)
zero, five = {"loc": 0.0, "scale": 1.0}, {"loc": 5.0, "scale": 1.0}
error = kldiv.fit("normal_sum", "normal", "squared_l2", solver=adam, starts=[zero, five])
cosine = kldiv.fit("normal_sum", "normal", "cosine", solver=adam, starts=five)
print(error, cosine, sep="\n\n")

ways = {
    "squared error, from 0": (error.paths, 0),
    "squared error, from 5": (error.paths, 1),
    "cosine, from 5": (cosine.paths, 0),
}
runs = {  # the loss, μ and σ at every step
    name: [values[:, k] for values in (paths.loss, *paths.parameters.values())]
    for name, (paths, k) in ways.items()
}
for (name, (_, mu, sigma)), bump in zip(runs.items(), (-5, 10, 10), strict=True):
    assert abs(mu[-1] - bump) < 1e-4, name
    assert abs(sigma[-1] - 1) < 1e-4, name

# %%
with style.applied():
    fig, axes = plt.subplots(1, 3, figsize=(7, 2.9), layout="constrained")
    looks = [(colors["q"], "-"), (colors["q"], "--"), (colors["ink"], "-")]
    for (name, values), (color, dashes) in zip(runs.items(), looks, strict=True):
        for ax, value in zip(axes, values, strict=True):
            ax.plot(value, color=color, linestyle=dashes, linewidth=1.6, label=name)
    for ax, title in zip(axes, ("loss", "mean μ", "standard deviation σ"), strict=True):
        ax.set(xlabel="step", title=title)
    axes[0].set_ylim(0, 1.1)
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=3, fontsize=9)

# %%
# The mass of p matters, or does not
# ----------------------------------
# The target has mass 2, so each bump is as tall as a normal q can be on it, and squared error
# finds :math:`\sigma = 1`. Of mass 1 the bumps are half as tall, and the best q, which keeps its
# own mass, widens to 1.9615. The cosine knows no mass: its answer is the same.
exact = {
    (target, loss): kldiv.fit(target, "normal", loss, starts=[zero, five])
    for target in ("normal_sum", "bimodal")
    for loss in ("squared_l2", "cosine")
}
for (target, loss), fit in exact.items():
    scale = 1.961459 if (target, loss) == ("bimodal", "squared_l2") else 1.0
    print(f"{target:>10} {loss:>10}: σ = {float(fit.parameters['scale']):.6f}")
    assert abs(fit.parameters["scale"] - scale) < 1e-6
    assert sorted(round(float(o.parameters["loc"])) for o in fit.optima) == [-5, 10]

# %%
# So which loss? Each answer is the best by its own measure and poor by another's. Rows are the
# answers for the target of mass 1, columns what they are judged by:
answers = {loss: exact["bimodal", loss].q for loss in ("squared_l2", "cosine")}
answers["kl"] = kldiv.fit("bimodal", "normal").q
print(f"{'':>10}", *(f"{judge:>10}" for judge in answers))
for loss, q in answers.items():
    values = {judge: float(kldiv.divergence("bimodal", q, judge)) for judge in answers}
    print(f"{loss:>10}", *(f"{value:10.4f}" for value in values.values()))
    for judge, value in values.items():
        assert value >= float(kldiv.divergence("bimodal", answers[judge], judge)) - 1e-9

# %%
# While it trains
# ---------------
x = torch.linspace(-10, 15, 376)
p_density = kldiv.targets.create("normal_sum").log_prob(x).exp()
frames = list(range(0, 1001, 40))
with style.applied():
    fig, axes = plt.subplots(1, 2, figsize=(6.6, 2.6), dpi=80, sharey=True, layout="constrained")
    for ax, title in zip(axes, ("squared error, from 0 and 5", "cosine, from 5"), strict=True):
        style.draw_density(ax, x, p_density, "p")
        ax.set(xlabel="x", ylim=(0, 0.5), title=title)
    curves = [axes[k].plot(x, 0 * x, color=colors["q"])[0] for k in (0, 0, 1)]
    axes[0].set_ylabel("density")
    step = axes[1].set_title("step 0", loc="right")
    fig.draw_without_rendering()
    fig.set_layout_engine("none")


def show(frame):
    """Moves the three q to one step."""
    for curve, (_, mu, sigma) in zip(curves, runs.values(), strict=True):
        member = torch.distributions.Normal(mu[frames[frame]], sigma[frames[frame]])
        curve.set_ydata(member.log_prob(x).exp())
    step.set_text(f"step {frames[frame]}")


animation = FuncAnimation(fig, show, len(frames), interval=150)
