r"""
Which wrong means and scales are equally wrong?
===============================================

The approximation :math:`q = \mathcal N(\mu, \sigma^2)` of the standard normal :math:`p` now has
both parameters wrong at once,

.. math:: D(p \parallel q) = \ln \sigma + \frac{1 + \mu^2}{2 \sigma^2} - \frac12 .

Each line of the map below joins approximations that are equally far from the target: to err in
the mean costs less when q owns to being unsure.
"""

import matplotlib.pyplot as plt
import torch

from torch.distributions import Normal

import kldiv

from kldiv.pictures import style
from kldiv.pictures.explorer import Densities, Explorer, LocationScale, Parameter

torch.set_default_dtype(torch.float64)

# %%
# A table in one call
# -------------------
# 41 means along the columns and 71 standard deviations along the rows broadcast to 2911
# approximations, and one call gives their divergences.
p = Normal(0.0, 1.0)
mu = torch.arange(-20, 21) / 10
sigma = torch.arange(10, 81)[:, None] / 20
estimate = kldiv.divergence(p, Normal(mu, sigma))
print(estimate)

formula = sigma.log() + (1 + mu**2) / (2 * sigma**2) - 0.5
assert estimate.value.shape == (71, 41)
assert (estimate.value - formula).abs().max() < 1e-12

# %%
# Explore it
# ----------
# Move the pointer over the map, drag a finger, or click and use the arrow keys. Beside the map are
# p and q at that place and the slices of the map through it, which can be hovered too. Stars mark
# where the divergence is least.
x, standard = torch.linspace(-8, 8, 241), torch.linspace(-9, 9, 361)
explorer = Explorer(
    Parameter("mu", mu, symbol="μ"),
    Parameter("sigma", sigma.squeeze(), symbol="σ"),
    estimate.value,
    Densities(x, p.log_prob(x).exp(), LocationScale(standard, p.log_prob(standard).exp())),
    start=(1.5, 1.0),
)
explorer

# %%
# What it pays to be unsure
# -------------------------
# Start at :math:`\mu = 1.5` and :math:`\sigma = 1`, where the divergence is 1.125 nats, and go up:
# it falls to 0.589 at :math:`\sigma = 1.8` and then rises. The best scale for a wrong mean counts
# the error as if it were spread, :math:`\sigma^2 = 1 + \mu^2`, and leaves
# :math:`\tfrac12 \ln(1 + \mu^2)` instead of :math:`\tfrac12 \mu^2`.
best = (1 + mu**2).sqrt()
least = kldiv.divergence(p, Normal(mu, best)).value
assert (sigma[estimate.value.argmin(0)].squeeze() - best).abs().max() < 0.05
assert (least - best.log()).abs().max() < 1e-12
assert (least <= estimate.value.min(0).values + 1e-12).all()

# %%
# Run by hand, this script ends in a window: the same explorer, the best scales drawn into its map.
figure = explorer.figure()
figure.axes[0].plot(mu, best, "--", color=style.LIGHT["ink"])
figure.axes[0].text(-1.2, 1.75, "best σ", color=style.LIGHT["ink"], fontsize=11)

plt.show()
