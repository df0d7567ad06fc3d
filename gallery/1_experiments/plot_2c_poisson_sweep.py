r"""
What does a wrong rate of counting cost?
========================================

Events come at the rate :math:`\lambda_1`, the model says :math:`\lambda_2`. Each observed count
then costs, in nats,

.. math:: D(\mathrm{Poisson}(\lambda_1) \parallel \mathrm{Poisson}(\lambda_2))
    = \lambda_1 \ln \frac{\lambda_1}{\lambda_2} + \lambda_2 - \lambda_1 .

The sum behind this formula has no end. kldiv sums as many terms as matter and bounds the rest.
"""

import matplotlib.pyplot as plt
import torch

from matplotlib.animation import FuncAnimation
from torch.distributions import Poisson

import kldiv

from kldiv.pictures import style
from kldiv.pictures.explorer import Densities, Explorer, Parameter

torch.set_default_dtype(torch.float64)
colors = style.LIGHT


def formula(true_rate, rate):
    """The divergence between two Poisson distributions."""
    return true_rate * (true_rate / rate).log() + rate - true_rate


# %%
# The formula against the sum
# ---------------------------
p = Poisson(torch.tensor(4.0))
rates = torch.arange(1.0, 11.0)
exact = kldiv.divergence(p, Poisson(rates))
summed = kldiv.divergence(p, Poisson(rates), estimator="sum")

print(exact)
print(summed)
assert (exact.value - formula(p.rate, rates)).abs().max() < 1e-12
assert ((summed.value - exact.value).abs() <= summed.error + exact.error).all()

# %%
# A model that never expects an event is infinitely wrong as soon as there is one:
never = kldiv.divergence(p, Poisson(torch.tensor(0.0)))
print(never)
assert never.value.isinf()

# %%
# The rate of the model moves
# ---------------------------
# To think events rarer than they are costs more than to think them as much more frequent: at
# two below the truth 0.77 nats, at two above it 0.38.
path, fine = torch.linspace(0.5, 10, 20), torch.linspace(0.5, 10, 191)
counts = torch.arange(0.0, 17.0)
probabilities = Poisson(path[:, None]).log_prob(counts).exp().numpy()
cost = kldiv.divergence(p, Poisson(path)).value
assert cost[path == 2] > 2 * cost[path == 6]

with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6, 2.9), dpi=80, layout="constrained")
    fig.get_layout_engine().set(wspace=0.06)
    left.set(xlabel="count", ylabel="probability", xticks=range(0, 17, 4), ylim=(0, 0.63))
    left.set_title("p: rate 4", color=colors["p"])
    title_q = left.set_title("q", color=colors["q"], loc="right")
    left.bar(counts.numpy(), p.log_prob(counts).exp().numpy(), color=colors["p"], alpha=0.35)
    (heads,) = left.plot(counts, probabilities[0], "o", color=colors["q"], markersize=5)
    stems = left.vlines(counts, 0, probabilities[0], color=colors["q"])
    right.set(xlabel="rate of q", ylabel="D(p‖q), nats", xticks=range(0, 11, 2))
    title = right.set_title("D(p‖q)")
    right.plot(fine, kldiv.divergence(p, Poisson(fine)).value, color=colors["forward"])
    right.plot(
        rates, summed.value, "o", color="white", markeredgecolor=colors["ink"], markersize=5
    )
    right.text(0.55, 0.9, "○ by the sum", transform=right.transAxes, ha="center")
    (point,) = right.plot([], [], "o", color=colors["q"], markersize=9)


def show(frame):
    """Draws q at one rate, and its point on the curve."""
    heads.set_ydata(probabilities[frame])
    stems.set_segments([[(x, 0), (x, y)] for x, y in enumerate(probabilities[frame])])
    title_q.set_text(f"q: rate {path[frame]:.1f}")
    point.set_data([path[frame]], [cost[frame]])
    title.set_text(f"D(p‖q) = {cost[frame]:.3f} nats")


animation = FuncAnimation(fig, show, len(path), interval=200)
fig.canvas.draw()
fig.set_layout_engine("none")  # laid out once, not for each frame
plt.show()

# %%
# Both rates move
# ---------------
# One call for 1521 pairs. On the diagonal the model is right, below it the model expects too few.
# The valley is narrow where counts are few and widens along the way, but doubling both rates
# doubles the divergence: what counts is the relative error, weighted by the count itself.
rate = torch.arange(2, 41) / 4
p, q = Poisson(rate), Poisson(rate[:, None])
table = kldiv.divergence(p, q).value
doubled = kldiv.divergence(Poisson(2 * rate), Poisson(2 * rate[:, None])).value
assert (table - formula(p.rate, q.rate)).abs().max() < 1e-12
assert (doubled - 2 * table).abs().max() < 1e-12

counts = torch.arange(0.0, 21.0)
of_p, of_q = p.log_prob(counts[:, None]).exp().T, q.log_prob(counts).exp()[:, None]
explorer = Explorer(
    Parameter("rate-p", rate, symbol="λ₁"),
    Parameter("rate-q", rate, symbol="λ₂"),
    table,
    Densities(counts, of_p, of_q, discrete=True),
    start=(4.0, 2.0),
)
explorer
