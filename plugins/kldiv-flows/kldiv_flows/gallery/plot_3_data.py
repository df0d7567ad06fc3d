r"""
When does a flow stop learning from data?
=========================================

Fitted to data, a flow makes them likely, and could do so without end: each point would be a spike.
A fifth of the data is therefore held out, and the fit ends where that part becomes no likelier. As
the law that the data come from is known here, it can be said what the flow has missed.
"""

import warnings

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import maps, style

torch.set_default_dtype(torch.float64)

# %%
# 1000 points of two moons, and more of them that no fit has seen:
moons = kldiv.targets.create("two_moons")
with torch.random.fork_rng():
    torch.manual_seed(0)
    data, fresh = moons.sample((1000,)), moons.sample((3000,))

# %%
# One fit ends by itself, the other takes all data and 600 steps. That it has not converged is a
# warning, which is kept off this page: its verdict says the same.
steps = kldiv.Descent(lr=0.01, steps=600, unconstrained=True)
fits = {"by itself": kldiv.fit(data, "neural_spline_flow")}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", kldiv.ConvergenceWarning)
    fits["too late"] = kldiv.fit(data, "neural_spline_flow", solver=steps)
for name, fit in fits.items():
    print(f"{name}: {fit.verdict}")
values = {
    name: kldiv.divergence(moons, fit.q, "total_variation", seed=0) for name, fit in fits.items()
}

# %%
# What the data were made likelier by, and what fresh points are: nats a point beside the true law.
with torch.no_grad():
    gained = {
        name: [float((fit.q.log_prob(x) - moons.log_prob(x)).mean()) for x in (data, fresh)]
        for name, fit in fits.items()
    }
for name, (own, other) in gained.items():
    print(f"{name}: data {own:+.3f}, fresh points {other:+.3f} nats; {values[name]}")

# %%
with style.applied():
    fig, axes = plt.subplots(1, 3, figsize=(7, 2.8), layout="constrained")
    x, y = torch.linspace(-1.75, 2.75, 241), torch.linspace(-2, 2.5, 241)
    plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    laws = {"the law": moons} | {name: fit.q for name, fit in fits.items()}
    for ax, (name, law) in zip(axes, laws.items(), strict=True):
        with torch.no_grad():
            density = law.log_prob(plane).exp()
        maps.draw_heat(ax, x, y, density, "p" if law is moons else "forward")
        ax.scatter(data[:300, 0], data[:300, 1], 1.5, "white", alpha=0.6, lw=0)
        ax.set(title=name, xticks=[], yticks=[])
        if name in values:
            ax.set_xlabel(f"total variation {float(values[name]):.3f}")

# %%
# The later fit knows its data better than the law itself does, and fresh points worse.
assert gained["too late"][0] > max(0.0, gained["by itself"][0])
assert gained["too late"][1] < gained["by itself"][1] < 0
assert values["by itself"].value + values["by itself"].error < values["too late"].value
