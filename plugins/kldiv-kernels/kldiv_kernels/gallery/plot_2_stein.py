r"""
Does a sample come from a density that cannot be normalised?
============================================================

The kernel Stein discrepancy needs points on one side and only the score :math:`\nabla \log q` on
the other. Here samplers of the banana are judged, whose mass is never asked for.
"""

import matplotlib.pyplot as plt
import torch

import kldiv

# %%
# A density up to its mass, and three samples
# -------------------------------------------
# One is drawn from it, one has a bend too weak, one is a normal distribution of its moments.
target = kldiv.Target(
    lambda x: -x[..., 0].square() / 2 - 2 * (x[..., 1] - x[..., 0].square() / 2).square(),
    event_shape=(2,),
)
z = torch.randn(1500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
first, noise = z.unbind(-1)
samples = {
    "right": torch.stack([first, first.square() / 2 + noise / 2], -1),
    "bend too weak": torch.stack([first, first.square() / 4 + 0.25 + noise / 2], -1),
    "normal": torch.stack([first, 0.5 + 0.87 * noise], -1),
}
found = {
    name: kldiv.divergence(points, target, "kernel_stein", seed=0)
    for name, points in samples.items()
}

fig, axes = plt.subplots(2, 2, figsize=(6.4, 5), layout="constrained")
*planes, bars = axes.flat
grid = torch.stack(torch.meshgrid(*(torch.linspace(-3, 5, 120),) * 2, indexing="xy"), -1).double()
for ax, (name, points) in zip(planes, samples.items(), strict=True):
    ax.contourf(*grid.unbind(-1), target.log_prob(grid).exp(), cmap="Greys", levels=6, alpha=0.6)
    ax.scatter(*points[:300].T, s=3)
    ax.set(title=name, xlim=(-3, 3), ylim=(-2, 5), xlabel="$x_1$")
values = [float(each) for each in found.values()]
bars.barh(list(found), values, xerr=[float(each.error) for each in found.values()])
bars.invert_yaxis()
bars.set(xlabel="Stein discrepancy", xlim=(0, None))

# %%
# Of the right sample the discrepancy is within its error of 0, of the others it is not:
print({name: str(each) for name, each in found.items()})
assert float(found["right"]) <= float(found["right"].error)
for name in ("bend too weak", "normal"):
    assert float(found[name]) > float(found[name].error)
