r"""
When is a divergence infinite?
==============================

The forward divergence adds up :math:`p \log(p/q)`. Where p is 0 and q is not, that is 0; where q
is 0 and p is not, it is :math:`+\infty`, however little mass p has there:

.. math:: D(p \parallel q) = \int p \log \frac{p}{q}\, dx, \qquad
    0 \log \frac{0}{q} = 0, \qquad p \log \frac{p}{0} = +\infty .

This is why a forward fit must cover everything, and why a reverse fit must not leave p. Two
uniform distributions show both.
"""

# sphinx_gallery_thumbnail_number = 1

import math

import matplotlib.pyplot as plt
import torch

from torch.distributions import Normal, Uniform

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)

# %%
# With p on [0, 1] and q on [0, 2] the divergence is :math:`\ln 2`. With p and q exchanged, half
# of p has no q under it. The estimate is infinite and says why.
narrow, wide = Uniform(0.0, 1.0), Uniform(0.0, 2.0)
finite, infinite = kldiv.divergence(narrow, wide), kldiv.divergence(wide, narrow)
print(finite, infinite, sep="\n")
assert abs(float(finite) - math.log(2)) < 1e-12
assert float(infinite) == math.inf
assert infinite.reason

# %%
x = torch.linspace(-0.6, 2.6, 641)
with style.applied():
    fig, axes = plt.subplots(
        2, 2, figsize=(7, 3.6), sharex=True, sharey="row", layout="constrained"
    )
    for column, (p, q) in zip(axes.T, ((narrow, wide), (wide, narrow)), strict=True):
        heights = [((x >= s.low) & (x <= s.high)) / (s.high - s.low) for s in (p, q)]
        style.draw_density(column[0], x, heights[0], "p")
        style.draw_density(column[0], x, heights[1], "q")
        integrand = torch.special.xlogy(heights[0], heights[0] / heights[1]).nan_to_num(posinf=9)
        column[1].fill_between(x, integrand, color=style.LIGHT["forward"], alpha=0.4, linewidth=0)
        column[1].plot(x, integrand, color=style.LIGHT["forward"], linewidth=1.5)
        column[1].set(xlabel="x", ylim=(-0.5, 1.6))
    axes[0, 0].set(ylabel="density", title="D(p‖q) = ln 2")
    axes[0, 1].set(title="D(p‖q) = +∞")
    axes[1, 0].set_ylabel("p log(p/q), nats")
    axes[1, 1].text(1.5, 0.7, "+∞", ha="center", va="center", fontsize=16)
    axes[0, 0].legend()

# %%
# Small tails count
# -----------------
# A normal p has :math:`2 \cdot 10^{-9}` of its mass outside of [−6, 6]. A uniform q on that
# interval misses it, and no sum over a grid of [−6, 6] would notice. The other way round nothing
# is missed.
bell, plateau = Normal(0.0, 1.0), Uniform(-6.0, 6.0)
missed, held = kldiv.divergence(bell, plateau), kldiv.divergence(plateau, bell)
grid = torch.linspace(-6, 6, 1201)
summed = 0.01 * (bell.log_prob(grid).exp() * (bell.log_prob(grid) + math.log(12))).sum()
print(f"by a grid {summed:.4f}, by kldiv {float(missed)}; the other way round {float(held):.4f}")
assert float(missed) == math.inf
assert abs(summed - (math.log(12) - bell.entropy())) < 1e-6
assert abs(float(held) - (math.log(2 * math.pi) / 2 + 6 - math.log(12))) < 1e-9

# %%
# Divergences that are bounded have a value in every case: half of p is missed, and half of the
# bound is what it costs.
assert abs(float(kldiv.divergence(wide, narrow, "total_variation")) - 0.5) < 1e-9
assert abs(float(kldiv.divergence(bell, plateau, "squared_hellinger"))) < 1
