r"""
Who is moved by outliers?
=========================

Maximum likelihood, which is the Kullback-Leibler divergence from data, believes every point: a
few that lie far away move the fit as far as they like. The density power divergence

.. math:: D_\beta(p \parallel q) = \int q^{1 + \beta} - \Bigl(1 + \frac1\beta\Bigr) p\,q^\beta
    + \frac1\beta p^{1 + \beta} \,dx

asks data for no more than the mean of :math:`q^\beta`, so that points which q finds unlikely
hardly count. At :math:`\beta = 0` it is Kullback-Leibler's, at 1 the squared L2 distance.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import torch

import kldiv

from kldiv.pictures import style

torch.set_default_dtype(torch.float64)
colors = style.LIGHT

# %%
# Two hundred points of a standard normal, and ten that lie about 8.
points = torch.randn(200, generator=torch.Generator().manual_seed(0))
stray = 8 + 0.5 * torch.randn(10, generator=torch.Generator().manual_seed(1))
data = torch.cat([points, stray])

likely = kldiv.fit(data, "normal")
robust = kldiv.fit(data, "normal", "density_power(beta=0.5)")
print(robust)

# %%
# A twentieth of the points nearly doubles the scale of maximum likelihood. The other fit is that
# of the clean points, nearly.
assert likely.parameters["scale"] > 1.9
assert abs(robust.parameters["loc"] - points.mean()) < 0.1
assert abs(robust.parameters["scale"] - points.std()) < 0.1

x = torch.linspace(-5, 10, 301)
with style.applied():
    fig, ax = plt.subplots(figsize=(5.2, 3), layout="constrained")
    ax.hist(data, bins=60, range=(-5, 10), density=True, color=colors["p"], alpha=0.35)
    for fit, name, role in (
        (likely, "maximum likelihood", "reverse"),
        (robust, "density power, β = 0.5", "q"),
    ):
        ax.plot(x, fit.q.log_prob(x).exp(), color=colors[role], label=name)
    ax.set(xlabel="x", ylabel="density")
    ax.legend()

# %%
# How far one can go
# ------------------
# The ten move away from the others. Each fit begins at the last one's end. Maximum likelihood
# follows them for ever; at every :math:`\beta > 0` there is a place beyond which they are let go.
places = torch.linspace(0, 12, 41)
powers = (0.0, 0.1, 0.3, 1.0)


def moved_by(beta):
    """How far the ten move the fitted location, for each place of theirs."""
    divergence = f"density_power(beta={beta})" if beta else "kl"
    start = kldiv.fit(points, "normal", divergence).parameters
    alone, found = float(start["loc"]), []
    for place in places:
        moved = torch.cat([points, place + (stray - 8)])
        fit = kldiv.fit(moved, "normal", divergence, starts=start)
        assert fit.converged
        start = fit.parameters
        found.append(float(start["loc"]) - alone)
    return torch.tensor(found)


shifts = {beta: moved_by(beta) for beta in powers}
assert shifts[0.0].argmax() == 40
assert all(shift.argmax() < 25 and shift[-1] < 0.01 for beta, shift in shifts.items() if beta)

with style.applied():
    fig, ax = plt.subplots(figsize=(5.2, 3), layout="constrained")
    for beta, shift in shifts.items():
        role, shade = "q" if beta else "reverse", 1 - 0.7 * powers.index(beta) / len(powers)
        ax.plot(places, shift, color=colors[role], alpha=shade)
        place = int((shift > 0.3 * shift.max()).nonzero().max()) if beta else 13
        ax.annotate(
            f" β = {beta:g}",
            (places[place], shift[place]),
            fontsize=8,
            va="bottom" if beta else "top",
        )
    ax.set(
        xlabel="where the ten points lie", ylabel="how far they move the fit", ylim=(-0.01, 0.22)
    )

# %%
# The price
# ---------
# Where there are no outliers, the robust fit throws away a part of what the points say: its
# standard error is larger. The known ratio of variances is
# :math:`(1 + \beta^2 / (1 + 2\beta))^{3/2}`.
clean = torch.randn(20_000, generator=torch.Generator().manual_seed(2))
variances = [
    kldiv.fit(clean, "normal", name).diagnostics["covariance"][0, 0]
    for name in ("kl", "density_power(beta=0.5)")
]
assert abs(variances[1] / variances[0] - 1.125**1.5) < 0.03
print(f"the location has {float(variances[1] / variances[0]):.2f} times the variance")
