r"""
How does Le Cam's divergence compare with its neighbours?
=========================================================

Le Cam's divergence weighs the squared difference of two densities by their sum,

.. math:: \mathrm{LC}(p, q) = \frac12 \int \frac{(p - q)^2}{p + q}\, dx .

It is symmetric and at most 1, like the total variation and the squared Hellinger distance, between
whose multiples it lies. The plugin ``kldiv-example`` declares nothing but this formula; the
values, their errors and the fit below are derived from it.
"""

import math

import matplotlib.pyplot as plt
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

import kldiv

# %%
# Two normal distributions that move apart
# ----------------------------------------
# One call evaluates all distances at once: the means of q are a batch.
distance = torch.linspace(0, 6, 61, dtype=torch.float64)
p = Normal(torch.zeros_like(distance), 1.0)
q = Normal(distance, 1.0)

le_cam = kldiv.divergence(p, q, "le_cam")
variation = kldiv.divergence(p, q, "total_variation")
hellinger = kldiv.divergence(p, q, "squared_hellinger")
shannon = kldiv.divergence(p, q, "jensen_shannon")
print(f"by {le_cam.method}, with errors of at most {le_cam.error.max():.0e}")

# %%
# The squared Hellinger distance is a lower bound and twice it an upper one, because
# :math:`(\sqrt p + \sqrt q)^2` lies between :math:`p + q` and its double. In the same way the
# total variation V gives :math:`V^2 \leq \mathrm{LC} \leq V`. The Jensen–Shannon divergence,
# divided by its largest value, stays below.
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
upper = torch.minimum(2 * hellinger.value, variation.value)
lower = torch.maximum(hellinger.value, variation.value.square())
ax.fill_between(distance, lower, upper, alpha=0.2, label="where the bounds leave it")
ax.plot(distance, le_cam.value, linewidth=2.5, label="Le Cam")
ax.plot(distance, variation.value, "--", label="total variation")
ax.plot(distance, hellinger.value, ":", label="squared Hellinger")
ax.plot(distance, shannon.value / math.log(2), "-.", label=r"Jensen–Shannon$\,/\ln 2$")
ax.set(xlabel="distance of the means (standard deviations)", ylabel="divergence (at most 1)")
ax.legend()

# %%
# Each bound holds at every distance, up to the errors that the estimates state:
slack = le_cam.error + 2 * hellinger.error + 2 * variation.error
assert (le_cam.value <= upper + slack).all()
assert (le_cam.value >= lower - slack).all()
assert (shannon.value <= math.log(2) * le_cam.value + slack + shannon.error).all()
assert (kldiv.divergence(q, p, "le_cam").value - le_cam.value).abs().le(2 * le_cam.error).all()

# %%
# A normal distribution fitted to two bumps
# -----------------------------------------
# A divergence of at most 1 forgives what it cannot cover: its fit takes the larger bump. The
# Kullback–Leibler divergence does not, and spreads over both.
weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
bumps = Normal(torch.tensor([-3.0, 3.0], dtype=torch.float64), 1.0)
target = MixtureSameFamily(Categorical(weights), bumps)
fits = {name: kldiv.fit(target, Normal, name) for name in ("le_cam", "kl")}

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
x = torch.linspace(-8, 8, 801, dtype=torch.float64)
ax.fill_between(x, target.log_prob(x).exp(), color="0.85", label="target")
for name, fit in fits.items():
    ax.plot(x, fit.q.log_prob(x).exp().detach(), label=f"fitted by {name}")
ax.set(xlabel="x", ylabel="density")
ax.legend()

# %%
# The one sits on the larger bump, the other has the mean and the deviation of the whole target:
assert (fits["le_cam"].parameters["loc"] - 3).abs() < 0.1
assert (fits["kl"].parameters["loc"] - target.mean).abs() < 1e-6
assert (fits["kl"].parameters["scale"] - target.stddev).abs() < 1e-6

# %%
# Judged by Le Cam's divergence, the fit that made it small is the better one:
judged = {name: kldiv.divergence(target, fit.q, "le_cam") for name, fit in fits.items()}
assert judged["le_cam"].value + judged["le_cam"].error < judged["kl"].value
print({name: estimate.value.item() for name, estimate in judged.items()})
