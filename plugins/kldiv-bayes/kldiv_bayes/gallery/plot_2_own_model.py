r"""
How is a Pyro model of mine fitted?
===================================

A model as Pyro has it, with a constrained unknown and a plate of data, becomes a target by one
call. What the fit knows is asked for by the names of the model's statements.
"""

import matplotlib.pyplot as plt
import pyro
import torch

from kldiv_bayes import pyro_target
from pyro import distributions as dist
from pyro.infer import MCMC, NUTS

import kldiv

from kldiv.pictures import style

# %%
# A line through points of which some are far off: the noise has heavy tails and an unknown scale.
generator = torch.Generator().manual_seed(0)
x = torch.linspace(-1, 1, 30, dtype=torch.float64)
y = 1 + 2 * x + 0.3 * torch.randn(30, generator=generator, dtype=torch.float64)
y[[4, 17, 25]] += torch.tensor([3.0, -4.0, -2.5], dtype=torch.float64)


def model(x, y):
    """A line with Student's noise."""
    level = pyro.sample("level", dist.Normal(0.0, 5.0))
    slope = pyro.sample("slope", dist.Normal(0.0, 5.0))
    scale = pyro.sample("scale", dist.HalfNormal(1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("y", dist.StudentT(3.0, level + slope * x, scale), obs=y)


target = pyro_target(model, x, y)
print(target)

# %%
# Three real numbers are behind the unknowns; the third is the logarithm of the scale. The nearest
# normal distribution is found in a moment. Pareto's :math:`\hat k` of the weights p/q is below
# 0.7, so that it may be trusted.
fit = kldiv.fit(target, "full_normal", direction="reverse")
k_hat = float(fit.diagnostics["pareto_k"])
print(f"{fit.verdict}\nk = {k_hat:.2f}")

# %%
# Draws of the fit as values of the unknowns, beside Pyro's own of NUTS:
with torch.random.fork_rng():
    pyro.set_rng_seed(0)
    values = target.to_constrained(fit.q.sample((2000,)))
    kernel = NUTS(model)
    chain = MCMC(kernel, num_samples=300, warmup_steps=150, disable_progbar=True)
    chain.run(x, y)
drawn = chain.get_samples()

with style.applied():
    fig, axes = plt.subplots(2, 2, figsize=(6.4, 5), layout="constrained")
    left, *others = axes.flat
    lines = values["level"].unsqueeze(-1) + values["slope"].unsqueeze(-1) * x
    left.plot(x, lines[:40].T, color=style.DARK["reverse"], alpha=0.25, lw=1)
    left.scatter(x, y, 14, style.DARK["p"], zorder=3)
    left.set(xlabel="x", ylabel="y", title="40 lines of the fit")
    for ax, name in zip(others, ("level", "slope", "scale"), strict=True):
        low, high = torch.cat([values[name], drawn[name]]).aminmax()
        options = {"bins": 25, "range": (float(low), float(high)), "density": True}
        ax.hist(drawn[name], color=style.DARK["p"], alpha=0.5, label="NUTS", **options)
        line = {"color": style.DARK["reverse"], "histtype": "step", "lw": 2, "label": "fit"}
        ax.hist(values[name], **line, **options)
        ax.set(xlabel=name, yticks=[])
    others[0].legend()

# %%
# Means and spreads of both agree as nearly as 300 draws can tell.
for name in ("level", "slope", "scale"):
    apart = (values[name].mean() - drawn[name].mean()) / drawn[name].std()
    spread = values[name].std() / drawn[name].std()
    print(f"{name}: means differ by {float(apart):.2f} deviations, spreads by {float(spread):.2f}")
    assert abs(apart) < 0.25
    assert 0.8 < spread < 1.25
assert fit.converged
assert k_hat < 0.7
assert (values["scale"] > 0).all()
