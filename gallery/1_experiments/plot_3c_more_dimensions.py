r"""
What is lost without correlations, in up to a hundred dimensions?
=================================================================

In the plane, a q without correlations misses its target by the same number of nats in both
directions. Here the plane is continued to a chain of d coordinates, each correlated with the next:

.. math:: p = N(0, \Sigma), \qquad \Sigma_{ij} = 0.9\, \rho^{|i - j|}, \qquad \rho = -7/9, \qquad
    D(p \parallel q_{\text{forward}}) = -\tfrac{d - 1}{2} \log(1 - \rho^2) .

Forward and reverse part company as soon as there is a third dimension.
"""

# sphinx_gallery_thumbnail_number = 1

import math

import matplotlib.pyplot as plt
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)

# %%
# Each chain is fitted in both directions by a q of one scale and by one of a scale for each axis.
RHO = -7 / 9
dimensions = (2, 3, 5, 10, 20, 50, 100)


def chain(size):
    """The target in some number of dimensions."""
    index = torch.arange(float(size))
    return MultivariateNormal(torch.zeros(size), 0.9 * RHO ** (index[:, None] - index).abs())


values, variances = {}, {}
for direction in ("forward", "reverse"):
    for shape in ("isotropic", "diagonal"):
        family = f"{shape}_normal"
        fits = [kldiv.fit(chain(d), family, direction=direction, starts=1) for d in dimensions]
        values[direction, shape] = torch.stack([fit.divergence.value for fit in fits])
        middle = [fit.q.variance[fit.q.mean.numel() // 2] for fit in fits]
        variances[direction, shape] = torch.stack(middle)

# %%
# The loss grows in proportion to d, and in reverse half as fast, for there q may shrink: to the
# variance that a coordinate has once its neighbours are known.
with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for (direction, shape), middle in variances.items():
        look = {"color": style.LIGHT[direction], "marker": "o", "markersize": 4}
        dashes = "-" if shape == "diagonal" else ":"
        if shape == "diagonal":
            left.plot(dimensions, values[direction, shape], label=direction, **look)
        right.plot(dimensions, middle, linestyle=dashes, label=f"{direction}, {shape}", **look)
    left.set(xlabel="dimension d", ylabel="divergence (nats)", title="what q misses")
    right.set(xlabel="dimension d", ylabel="variance", title="a middle coordinate of q")
    right.set(xscale="log", xticks=[2, 5, 10, 20, 50, 100], ylim=(0, 1))
    right.set_xticklabels(right.get_xticks().astype(int))
    right.minorticks_off()
    left.legend()
    right.legend(loc="center right", fontsize=9)

# %%
# The forward loss is that of the formula, with one scale or with many. The reverse one is equal to
# it in the plane and about half of it in a hundred dimensions.
links = torch.tensor(dimensions) - 1
for shape in ("isotropic", "diagonal"):
    forward, reverse = values["forward", shape], values["reverse", shape]
    assert (forward + links * math.log(1 - RHO**2) / 2).abs().max() < 1e-8
    assert abs(forward[0] - reverse[0]) < 1e-8
    assert abs(forward[0] - 0.464357) < 1e-6
    assert (reverse[1:] < 0.8 * forward[1:]).all()
    assert 0.51 < reverse[-1] / forward[-1] < 0.52

conditional = 0.9 * (1 - RHO**2) / (1 + RHO**2)
assert (variances["forward", "diagonal"] - 0.9).abs().max() < 1e-8
assert (variances["reverse", "diagonal"][1:] - conditional).abs().max() < 1e-6
