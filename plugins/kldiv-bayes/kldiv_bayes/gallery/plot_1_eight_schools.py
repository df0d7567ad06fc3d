r"""
Can a fit stand in for draws of NUTS?
=====================================

A Pyro model is a target: its unknowns are mapped to real numbers, its data held. Eight schools can
be written in two ways that mean the same, by effects :math:`\theta_j` (centred) or by
:math:`\eta_j = (\theta_j - \mu) / \tau` (not centred). A normal distribution fits one of them, and
the fit says of the other that it must not be trusted.
"""

import time

import matplotlib.pyplot as plt
import pyro
import torch

from pyro.infer import MCMC, NUTS

import kldiv

from kldiv.pictures import style

# %%
# The reverse divergence needs neither draws of the posterior nor the evidence.
began = time.perf_counter()
targets = {
    "not centred": kldiv.targets.create("pyro_eight_schools"),
    "centred": kldiv.targets.create("pyro_eight_schools", centered=True),
}
fits = {
    name: kldiv.fit(target, "full_normal", direction="reverse", seed=1)
    for name, target in targets.items()
}
print(f"both fits took {time.perf_counter() - began:.1f} s")
print(*(f"{name}: {fit.verdict}" for name, fit in fits.items()), sep="\n")

# %%
# A fit has converged when no other normal distribution is nearer; whether the nearest is near is
# told by Pareto's :math:`\hat k` of the weights p/q, above 0.7 a sign that q misses a part of p.
# It is itself an estimate, by 2000 draws: other seeds say 0.4 to 0.8 of the first fit, and 0.7 to
# 1.0 of the second.
k_hat = {name: float(fit.diagnostics["pareto_k"]) for name, fit in fits.items()}
print(*(f"{name}: k = {k:.2f}" for name, k in k_hat.items()), sep="\n")

# %%
# Pyro's own sampler, on the same model, sees every part of it.
began = time.perf_counter()
first = targets["not centred"]
with torch.random.fork_rng():
    pyro.set_rng_seed(0)
    kernel = NUTS(first.model)
    chain = MCMC(kernel, num_samples=300, warmup_steps=150, disable_progbar=True)
    chain.run(*first.args, **first.kwargs)
drawn = chain.get_samples()
print(f"300 draws of NUTS took {time.perf_counter() - began:.1f} s")

# %%
# Its draws in the coordinates of both targets, with the ellipses of the fits at 1, 2 and 3
# standard deviations. As :math:`\tau` falls, the effects are pressed onto :math:`\mu`: in the
# centred coordinates the posterior is a funnel, whose neck the normal distribution leaves out.
effects = drawn["mu"].unsqueeze(-1) + drawn["tau"].unsqueeze(-1) * drawn["eta"]
points = {
    "not centred": targets["not centred"].to_unconstrained(drawn),
    "centred": targets["centred"].to_unconstrained(drawn | {"theta": effects}),
}
labels = {"not centred": r"$\eta_1$", "centred": r"$\theta_1$"}
angle = torch.linspace(0, 2 * torch.pi, 201, dtype=torch.float64)
circle = torch.stack([angle.cos(), angle.sin()])
with style.applied():
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained", sharey=True)
    for ax, (name, fit) in zip(axes, fits.items(), strict=True):
        ax.scatter(points[name][:, 2], points[name][:, 1], 9, style.DARK["p"], alpha=0.6, lw=0)
        pair = torch.tensor([2, 1])
        root = torch.linalg.cholesky(fit.q.covariance_matrix[pair][:, pair])
        for radius in (1, 2, 3):
            x, y = fit.q.mean[pair].unsqueeze(-1) + radius * (root @ circle)
            ax.plot(x, y, color=style.DARK["reverse"], lw=2 / radius)
        trusted = "trusted" if k_hat[name] < 0.7 else "not to be trusted"
        ax.set_title(rf"{name}: $\hat k$ = {k_hat[name]:.2f}, {trusted}")
        ax.set_xlabel(labels[name])
    axes[0].set_ylabel(r"$\log \tau$")

# %%
# The means of the fit that may be trusted, and those of the draws, in standard deviations:
fit, draws = fits["not centred"], points["not centred"]
apart = (fit.q.mean - draws.mean(0)) / draws.std(0)
print(f"the means differ by at most {float(apart.abs().max()):.2f} standard deviations")
assert k_hat["not centred"] < 0.7 < k_hat["centred"]
assert apart.abs().max() < 0.35
below = float((points["centred"][:, 1] < -0.5).double().mean())  # the neck
seen = torch.distributions.Normal(fits["centred"].q.mean[1], fits["centred"].q.variance[1].sqrt())
assert seen.cdf(torch.tensor(-0.5)) < below / 2
