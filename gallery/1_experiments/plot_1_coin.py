r"""
How far is a loaded coin from a fair one?
=========================================

A coin is fair, :math:`p = (0.5, 0.5)`; somebody takes it for one that shows heads seven times in
ten, :math:`q = (0.7, 0.3)`. The Kullback–Leibler divergence is the price of that mistake, in nats
a toss:

.. math:: D(p \parallel q) = \sum_x p(x) \ln \frac{p(x)}{q(x)} .

Its two terms are few enough to write down, to have the sum four ways, and to see how easily
torch's ``KLDivLoss`` is asked for something else.
"""

# sphinx_gallery_thumbnail_number = 2
import warnings

import matplotlib.pyplot as plt
import torch

from torch.distributions import Bernoulli, Categorical, kl_divergence
from torch.nn import KLDivLoss

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# Term by term
# ------------
# A log ratio for each side of the coin, weighted by how often that side truly falls, and summed:
p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.7, 0.3])
terms = p * (p / q).log()
total = terms.sum()

print(f"{'':8}{'p':>5}{'q':>5}{'ln(p/q)':>10}{'p ln(p/q)':>12}")
for side, a, b, term in zip(("heads", "tails"), p, q, terms, strict=True):
    print(f"{side:8}{a:5.1f}{b:5.1f}{(a / b).log():10.5f}{term:12.5f}")
print(f"{'sum':8}{p.sum():5.1f}{q.sum():5.1f}{total:22.5f}")

# %%
# Heads come less often than q expects: a negative term. Tails outweigh it, for what q thinks rare
# costs more than what it thinks common saves, and so the sum is never negative.
with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.9), layout="constrained")
    for shift, name, weights in ((-0.2, "p", p), (0.2, "q", q)):
        bars = left.bar([shift, 1 + shift], weights.tolist(), width=0.38, color=colors[name])
        left.bar_label(bars, [f"{name} = {weight:.1f}" for weight in weights], padding=2)
    left.set(ylabel="probability", xticks=[0, 1], xticklabels=["heads", "tails"], ylim=(0, 0.8))
    shades = colors["muted"], colors["muted"], colors["forward"]
    heights = [*terms.tolist(), float(total)]
    bars = right.bar(range(3), heights, bottom=[0, heights[0], 0], width=0.9, color=shades)
    right.bar_label(bars, fmt="{:+.4f}", label_type="center", color="white")
    right.axhline(0, color=colors["ink"], linewidth=0.8)
    right.set(ylabel="p ln(p/q), nats", xticks=range(3), ylim=(-0.18, 0.1))
    right.set_xticklabels(["heads", "tails", "sum"])

# %%
# The same number four ways
# -------------------------
# Torch's loss is the odd one out: it wants *the logarithm of q*, first, and then p as it is.
fair, loaded = Categorical(p), Categorical(q)
ways = {
    "the sum by hand": total,
    "torch.distributions.kl_divergence(fair, loaded)": kl_divergence(fair, loaded),
    'torch.nn.KLDivLoss(reduction="sum")(q.log(), p)': KLDivLoss(reduction="sum")(q.log(), p),
    "kldiv.divergence(fair, loaded)": kldiv.divergence(fair, loaded).value,
}
for way, value in ways.items():
    print(f"{value:.7f}  {way}")
    assert abs(value - 0.0871767) < 5e-8

# %%
# What goes wrong with ``KLDivLoss``
# ----------------------------------
# It takes any two tensors, so that a slip gives a number and no error. Its default even divides
# by the count of outcomes. Torch warns of that and advises ``"batchmean"``, which does the same
# to a pair that is not in a batch.
with warnings.catch_warnings(action="ignore"):
    slips = {
        "p first: this is D(q‖p)": KLDivLoss(reduction="sum")(p.log(), q),
        "logarithm forgotten: no divergence": KLDivLoss(reduction="sum")(q, p),
        'reduction="mean", the default': KLDivLoss()(q.log(), p),
        'reduction="batchmean", no batch': KLDivLoss(reduction="batchmean")(q.log(), p),
    }
for slip, value in slips.items():
    print(f"{value:7.4f} instead of {total:.4f}  {slip}")

swapped, not_logged, mean, batchmean = slips.values()
assert abs(swapped - kldiv.divergence(loaded, fair).value) < 1e-14
assert not_logged < 0
assert mean == batchmean
assert abs(mean - total / 2) < 1e-14

# %%
# Every other coin
# ----------------
# One call takes all coins q at once, to the ends. To think impossible what happens is infinitely
# wrong; the estimate says why, and no gradient is NaN.
chance = torch.linspace(0, 1, 201, requires_grad=True)
fair, loaded = Bernoulli(0.5), Bernoulli(chance)
forward, reverse = kldiv.divergence(fair, loaded), kldiv.divergence(loaded, fair).detach()
(gradient,) = torch.autograd.grad(forward.value.sum(), chance)
chance, forward = chance.detach(), forward.detach()

print("D(p‖q) at the ends:", *forward.value[[0, -1]].tolist(), "–", forward.reason)
assert forward.value[[0, -1]].isinf().all()
assert not gradient.isnan().any()
assert (reverse.value[[0, -1]] - torch.tensor(2.0).log()).abs().max() < 1e-14
assert forward.value[100] == reverse.value[100] == 0  # at the fair coin

# %%
# Both vanish at the fair coin only. Near it they agree; further out the divergence of p from q
# is the larger, without bound, while the fair coin allows for whatever a loaded one does.
with style.applied():
    fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    ax.axhline(0.6931, color=colors["line"], linewidth=1)
    ax.plot(chance, forward.value, color=colors["forward"])
    ax.plot(chance, reverse.value, color=colors["reverse"])
    ax.plot([0.7, 0.7], [total, swapped], "o", color=colors["q"])
    ax.text(0.06, 1.0, "D(p‖q), forward", color=colors["forward"])
    ax.text(-0.03, 1.52, "+∞", color=colors["forward"], fontsize=14)
    ax.text(0.97, 1.52, "+∞", color=colors["forward"], fontsize=14)
    ax.text(0.8, 0.06, "D(q‖p), reverse", color=colors["reverse"])
    ax.text(0.5, 0.71, "ln 2", color=colors["muted"], ha="center")
    ax.text(0.7, 0.15, "0.0872 and\n0.0823", color=colors["q"], ha="right")
    ax.set(xlabel="q(heads), where p(heads) = 0.5", ylabel="divergence, nats")
    ax.set(xlim=(0, 1), ylim=(0, 1.5))

plt.show()
