r"""
What does transport see that ratios of densities do not?
========================================================

Two bumps that move apart share less and less, and soon nothing: then every f-divergence is at its
bound or infinite, and has no slope left to follow. Wasserstein's distance

.. math:: W_r(p, q) = \Bigl(\min_\pi \mathbb E_\pi |x - y|^r\Bigr)^{1/r}

grows with the way that mass has to go.
"""

import matplotlib.pyplot as plt
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal, Uniform

import kldiv

# %%
# An interval that leaves another one
# -----------------------------------
# From 1 on the two intervals share nothing.
shift = torch.linspace(0, 3, 61, dtype=torch.float64)
p, q = Uniform(torch.zeros_like(shift), 1.0), Uniform(shift, shift + 1)
transport = kldiv.divergence(p, q, "wasserstein")
variation = kldiv.divergence(p, q, "total_variation")

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for start, color, name in ((0.0, "C0", "p"), (1.8, "C1", "q")):
    left.fill_between([start, start + 1], 1, alpha=0.4, color=color, label=name)
left.annotate("", (1.8, 0.5), (0.5, 0.5), arrowprops={"arrowstyle": "->"})
left.set(xlabel="x", ylabel="density", title="shift 1.8")
left.legend()
right.plot(shift, transport.value, label="Wasserstein")
right.plot(shift, variation.value, "--", label="total variation")
right.axvline(1, color="0.7", linewidth=1)
right.set(xlabel="shift (units of x)", ylabel="distance")
right.legend()

# %%
# The one is the shift itself; the other is at its bound, 1, and flat:
assert (transport.value - shift).abs().max() < 1e-8
assert (variation.value[shift >= 1] - 1).abs().max() < 1e-6

# %%
# A fit that starts far away
# --------------------------
# The gradient of total variation is 0 where a start shares nothing with the target. By
# Wasserstein's distance every start is led there. Its optimum for a target of two bumps is a
# compromise in units of x: the mean is met, the spread nearly.
weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
bumps = Normal(torch.tensor([-3.0, 3.0], dtype=torch.float64), torch.tensor([1.0, 0.5]).double())
target = MixtureSameFamily(Categorical(weights), bumps)
far = {"loc": 15.0, "scale": 1.0}
fit = kldiv.fit(target, "normal", "wasserstein(order=2)", starts=far)
print(fit.verdict)

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
x = torch.linspace(-8, 8, 801, dtype=torch.float64)
ax.fill_between(x, target.log_prob(x).exp(), color="0.85", label="target")
ax.plot(x, fit.q.log_prob(x).exp().detach(), label=r"nearest normal by $W_2$")
ax.set(xlabel="x", ylabel="density")
ax.legend()

# %%
# It converged, on the mean of the target, with less than its deviation:
assert fit.converged
assert (fit.parameters["loc"] - target.mean).abs() < 1e-4
assert fit.parameters["scale"] < target.stddev
