r"""
How do points flow when a Sinkhorn divergence pulls them?
=========================================================

The Sinkhorn divergence of two samples is differentiable in their points. Its negative gradient
moves each point towards where mass is missing. Here a cloud becomes a ring, by nothing but

.. math:: \dot x_i = -N\,\nabla_{x_i} S_\epsilon(p_x, q) .
"""

import math

import matplotlib.pyplot as plt
import torch

import kldiv

# %%
# A cloud beside a ring
# ---------------------
generator = torch.Generator().manual_seed(0)
turn = torch.linspace(0, 2 * math.pi, 81, dtype=torch.float64)[:-1]
ring = 2 * torch.stack([turn.cos(), turn.sin()], -1)
cloud = 0.4 * torch.randn(80, 2, generator=generator, dtype=torch.float64) + 3
even = torch.full((80,), 1 / 80, dtype=torch.float64)

# %%
# Each step goes half of the way that the gradient asks for: for squared distances the whole way
# is N / 2 times it.
sinkhorn = kldiv.divergences.create("sinkhorn(epsilon=0.3)")
ways, values = [cloud], []
for _ in range(12):
    points = ways[-1].clone().requires_grad_()
    value = sinkhorn.compare(points, even, ring, even)
    (gradient,) = torch.autograd.grad(value, points)
    values.append(value.item())
    ways.append((points - 0.25 * 80 * gradient).detach())

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
steps = torch.stack(ways)
left.plot(steps[..., 0], steps[..., 1], color="0.8", linewidth=0.7)
left.scatter(*ring.T, s=60, facecolor="none", edgecolor="C1", label="ring")
left.scatter(*cloud.T, s=8, color="0.4", label="cloud")
left.scatter(*ways[-1].T, s=14, color="C0", label="after 12 steps")
left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
left.legend(loc="lower left", fontsize=7)
right.semilogy(values, marker="o", markersize=3)
right.set(xlabel="step", ylabel="Sinkhorn divergence (units of $x^2$)")

# %%
# The divergence falls at each step, to less than a hundredth, and the points lie on the ring:
assert (torch.tensor(values).diff() < 0).all()
assert values[-1] < values[0] / 100
assert (ways[-1].norm(dim=-1) - 2).abs().max() < 0.3
