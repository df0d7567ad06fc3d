r"""
Is a normal distribution enough for a logistic regression?
==========================================================

With many data for each weight the posterior is nearly a normal distribution, and a fit that takes
a moment says the same as a chain of NUTS. Pareto's :math:`\hat k` tells so without the chain.
"""

import time

import matplotlib.pyplot as plt
import pyro
import torch

from pyro.infer import MCMC, NUTS
from torch.distributions import Normal

import kldiv

from kldiv.pictures import style

# %%
# 200 labels, made up, of points with an intercept and four slopes.
target = kldiv.targets.create("pyro_logistic_regression")
features, labels = target.args
began = time.perf_counter()
fit = kldiv.fit(target, "full_normal", direction="reverse")
k_hat = float(fit.diagnostics["pareto_k"])
print(f"the fit took {time.perf_counter() - began:.1f} s: {fit.verdict}")
print(f"k = {k_hat:.2f}, and {float(fit.diagnostics['effective_sample_size']):.0f} of 2000 draws")

# %%
# Pyro's own sampler, on the same model and data.
began = time.perf_counter()
with torch.random.fork_rng():
    pyro.set_rng_seed(0)
    chain = MCMC(NUTS(target.model), num_samples=400, warmup_steps=150, disable_progbar=True)
    chain.run(*target.args, **target.kwargs)
drawn = chain.get_samples()["weights"]
print(f"400 draws of NUTS took {time.perf_counter() - began:.1f} s")

# %%
# On the left the posterior of each weight, by draws of NUTS and by the fit. On the right what both
# expect of each of the 200 points: the chance of the label 1, averaged over the posterior.
names = ["intercept", *(f"slope {number}" for number in range(1, 5))]
with torch.random.fork_rng():
    torch.manual_seed(0)
    likely = {
        name: (weights @ features.mT).sigmoid().mean(0)
        for name, weights in {"fit": fit.q.sample((4000,)), "NUTS": drawn}.items()
    }
with style.applied():
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
    for row, (mean, deviation) in enumerate(zip(fit.q.mean, fit.q.variance.sqrt(), strict=True)):
        bars, edges = torch.histogram(drawn[:, row], 20, density=True)
        height = 0.8 * float(deviation) * (2 * torch.pi) ** 0.5  # so that a normal's top is 0.8
        options = {"color": style.DARK["p"], "alpha": 0.5, "label": None if row else "NUTS"}
        left.stairs(height * bars - row, edges, baseline=-row, fill=True, **options)
        x = torch.linspace(float(mean - 4 * deviation), float(mean + 4 * deviation), 101)
        curve = height * Normal(mean, deviation).log_prob(x).exp() - row
        left.plot(x, curve, color=style.DARK["reverse"], label=None if row else "fit")
    left.set(xlabel="weight", yticks=range(0, -5, -1), yticklabels=names, ylim=(-4.2, 1))
    left.set_title(rf"$\hat k$ = {k_hat:.2f}: the fit may be trusted")
    left.legend(loc="upper right")
    right.plot([0, 1], [0, 1], color=style.DARK["muted"], lw=1)
    right.scatter(likely["NUTS"], likely["fit"], 12, style.DARK["reverse"], alpha=0.7, lw=0)
    right.set(xlabel="chance of the label 1, by NUTS", ylabel="by the fit", aspect="equal")
    right.set_title("what is expected of each point")

# %%
# Means differ by no more than 400 draws can tell, spreads likewise, and what is expected of a
# point hardly at all.
apart = (fit.q.mean - drawn.mean(0)) / drawn.std(0)
spread = fit.q.variance.sqrt() / drawn.std(0)
expected = (likely["fit"] - likely["NUTS"]).abs().max()
print(f"means differ by at most {float(apart.abs().max()):.2f} standard deviations")
print(f"what is expected of a point differs by at most {float(expected):.3f}")
assert fit.converged
assert k_hat < 0.5
assert apart.abs().max() < 0.3
assert 0.8 < spread.min() < spread.max() < 1.25
assert expected < 0.03
