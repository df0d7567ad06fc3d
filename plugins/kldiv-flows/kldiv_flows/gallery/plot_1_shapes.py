r"""
Which shapes can a flow take?
=============================

A normalizing flow is a normal distribution seen through an invertible network. By its name it is a
family like any other, whose size and place are read off the target: three shapes that no normal
distribution comes near to, each fitted by the forward divergence, and how near the flow has come.
"""

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import maps, style

torch.set_default_dtype(torch.float64)

# %%
# The objective is averaged over new draws at each step, and the fit ends where it falls no more,
# however short the steps.
windows = {
    "ring": (-5.0, -5.0, 10.0),
    "two_moons": (-1.75, -2.0, 4.5),
    "banana": (-7.0, -8.5, 14.0),
}
few = kldiv.MonteCarlo(512)
fits = {name: kldiv.fit(name, "neural_spline_flow", estimator=few) for name in windows}
print(*(f"{name:10} {fit.verdict}" for name, fit in fits.items()), sep="\n")

# %%
# How near is it? The total variation says it in plain terms: it is the most by which the flow can
# be wrong about the probability of any event. Its error is known though both densities are bent.
near = {name: kldiv.divergence(name, fit.q, "total_variation") for name, fit in fits.items()}
normal = {
    name: kldiv.divergence(
        name, kldiv.fit(name, "full_normal").q, "total_variation", estimator="monte_carlo"
    )
    for name in windows
}
for name, value in near.items():
    print(f"{name:10} flow {value}\n{'':10} normal {normal[name]}")

# %%
# Above the targets, below the flows, with lines at 1, 2 and 3 standard deviations of a normal
# peak.
with style.applied():
    fig, axes = plt.subplots(2, 3, figsize=(6.6, 4.7), layout="constrained")
    for (above, below), (name, (left, low, side)) in zip(axes.T, windows.items(), strict=True):
        x, y = (torch.linspace(edge, edge + side, 241) for edge in (left, low))
        plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
        sides = (above, fits[name].target, "p"), (below, fits[name].q, "forward")
        for ax, law, role in sides:
            with torch.no_grad():
                density = law.log_prob(plane).exp()
            maps.draw_heat(ax, x, y, density, role)
            maps.draw_contours(ax, x, y, density)
            ax.set(xticks=[], yticks=[])
        above.set_title(name.replace("_", " "))
        below.set_xlabel(f"total variation {float(near[name]):.3f}")
    for ax, label in zip(axes[:, 0], ("target", "flow"), strict=True):
        ax.set_ylabel(label)

# %%
# No event's probability is wrong by more than 0.05, where that of the best normal distribution may
# be wrong by about one half. That no other flow is nearer still, nobody certifies: a network's
# optimum is where the descent has settled.
assert all(fit.converged for fit in fits.values())
assert all(fit.verdict.startswith("Settled") for fit in fits.values())
assert all(value.value + value.error < 0.05 for value in near.values())
assert all(value.value - value.error > 0.45 for value in normal.values())
