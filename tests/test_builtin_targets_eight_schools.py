"""The eight schools: the density against the model, evidence, draws, moments."""

import math

import pytest
import torch

from torch.distributions import HalfCauchy, MultivariateNormal, Normal

import kldiv

from kldiv.builtin.targets.eight_schools import eight_schools
from kldiv.errors import InvalidType

EFFECTS = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12], dtype=torch.float64)
ERRORS = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18], dtype=torch.float64)
FIVE = torch.tensor(5.0, dtype=torch.float64)


def log_joint(mu, log_tau, theta):
    """The model as it is written, with the density of log tau."""
    tau = log_tau.exp()
    return (
        Normal(theta, ERRORS).log_prob(EFFECTS).sum(-1)
        + Normal(mu.unsqueeze(-1), tau.unsqueeze(-1)).log_prob(theta).sum(-1)
        + Normal(0.0, FIVE).log_prob(mu)
        + HalfCauchy(FIVE).log_prob(tau)
        + log_tau
    )


@pytest.fixture(scope="module")
def drawn():
    torch.manual_seed(0)
    return {centered: eight_schools(centered).sample((40_000,)) for centered in (False, True)}


@pytest.mark.parametrize("centered", [False, True])
def test_the_density_is_the_model_over_the_evidence(drawn, centered):
    target, x = eight_schools(centered), drawn[centered][:50]
    mu, log_tau, rest = x[:, 0], x[:, 1], x[:, 2:]
    if centered:
        expected = log_joint(mu, log_tau, rest)
    else:
        tau = log_tau.exp().unsqueeze(-1)
        expected = log_joint(mu, log_tau, mu.unsqueeze(-1) + tau * rest) + 8 * log_tau
    torch.testing.assert_close(target.log_prob(x), expected - target.log_evidence)


def test_the_evidence_is_that_of_an_integral_over_the_mean_and_the_scale():
    """With the effects integrated out, y_j is normal with variance sigma_j^2 + tau^2."""

    mu = torch.linspace(-35, 40, 751, dtype=torch.float64)
    log_tau = torch.linspace(-25, 9, 681, dtype=torch.float64)
    total = (ERRORS.square() + (2 * log_tau).exp().unsqueeze(-1)).sqrt()
    value = Normal(mu.reshape(-1, 1, 1), total).log_prob(EFFECTS).sum(-1)
    value = value + Normal(0.0, FIVE).log_prob(mu).unsqueeze(-1)
    value = value + HalfCauchy(FIVE).log_prob(log_tau.exp()) + log_tau
    cell = float((mu[1] - mu[0]) * (log_tau[1] - log_tau[0]))
    found = float(value.flatten().logsumexp(0)) + math.log(cell)
    assert found == pytest.approx(float(eight_schools().log_evidence), abs=1e-8)


@pytest.mark.parametrize("centered", [False, True])
def test_draws_have_the_moments_that_are_stated(drawn, centered):
    target, points = eight_schools(centered), drawn[centered]
    z = (points.mean(0) - target.mean) / (points.std(0) / math.sqrt(len(points)))
    assert z.abs().max() < 5
    off = points - target.mean
    products = off.unsqueeze(-1) * off.unsqueeze(-2)
    gap = (products.mean(0) - target.covariance_matrix).abs()
    assert (gap <= 5 * products.std(0) / math.sqrt(len(points))).all()
    torch.testing.assert_close(target.variance, target.covariance_matrix.diagonal())


def test_draws_follow_the_density(drawn):
    target, points = eight_schools(), drawn[False]
    inner = MultivariateNormal(target.mean, 0.5 * target.covariance_matrix)
    ratio = (inner.log_prob(points) - target.log_prob(points)).exp()
    stderr = float(ratio.std()) / math.sqrt(len(points))
    assert stderr < 0.1
    assert float(ratio.mean()) == pytest.approx(1, abs=5 * stderr)


def test_both_sets_of_coordinates_are_of_one_posterior(drawn):
    theta = drawn[False][:, 2:] * drawn[False][:, 1:2].exp() + drawn[False][:, :1]
    z = (theta.mean(0) - eight_schools(True).mean[2:]) / (theta.std(0) / math.sqrt(len(theta)))
    assert z.abs().max() < 5


def test_the_posterior_means_are_those_of_the_literature():
    """Stan's reference posterior: mu 4.4, the effects from 3.6 to 6.2."""
    mean = eight_schools(centered=True).mean
    assert float(mean[0]) == pytest.approx(4.4, abs=0.05)
    assert mean[2:].tolist() == pytest.approx([6.2, 4.9, 3.9, 4.8, 3.6, 4.0, 6.3, 4.9], abs=0.1)


@pytest.mark.parametrize("centered", [False, True])
def test_the_density_has_finite_slopes_also_far_out(drawn, centered):
    target = eight_schools(centered)
    x = drawn[centered][:20].clone().requires_grad_()
    assert torch.autograd.gradcheck(target.log_prob, x[:3])
    (slope,) = torch.autograd.grad(target.log_prob(100 * x).sum(), x)
    assert slope.isfinite().all()


def test_the_forward_optimum_has_the_moments_and_the_noncentered_one_is_nearer():
    near, far = (
        kldiv.fit(f"eight_schools(centered={centered})", "full_normal", seed=0)
        for centered in (False, True)
    )
    torch.testing.assert_close(near.parameters["loc"], eight_schools().mean)
    assert float(near.divergence) < 0.3 < 3 < float(far.divergence)


@pytest.mark.slow
def test_the_reverse_fit_comes_near():
    found = kldiv.fit("eight_schools", "diagonal_normal", direction="reverse")
    assert found.converged
    assert float(found.diagnostics["excess"]) <= 1e-3
    assert float(found.divergence) == pytest.approx(0.287, abs=0.01)


def test_centered_is_a_matter_of_yes_or_no():
    with pytest.raises(InvalidType, match="centered must be True or False, got 'yes'"):
        eight_schools("yes")
