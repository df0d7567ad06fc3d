r"""
Does a flow find both moons by itself?
======================================

The reverse divergence needs no draws from the target and no normaliser: it is how posteriors are
approximated. A normal distribution then withdraws to one mode. What do flows do, one whose layers
are affine and one whose layers are splines?
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import maps, style

torch.set_default_dtype(torch.float64)

# %%
# The moons, known only as a function: their logarithm plus a constant that is kept secret.
moons = kldiv.targets.create("two_moons")


target = kldiv.Target(lambda x: moons.log_prob(x) - 7.0, event_shape=(2,))

# %%
# Draws from the flow move along with its parameters, so that gradients flow through the target.
few = kldiv.MonteCarlo(256)
near = {"loc": [0.0, 0.9], "covariance_matrix": [[0.3, 0.0], [0.0, 0.3]]}
fits = {"normal": kldiv.fit(target, "full_normal", direction="reverse", starts=near)}
for name in ("coupling_flow", "neural_spline_flow"):
    fits[name] = kldiv.fit(target, name, direction="reverse", estimator=few)
values = {name: kldiv.divergence(moons, fit.q, "total_variation") for name, fit in fits.items()}
for name, fit in fits.items():
    print(f"{name:18} total variation {values[name]}\n{fit.verdict}")

# %%
# The logarithms are drawn, so that what is faint is seen as well.
with style.applied():
    fig, axes = plt.subplots(2, 2, figsize=(6, 6.4), layout="constrained")
    x, y = torch.linspace(-1.75, 2.75, 241), torch.linspace(-2, 2.5, 241)
    plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    laws = {"target": moons} | {name: fit.q for name, fit in fits.items()}
    for ax, (name, law) in zip(axes.flat, laws.items(), strict=True):
        with torch.no_grad():
            log_density = law.log_prob(plane)
        role = "p" if name == "target" else "reverse"
        height = log_density - log_density.max()
        maps.draw_heat(ax, x, y, (1 + height / 10).clamp_min(0), role)
        maps.draw_contours(ax, x, y, height.exp())
        ax.set(title=name.replace("_", " "), xticks=[], yticks=[])
        if name in values:
            ax.set_xlabel(f"total variation {float(values[name]):.3f}")

# %%
# Both flows find both moons, of which the normal distribution has given one up. Wings and corners
# are left where hardly any draw of the flow has fallen; splines leave fewer than affine layers.
with torch.no_grad():
    upper = {
        name: (fit.q.sample((4000,))[:, 1] > 0.25).double().mean() for name, fit in fits.items()
    }
assert upper["normal"] > 0.95
assert all(0.4 < upper[name] < 0.6 for name in ("coupling_flow", "neural_spline_flow"))
assert values["normal"].value - values["normal"].error > 0.5
assert all(values[name].value < 0.1 for name in ("coupling_flow", "neural_spline_flow"))
