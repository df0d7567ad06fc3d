r"""
Which differences does a bandwidth see?
=======================================

The maximum mean discrepancy compares samples as a microscope does, at one length at a time:

.. math:: \mathrm{MMD}^2(p, q) = \mathbb E\,k(x, x') + \mathbb E\,k(y, y')
    - 2\,\mathbb E\,k(x, y), \qquad k(x, y) = e^{-|x - y|^2 / 2 h^2} .

Between mixtures of normals it is exact, so that what samples say can be judged.
"""

import matplotlib.pyplot as plt
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

import kldiv

# %%
# A comb and a shift
# ------------------
# q is either a comb of fine teeth with the outline of p, or p moved by a third of its width.
p = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
teeth = torch.linspace(-3, 3, 13, dtype=torch.float64)
comb = MixtureSameFamily(Categorical(p.log_prob(teeth).exp()), Normal(teeth, 0.1))
moved = Normal(p.loc + 1 / 3, 1.0)

lengths = [10 ** (each / 10) for each in range(-15, 11)]
names = [f"mmd(bandwidth={h})" for h in lengths]
exact = {
    label: torch.stack([kldiv.divergence(p, q, name).value for name in names])
    for label, q in (("comb", comb), ("moved", moved))
}

fig, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2), layout="constrained")
x = torch.linspace(-4, 4, 801, dtype=torch.float64)
left.fill_between(x, p.log_prob(x).exp(), color="0.85", label="p")
for color, (label, q) in zip(("C0", "C1"), (("comb", comb), ("moved", moved)), strict=True):
    left.plot(x, q.log_prob(x).exp(), color=color, label=label)
    right.loglog(lengths, exact[label], color=color, label=label)
left.set(xlabel="x", ylabel="density")
right.set(xlabel="bandwidth $h$ (units of x)", ylabel=r"$\mathrm{MMD}^2$", ylim=(1e-7, 1))
left.legend()
right.legend()

# %%
# Below the width of the teeth the comb is far from p, and at ten times that it is the same thing,
# while the shift is best seen at the width of p itself:
best = {label: lengths[int(values.argmax())] for label, values in exact.items()}
print(best)
assert best["comb"] < 0.3 < best["moved"] < 3
assert exact["comb"][lengths.index(10**0.0)] < 1e-3 * exact["moved"][lengths.index(10**0.0)]

# %%
# What samples say
# ----------------
# Two samples of 300 points have an error that holds where the truth is small, too.
few = kldiv.Samples(points=300)
drawn = [kldiv.divergence(p, moved, name, estimator=few, seed=1) for name in names[::5]]
values = torch.stack([each.value for each in drawn])
errors = torch.stack([each.error for each in drawn])

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(lengths, exact["moved"], color="C1", label="exact")
ax.errorbar(lengths[::5], values, errors, fmt="o", color="0.3", label="two samples of 300")
ax.set(xscale="log", xlabel="bandwidth $h$ (units of x)", ylabel=r"$\mathrm{MMD}^2$")
ax.legend()

# %%
# The truth is within the error at every bandwidth:
assert ((values - exact["moved"][::5]).abs() <= errors).all()
