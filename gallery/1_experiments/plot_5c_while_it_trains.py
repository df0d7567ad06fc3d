r"""
What does q do while the loss falls?
====================================

The fit of the ten thousand steps, seen as q moves: from :math:`N(0, 1)` between the two bumps of
the target, by Adam on

.. math:: D(p \parallel q) = \int p \log \frac{p}{q}\,dx.

At a hundred times the original's rate Adam arrives in four thousand steps; a solver that knows the
curvature needs none of them.
"""

import torch

import kldiv

torch.set_default_dtype(torch.float64)

# %%
# All the way
# -----------
# It arrives, and the fit can say so: the gradient has vanished and the Hessian is positive.
adam = kldiv.Descent(torch.optim.Adam, lr=0.1, steps=4_000)
path = kldiv.fit("normal_sum", "normal", solver=adam, starts={"loc": 0.0, "scale": 1.0})
print(path)

assert path.converged
assert abs(path.parameters["loc"] - 2.5) < 1e-4
assert abs(path.parameters["scale"] - 7.566373) < 1e-4

# %%
# While it trains
# ---------------
# First q goes to the middle, which costs little width; then it widens, ever more slowly. The
# frames are equally far apart in what q moves, not in steps.
animation = path.animate(frames=30, size=(6.6, 2.9))
