"""Distributions of scipy that torch lacks are evaluated and drawn by scipy."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

from torch.distributions import Normal, Uniform

import kldiv

from kldiv.adapters import as_distribution
from kldiv.adapters.univariate import ModernScipyDistribution, ScipyDistribution
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.landmarks import landmarks

F64 = torch.float64
modern = pytest.mark.skipif(not hasattr(scipy.stats, "Normal"), reason="scipy is older than 1.15")
SKEWED = scipy.stats.skewnorm([-3.0, 4.0], loc=1.0, scale=2.0)


def target(frozen):
    return DistributionTarget(as_distribution(frozen, "p"))


def standard():
    return Normal(torch.zeros((), dtype=F64), torch.ones((), dtype=F64))


def by_scipy(p, q, low, high):
    """KL between two densities, by scipy's own quadrature."""
    value, _ = scipy.integrate.quad(
        lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), low, high, epsabs=1e-12, epsrel=1e-12
    )
    return value


def test_its_density_shape_and_type_are_scipys():
    found = target(SKEWED)
    x = torch.linspace(-4, 6, 11, dtype=F64).unsqueeze(-1)
    assert isinstance(found.distribution, ScipyDistribution)
    assert (found.batch_shape, found.dtype, found.normalized) == ((2,), F64, True)
    assert np.array_equal(found.log_prob(x).numpy(), SKEWED.logpdf(x.numpy()))


def test_its_draws_follow_the_seed_and_the_density():
    found = target(SKEWED)
    first, second = (found.sample(torch.Size([20_000]), seed=3) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, found.sample(torch.Size([20_000]), seed=4))
    for column, shape in zip(first.unbind(-1), (-3.0, 4.0), strict=True):
        frozen = scipy.stats.skewnorm(shape, loc=1.0, scale=2.0)
        assert scipy.stats.kstest(column.numpy(), frozen.cdf).pvalue > 1e-4


def test_its_moments_tell_where_the_mass_is():
    (place,) = landmarks(target(SKEWED))
    np.testing.assert_allclose(place.centre.squeeze(-1), SKEWED.mean(), rtol=1e-12)
    np.testing.assert_allclose(place.scale.squeeze(-1), SKEWED.std(), rtol=1e-12)


def test_without_moments_its_quartiles_do():
    frozen = scipy.stats.levy(loc=5.0, scale=1e6)
    (place,) = landmarks(target(frozen))
    assert float(place.centre) == pytest.approx(frozen.median(), rel=1e-12)
    expected = (frozen.ppf(0.75) - frozen.ppf(0.25)) / (2 * scipy.stats.norm.ppf(0.75))
    assert float(place.scale) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("frozen", "low", "high"),
    [
        (scipy.stats.skewnorm(4.0), -8, 12),
        (scipy.stats.logistic(1.0, 0.3), -12, 14),
        (scipy.stats.truncnorm(-1.0, 2.0), -1, 2),
        (scipy.stats.triang(0.3, loc=-1.0, scale=2.0), -1, 1),
        (scipy.stats.loguniform(0.01, 10.0), 0.01, 10.0),
    ],
)
def test_divergences_from_it_are_those_by_scipys_quadrature(frozen, low, high):
    found = kldiv.divergence(frozen, standard())
    expected = by_scipy(frozen, scipy.stats.norm(), low, high)
    assert found.method == "quadrature"
    assert abs(float(found) - expected) <= float(found.error) + 1e-10 * expected


def test_counts_are_summed():
    p, q = scipy.stats.logser(0.6), scipy.stats.logser(0.8)
    found = kldiv.divergence(p, q)
    k = np.arange(1.0, 100)  # what is beyond has less than 0.6^100 = 1e-22
    expected = float((p.pmf(k) * (p.logpmf(k) - q.logpmf(k))).sum())
    assert found.method == "sum"
    assert float(found) == pytest.approx(expected, rel=1e-12)
    few = scipy.stats.hypergeom(20, 7, 12)
    exactly = scipy.stats.entropy(
        few.pmf(np.arange(8)), scipy.stats.binom(7, 0.6).pmf(np.arange(8))
    )
    assert float(kldiv.divergence(few, scipy.stats.binom(7, 0.6))) == pytest.approx(exactly, 1e-12)


def test_points_with_gaps_between_them_are_summed():
    p = scipy.stats.rv_discrete(values=([1, 2, 5], [0.2, 0.3, 0.5]))
    q = scipy.stats.rv_discrete(values=([1, 2, 4, 5], [0.1, 0.1, 0.4, 0.4]))
    expected = 0.2 * np.log(2) + 0.3 * np.log(3) + 0.5 * np.log(1.25)
    assert float(kldiv.divergence(p, q)) == pytest.approx(expected, rel=1e-12)
    assert float(kldiv.divergence(q, p)) == np.inf


def test_a_histogram_is_cut_at_its_bins():
    points = np.random.default_rng(0).normal(size=500)
    heights, edges = np.histogram(points, bins=12, density=True)
    found = kldiv.divergence(scipy.stats.rv_histogram((heights, edges)), standard())
    width = np.diff(edges)
    mass = heights * width
    # within a bin -log q has the mean log √(2π) + (b³ - a³) / 6 (b - a)
    cross = np.log(2 * np.pi) / 2 + np.diff(edges**3) / (6 * width)
    expected = (mass * (np.log(np.where(mass > 0, heights, 1.0)) + cross)).sum()
    assert float(found) == pytest.approx(expected, rel=1e-10)
    assert found.evaluations < 5_000


def test_its_density_is_differentiable_in_the_points():
    x = torch.tensor([[-1.0], [0.5], [3.0]], dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(target(SKEWED).log_prob(x).sum(), x)
    u, shape = (x.detach() - 1) / 2, torch.tensor([-3.0, 4.0], dtype=F64)
    hazard = torch.exp(-((shape * u) ** 2) / 2 - torch.special.log_ndtr(shape * u))
    expected = (-u + shape * hazard / (2 * torch.pi) ** 0.5).sum(-1, keepdim=True) / 2
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-10)


def test_gradients_at_a_moving_edge_see_its_slope():
    """KL(U(0, b) ‖ q) has the slope -1/b - mean of log q' over the way that its points move."""
    upper = torch.tensor(2.0, dtype=F64, requires_grad=True)
    q = scipy.stats.logistic(0.5, 1.0)

    def value(b):
        integral, _ = scipy.integrate.quad(q.logpdf, 0, b, epsabs=1e-13)
        return -np.log(b) - integral / b

    found = kldiv.divergence(Uniform(torch.zeros((), dtype=F64), upper), q)
    (slope,) = torch.autograd.grad(found.value, upper)
    step = 1e-3
    around = 8 * (value(2 + step) - value(2 - step)) - (value(2 + 2 * step) - value(2 - 2 * step))
    assert float(slope) == pytest.approx(around / (12 * step), rel=1e-8)


@modern
def test_the_new_interface_is_evaluated_likewise():
    for frozen, old in (
        (scipy.stats.make_distribution(scipy.stats.skewnorm)(a=4.0), scipy.stats.skewnorm(4.0)),
        (3.0 * scipy.stats.Normal() + 1.0, scipy.stats.norm(1.0, 3.0)),
        (scipy.stats.truncate(scipy.stats.Normal(), -1.0, 2.0), scipy.stats.truncnorm(-1.0, 2.0)),
    ):
        found = target(frozen)
        x = torch.linspace(-0.9, 1.9, 7, dtype=F64)
        assert isinstance(found.distribution, ModernScipyDistribution)
        np.testing.assert_allclose(found.log_prob(x).numpy(), old.logpdf(x.numpy()), rtol=1e-9)
        draws = found.sample(torch.Size([2_000]), seed=1)
        assert torch.equal(draws, found.sample(torch.Size([2_000]), seed=1))
        assert scipy.stats.kstest(draws.numpy(), old.cdf).pvalue > 1e-4
        pair = kldiv.divergence(frozen, standard()), kldiv.divergence(old, standard())
        assert float(pair[0]) == pytest.approx(float(pair[1]), rel=1e-8)


@modern
def test_a_mixture_of_other_parts_is_evaluated_by_scipy():
    parts = [scipy.stats.Normal(mu=0.0, sigma=1.0), scipy.stats.Uniform(a=-1.0, b=3.0)]
    mixture = scipy.stats.Mixture(parts, weights=[0.5, 0.5])
    found = kldiv.divergence(mixture, scipy.stats.Normal(), "squared_l2")
    # 1/4 ∫ (φ - 1/4 on [-1, 3])²
    inside = scipy.stats.norm.cdf(3) - scipy.stats.norm.cdf(-1)
    expected = (1 / (2 * np.sqrt(np.pi)) - inside / 2 + 1 / 4) / 4
    assert float(found) == pytest.approx(expected, rel=1e-9)
