"""Quantiles of gamma variables: against scipy, their derivative, and where numbers end."""

import math

import pytest
import scipy.special
import torch

from torch.distributions import Beta, Dirichlet, Gamma, Independent

import kldiv

from kldiv.estimators.sampling.gamma_quantiles import gamma_log_quantile
from kldiv.estimators.sampling.quasi_random import cube_map, sobol

F64 = torch.float64
CONCENTRATIONS = torch.tensor([0.05, 0.3, 1.0, 4.0, 200.0], dtype=F64)
SHARES = torch.tensor([1e-9, 0.01, 0.4, 0.97, 1 - 1e-12], dtype=F64)


def test_they_are_scipys():
    a, u = CONCENTRATIONS.unsqueeze(1), SHARES
    found = gamma_log_quantile(a, u).exp()
    expected = torch.as_tensor(scipy.special.gammaincinv(a.numpy(), u.numpy()))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_the_derivative_is_that_of_the_quantile():
    a = CONCENTRATIONS.unsqueeze(1).expand(-1, len(SHARES)).clone().requires_grad_()
    (found,) = torch.autograd.grad(gamma_log_quantile(a, SHARES).sum(), a)
    step = 1e-4 * a.detach()
    ahead, behind = (gamma_log_quantile(a.detach() + s, SHARES) for s in (step, -step))
    torch.testing.assert_close(found, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-9)


def test_the_logarithm_goes_on_where_the_quantile_is_no_number():
    a = torch.tensor([1e-3, 1e-2], dtype=F64, requires_grad=True)
    found = gamma_log_quantile(a, torch.full((), 1e-5, dtype=F64))
    expected = (math.log(1e-5) + torch.lgamma(a + 1)) / a
    torch.testing.assert_close(found, expected)
    assert torch.autograd.grad(found.sum(), a)[0].isfinite().all()


@pytest.mark.parametrize(
    "member",
    [
        Gamma(torch.tensor([0.5, 3.0], dtype=F64), torch.tensor(2.0, dtype=F64)),
        Beta(torch.tensor([0.5, 3.0], dtype=F64), torch.tensor(2.0, dtype=F64)),
        Dirichlet(torch.tensor([0.5, 3.0, 1.0], dtype=F64)),
        Independent(Gamma(torch.tensor([0.5, 3.0], dtype=F64), torch.tensor(2.0, dtype=F64)), 1),
    ],
)
def test_the_cube_becomes_the_distribution(member):
    found = cube_map(member)
    points = found.transport(sobol(4096, (1, *member.batch_shape, found.dimensions), 0)[0])
    assert member.support.check(points).all()
    torch.testing.assert_close(points.mean(0), member.mean, rtol=2e-3, atol=0)
    torch.testing.assert_close(points.var(0), member.variance, rtol=2e-2, atol=0)


def test_an_estimate_is_drawn_by_torch():
    few = Dirichlet(torch.tensor([0.02, 0.02, 0.02], dtype=F64))
    assert cube_map(few).moving
    other = Dirichlet(torch.tensor([2.0, 3.0, 4.0], dtype=F64))
    exact, drawn = (
        kldiv.divergence(few, other, estimator=name, seed=0) for name in ("exact", "monte_carlo")
    )
    assert (exact.value - drawn.value).abs() <= drawn.error


def test_a_dirichlet_is_fitted_to_a_log_density_on_the_simplex():
    powers = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    target = kldiv.Target(
        lambda x: (powers * x.log()).sum(-1),
        event_shape=(3,),
        support=torch.distributions.constraints.simplex,
    )
    found = kldiv.fit(target, "dirichlet", direction="reverse")
    assert found.converged
    truth = Dirichlet(powers + 1)
    assert torch.distributions.kl_divergence(found.q, truth) <= 4 * found.diagnostics["excess"]
