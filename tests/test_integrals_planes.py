"""Integrals over the plane: ridges, kinks, tails, limits."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import Exponential, Independent, MultivariateNormal, Normal, StudentT

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.resolving import as_target
from tests.axis import F64, double

ZERO = torch.zeros(2, dtype=F64)


def correlated(correlation, *scales):
    s, t = scales or (1.0, 1.0)
    return MultivariateNormal(
        ZERO, double([s * s, correlation * s * t], [correlation * s * t, t * t])
    )


@pytest.mark.parametrize("correlation", [0.0, 0.9, -0.999, 1 - 1e-6])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1e-3, 1e4)])
def test_a_ridge_is_as_wide_as_any_other_line(correlation, scales):
    target = DistributionTarget(correlated(correlation, *scales))
    found, errors = kldiv.Quadrature().expectations(target, lambda x: (x[..., 0] * x[..., 1],))
    exact = correlation * scales[0] * scales[1]
    assert abs(float(found[0]) - 1) <= float(errors[0]) <= 1e-7
    assert abs(float(found[1]) - exact) <= float(errors[1]) + 1e-12 * scales[0] * scales[1]


def test_a_bare_ridge_is_found_too():
    precision = torch.linalg.inv(double([1.0, 0.99], [0.99, 1.0]))
    target = kldiv.Target(lambda x: -((x @ precision) * x).sum(-1) / 2, event_shape=(2,))
    mass, error = kldiv.Quadrature().mass(target)
    exact = 2 * math.pi * math.sqrt(1 - 0.99**2)
    assert abs(float(mass) - exact) <= float(error) <= 1e-6


def test_a_moment_of_the_plane_may_be_infinite():
    target = DistributionTarget(Independent(StudentT(double(2.0, 9.0)), 1))
    found, _ = kldiv.Quadrature().expectations(
        target, lambda x: (x[..., 0].square(), x[..., 1].square())
    )
    assert found.isinf().tolist() == [False, True, False]


def test_gradients_are_those_of_the_exact_value():
    loc = double(0.3, -0.2).requires_grad_()
    p, q = MultivariateNormal(loc, torch.eye(2, dtype=F64)), correlated(0.5)
    value = kldiv.divergence(p, q, estimator="quadrature").value
    (slope,) = torch.autograd.grad(value, loc)
    expected = torch.linalg.solve(q.covariance_matrix, loc.detach())
    assert torch.allclose(slope, expected, rtol=1e-7)


@pytest.mark.parametrize("divergence", ["kl", "total_variation"])
@pytest.mark.parametrize("most", [1, 3_000, 10_000, 30_000, 100_000])
def test_no_more_is_spent_than_allowed_and_the_error_covers(divergence, most):
    p, q = correlated(0.0), MultivariateNormal(ZERO + 1, 2 * torch.eye(2, dtype=F64))
    found = kldiv.divergence(p, q, divergence, estimator=kldiv.Quadrature(max_evaluations=most))
    precise = kldiv.divergence(p, q, divergence, estimator="quadrature")
    assert found.evaluations <= max(most, 3_000)
    assert abs(float(found) - float(precise)) <= float(found.error) + float(precise.error)


def test_needles_in_a_haystack_end():
    def rings(x):
        return -(20 * x.square().sum(-1)).sin().square() * 50 - x.square().sum(-1) / 2

    target = kldiv.Target(rings, event_shape=(2,))
    mass, error = kldiv.Quadrature(max_evaluations=100_000).mass(target)
    # one period in r² has the mean exp(-25) I(25) of exp(-50 sin²)
    exact = 2 * math.pi * float(torch.special.i0e(double(25.0)))
    assert abs(float(mass) - exact) <= float(error)


@pytest.mark.parametrize(("width", "bend", "narrow"), [(1, 0.5, 0.5), (10, -0.03, 1), (3, 1, 0.2)])
def test_a_density_bent_along_a_parabola_is_followed_far_out(width, bend, narrow):
    def banana(x):
        along, across = x.unbind(-1)
        return (
            -(((along - 1) / width).square() + ((across - bend * along**2) / narrow).square()) / 2
        )

    target = kldiv.Target(banana, event_shape=(2,))
    mass, error = kldiv.Quadrature().mass(target, nodes=lambda _: None)
    assert abs(float(mass) - 2 * math.pi * width * narrow) <= float(error) < 1e-7


def test_each_of_two_bent_densities_has_its_own_ridge():
    def banana(bend):
        def log_prob(x):
            along, across = x.unbind(-1)
            return -(along.square() + 4 * (across - bend * along**2).square()) / 2

        return kldiv.Target(log_prob, event_shape=(2,))

    found = kldiv.divergence(banana(0.5), banana(-0.5), estimator="quadrature")
    # E 2 (x²)² of a standard normal
    assert abs(float(found) - 6) <= float(found.error) < 1e-5


def test_half_planes_have_ends():
    p, q = (Independent(Exponential(double(a, b)), 1) for a, b in [(1.0, 2.0), (3.0, 0.5)])
    found = kldiv.divergence(p, q, estimator="quadrature")
    exact = math.log(1 / 3) + 3 - 1 + math.log(2 / 0.5) + 0.25 - 1
    assert abs(float(found) - exact) <= float(found.error) <= 1e-7


def test_far_modes_are_both_seen():
    modes = MultivariateNormal(
        double([-500.0, 3.0], [500.0, -3.0]), 1e-2 * torch.eye(2, dtype=F64)
    )
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(double(0.3, 0.7)), modes
    )
    mass, error = kldiv.Quadrature().mass(DistributionTarget(mixture))
    assert abs(float(mass) - 1) <= float(error) <= 1e-6


def test_elements_of_a_batch_are_integrated_apart():
    q = Independent(Normal(torch.arange(6.0, dtype=F64).reshape(3, 2), 1.0), 1)
    found = kldiv.divergence(correlated(0.0), q, estimator="quadrature")
    assert torch.allclose(found.value, q.mean.square().sum(-1) / 2, rtol=1e-8)


def test_two_far_clusters_of_kernels_have_the_mass_1():
    noise = np.random.default_rng(5).normal(size=(2, 40)) * 1e-3
    data = noise + np.where(np.arange(40) < 20, 0.0, 1e3)
    mass, error = kldiv.Quadrature().mass(as_target(scipy.stats.gaussian_kde(data), "p"))
    assert abs(float(mass) - 1) <= float(error) <= 1e-7


@pytest.mark.parametrize("seed", [0, 10, 14, 48, 49, 54])
def test_the_error_covers_where_lines_across_touch_the_crossing_of_the_densities(seed):
    """In units of p, one density is the greater in a disc; its mass there is a chi-square's."""
    generator = torch.Generator().manual_seed(seed)
    scale = 0.2 + 3 * torch.rand((), generator=generator, dtype=F64).item()
    shift, root = (torch.randn(*n, generator=generator, dtype=F64) for n in ((2,), (2, 2)))
    centre = shift / (1 - scale**2)
    from_p, from_q = float(centre.square().sum()), float((centre - shift).square().sum())
    bend = 1 / scale**2 - 1
    radius = from_p - (float(shift.square().sum()) / scale**2 + 4 * math.log(scale)) / bend
    inside = scipy.stats.ncx2.cdf([radius, radius / scale**2], 2, [from_p, from_q / scale**2])
    p = MultivariateNormal(torch.zeros(2, dtype=F64), root @ root.T)
    q = MultivariateNormal(root @ shift, scale**2 * root @ root.T)
    found = kldiv.divergence(p, q, "total_variation", estimator="quadrature")
    assert abs(float(found.value) - abs(inside[0] - inside[1])) <= float(found.error) <= 1e-7
