r"""
Which round normal is nearest to a correlated one?
==================================================

The target p is a normal distribution of the plane whose coordinates lean against each other; q may
only be round. There are two answers, because there are two divergences:

.. math:: p = N(0, \Sigma), \quad \Sigma = \begin{pmatrix} 0.9 & -0.7 \\ -0.7 & 0.9 \end{pmatrix},
    \qquad q = N(s, \alpha I), \qquad
    \alpha_{\text{forward}} = \tfrac12 \operatorname{tr} \Sigma, \quad
    \alpha_{\text{reverse}} = 2 / \operatorname{tr} \Sigma^{-1} .

Forward, :math:`D(p \parallel q)`, q spreads until it covers p; reverse, :math:`D(q \parallel p)`,
it shrinks until it fits inside. Both then miss p by exactly the same number of nats.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import maps, style

torch.set_default_dtype(torch.float64)

# %%
# Two directions, two answers
# ---------------------------
# Both fits begin at :math:`s = (0.3, -0.2)`, :math:`\alpha = 1`. The family's parameters are the
# mean ``loc`` and the standard deviation ``scale``, so :math:`\alpha` is the square of ``scale``.
p = kldiv.targets.create("correlated_normal")
start = {"loc": [0.3, -0.2], "scale": 1.0}
fits = {
    direction: kldiv.fit(p, "isotropic_normal", direction=direction, starts=start)
    for direction in ("forward", "reverse")
}
alpha = {direction: float(fit.parameters["scale"] ** 2) for direction, fit in fits.items()}
for direction, fit in fits.items():
    print(f"{direction}: alpha = {alpha[direction]:.6f}, {float(fit.divergence):.6f} nats")

# %%
# That the two values are equal is no accident: in the plane, the two :math:`\alpha` multiply to
# :math:`\det \Sigma`.
sigma = p.covariance_matrix
assert abs(alpha["forward"] - sigma.trace() / 2) < 1e-6
assert abs(alpha["reverse"] - 2 / sigma.inverse().trace()) < 1e-6
assert all(fit.parameters["loc"].abs().max() < 1e-6 for fit in fits.values())
assert all(abs(float(fit.divergence) - 0.464357) < 1e-6 for fit in fits.values())
assert abs(alpha["forward"] * alpha["reverse"] - sigma.det()) < 1e-6

# %%
# The target, and each answer as a heat map under the target's contours, drawn at 1, 2 and 3
# standard deviations:
line = torch.linspace(-5, 5, 301)
plane = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
ridge = p.log_prob(plane).exp()

with style.applied():
    fig, axes = plt.subplots(1, 3, figsize=(7, 2.75), sharey=True, layout="constrained")
    maps.draw_heat(axes[0], line, line, ridge, "p")
    axes[0].set(title="target p", ylabel="$x_2$")
    for ax, (direction, fit) in zip(axes[1:], fits.items(), strict=True):
        maps.draw_heat(ax, line, line, fit.q.log_prob(plane).exp(), "q")
        maps.draw_contours(ax, line, line, ridge)
        ax.set_title(f"{direction}: α = {alpha[direction]:.4g}", color=style.LIGHT[direction])
    for ax in axes:
        ax.set(xlabel="$x_1$", xticks=[-4, -2, 0, 2, 4])

# %%
# Three shapes of q
# -----------------
# The text of the original gave p the mean (0.3, −0.2), its program 0. Only the mean of q depends
# on it; variances and values stay as they were. With two variances, 1.6 and 0.4 say, a q with a
# scale for each axis does better than a round one, and only one with correlations loses nothing.
target = "correlated_normal(loc=[0.3, -0.2], variance=[1.6, 0.4])"
leaning = kldiv.targets.create(target).log_prob(plane).exp()

with style.applied():
    fig, axes = plt.subplots(1, 3, figsize=(7, 2.3), sharey=True, layout="constrained")
    for ax, shape in zip(axes, ("isotropic", "diagonal", "full"), strict=True):
        values = []
        maps.draw_heat(ax, line, line, leaning, "p")
        maps.draw_contours(ax, line, line, leaning, "white", radii=[2])
        for direction in ("forward", "reverse"):
            fit = kldiv.fit(target, f"{shape}_normal", direction=direction)
            member = fit.q.log_prob(plane).exp()
            maps.draw_contours(ax, line, line, member, style.DARK[direction], radii=[2])
            values.append(float(fit.divergence))
            assert (fit.parameters["loc"] - torch.tensor([0.3, -0.2])).abs().max() < 1e-6
        assert abs(values[0] - values[1]) < 1e-6
        ax.set(title=f"{shape}: {abs(values[0]):.2f} nats", xlabel="$x_1$")
        ax.set(xticks=[-4, -2, 0, 2, 4], ylim=(-3.8, 3.4))
    axes[0].set_ylabel("$x_2$")

# %%
# The ellipses stand at 2 standard deviations, of p in white, of the forward answer in green and of
# the reverse one in pink. The forward ones are as wide and as high as p; the reverse ones keep
# inside of it. In the plane both lose the same, whatever the variances; not so in more dimensions.
for direction in ("forward", "reverse"):
    moved = kldiv.fit(
        "correlated_normal(loc=[0.3, -0.2])", "isotropic_normal", direction=direction
    )
    assert abs(moved.parameters["scale"] ** 2 - alpha[direction]) < 1e-6
    assert abs(float(moved.divergence) - 0.464357) < 1e-6
