"""What torch has too is translated: the density is the same at every point, in torch's terms."""

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import TransformedDistribution

import kldiv

from kldiv.adapters import as_distribution
from kldiv.adapters.numpy_distribution import NumpyDistribution
from kldiv.definitions.target import DistributionTarget

TWO = np.array([0.7, 2.5])  # a batch of two

CONTINUOUS = {
    "beta": scipy.stats.beta(TWO, 3.0),
    "beta moved": scipy.stats.beta(2.0, TWO, loc=-1.0, scale=4.0),
    "cauchy": scipy.stats.cauchy(TWO, 2.0),
    "chi2": scipy.stats.chi2(3.0, scale=TWO),
    "expon": scipy.stats.expon(scale=TWO),
    "expon moved": scipy.stats.expon(TWO, 2.0),
    "f": scipy.stats.f(3.0, 7.0 * TWO),
    "gamma": scipy.stats.gamma(TWO, scale=1.7),
    "gamma moved": scipy.stats.gamma(2.0, loc=TWO),
    "gumbel_r": scipy.stats.gumbel_r(1.0, TWO),
    "halfcauchy": scipy.stats.halfcauchy(scale=TWO),
    "halfnorm": scipy.stats.halfnorm(scale=TWO),
    "halfnorm moved": scipy.stats.halfnorm(TWO, 0.5),
    "invgamma": scipy.stats.invgamma(3.0, scale=TWO),
    "laplace": scipy.stats.laplace(TWO, 0.4),
    "lognorm": scipy.stats.lognorm(TWO, scale=3.0),
    "lognorm moved": scipy.stats.lognorm(0.5, loc=TWO),
    "norm": scipy.stats.norm(TWO, 2.0),
    "norm by name": scipy.stats.norm(scale=TWO, loc=-1.0),
    "norm without parameters": scipy.stats.norm,
    "pareto": scipy.stats.pareto(TWO, scale=2.0),
    "powerlaw": scipy.stats.powerlaw(TWO),
    "rayleigh": scipy.stats.rayleigh(scale=TWO),
    "t": scipy.stats.t(TWO, -1.0, 2.0),
    "uniform": scipy.stats.uniform(TWO, 3.0),
    "vonmises": scipy.stats.vonmises(TWO, loc=0.5),
    "weibull_min": scipy.stats.weibull_min(TWO, scale=2.0),
}
DISCRETE = {
    "bernoulli": scipy.stats.bernoulli([0.2, 0.9]),
    "bernoulli moved": scipy.stats.bernoulli(0.2, loc=3),
    "binom": scipy.stats.binom(7, [0.2, 0.9]),
    "geom": scipy.stats.geom([0.2, 0.9]),
    "geom from 0": scipy.stats.geom(0.2, loc=-1),
    "nbinom": scipy.stats.nbinom(2.5, [0.2, 0.9]),
    "planck": scipy.stats.planck(TWO),
    "poisson": scipy.stats.poisson(TWO),
    "poisson moved": scipy.stats.poisson(TWO, loc=2),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_translated_density_is_that_of_scipy(name):
    frozen = CONTINUOUS[name]
    target = DistributionTarget(as_distribution(frozen, "p"))
    x = np.array([frozen.ppf(share) for share in (1e-4, 0.1, 0.5, 0.8, 0.999)])
    x = np.clip(x, -np.pi, np.pi) if name == "vonmises" else x  # where torch's circle is cut
    found = target.log_prob(torch.as_tensor(x))
    assert not isinstance(target.distribution, NumpyDistribution)
    assert found.shape == (5, *target.batch_shape)
    # 30 units in the last place of the terms that make up a log density, here below 30
    np.testing.assert_allclose(found.numpy(), frozen.logpdf(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", DISCRETE)
def test_translated_probabilities_are_those_of_scipy(name):
    frozen = DISCRETE[name]
    target = DistributionTarget(as_distribution(frozen, "p"))
    first = int(np.min(frozen.support()[0]))
    k = np.arange(first - 2, first + 30.0).reshape(-1, *(1,) * len(target.batch_shape))
    found = target.log_prob(torch.as_tensor(k))
    assert not isinstance(target.distribution, NumpyDistribution)
    np.testing.assert_allclose(found.exp().numpy(), frozen.pmf(k), rtol=1e-12, atol=0)


ON_THE_LINE = {
    name: each for name, each in {**CONTINUOUS, **DISCRETE}.items() if name != "vonmises"
}


@pytest.mark.parametrize("name", ON_THE_LINE)
def test_a_translated_support_is_that_of_scipy(name):
    frozen = ON_THE_LINE[name]
    support = DistributionTarget(as_distribution(frozen, "p")).support
    low, high = (torch.as_tensor(np.asarray(end), dtype=torch.float64) for end in frozen.support())
    for share in (0.001, 0.5, 0.999):
        assert support.check(torch.as_tensor(frozen.ppf(share), dtype=torch.float64)).all()
    for beyond in (low - 1, high + 1):
        assert not support.check(beyond)[beyond.isfinite()].any()


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (scipy.stats.norm(0, 1), scipy.stats.norm(TWO, 2)),
        (scipy.stats.gamma(2, loc=1.0), scipy.stats.gamma(3, loc=1.0)),
        (scipy.stats.geom(0.3), scipy.stats.geom(0.5)),
        (scipy.stats.lognorm(0.5), scipy.stats.lognorm(0.7)),
    ],
)
def test_translated_pairs_have_their_closed_forms(p, q):
    found = kldiv.divergence(p, q)
    assert found.method == "exact"
    by_hand = kldiv.divergence(p, q, estimator="sum" if hasattr(p, "pmf") else "quadrature")
    assert torch.allclose(found.value, by_hand.value, rtol=1e-9)


def test_a_location_apart_makes_a_pair_infinite():
    late, early = scipy.stats.expon(1.0), scipy.stats.expon()
    assert float(kldiv.divergence(early, late)) == np.inf
    assert float(kldiv.divergence(late, early)) == pytest.approx(1.0, rel=1e-9)


def test_a_scaled_circle_is_no_circle_of_torch():
    scaled = scipy.stats.vonmises(2.0, scale=2.0)
    assert isinstance(as_distribution(scaled, "p"), NumpyDistribution)


def test_what_is_not_moved_is_not_wrapped():
    assert not isinstance(as_distribution(scipy.stats.gamma(2.0), "p"), TransformedDistribution)


def test_probabilities_close_to_1_keep_their_digits():
    """With p = 1 - 1e-13 the chance of a failure, 1e-13, must not be rounded to 1e-16."""
    chance = 1e-13
    frozen = scipy.stats.nbinom(1, 1 - chance)
    found = as_distribution(frozen, "p").log_prob(torch.tensor(1.0, dtype=torch.float64))
    assert float(found) == pytest.approx(frozen.logpmf(1), rel=1e-12)
