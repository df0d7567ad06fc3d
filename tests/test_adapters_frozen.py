"""Any object of scipy.stats becomes a distribution, or one error that says why not."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import (
    Binomial,
    Dirichlet,
    MixtureSameFamily,
    Multinomial,
    MultivariateNormal,
    Normal,
    Uniform,
    Wishart,
)

import kldiv

from kldiv.adapters import as_distribution, is_frozen

COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])
modern = pytest.mark.skipif(not hasattr(scipy.stats, "Normal"), reason="scipy is older than 1.15")


class Ramp(scipy.stats.rv_continuous):
    def _pdf(self, x):
        return 2 * x


VECTORS = {
    MultivariateNormal: scipy.stats.multivariate_normal([0.0, 1.0], COVARIANCE),
    Dirichlet: scipy.stats.dirichlet([1.0, 2.0, 3.0]),
    Wishart: scipy.stats.wishart(3.5, COVARIANCE),
}


@pytest.mark.parametrize("kind", VECTORS)
def test_vectors_and_matrices_are_translated(kind):
    frozen = VECTORS[kind]
    found = as_distribution(frozen, "p")
    x = frozen.rvs(size=5, random_state=np.random.default_rng(1))
    expected = frozen.logpdf(np.moveaxis(x, 0, -1) if kind is not MultivariateNormal else x)
    assert isinstance(found, kind)
    np.testing.assert_allclose(found.log_prob(torch.as_tensor(x)).numpy(), expected, rtol=1e-12)


def test_counts_in_categories_are_translated():
    frozen = scipy.stats.multinomial(3, [0.2, 0.5, 0.3])
    found = as_distribution(frozen, "p")
    x = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
    assert isinstance(found, Multinomial)
    np.testing.assert_allclose(found.log_prob(torch.as_tensor(x)), frozen.logpmf(x), rtol=1e-12)


def test_a_normal_vector_of_one_coordinate_is_a_scalar_as_in_scipy():
    found = as_distribution(scipy.stats.multivariate_normal(1.0, 4.0), "p")
    assert (found.loc.item(), found.scale.item(), found.event_shape) == (1.0, 2.0, ())


@modern
def test_the_new_interface_is_translated():
    normal = as_distribution(scipy.stats.Normal(mu=np.array([0.0, 1.0]), sigma=2.0), "p")
    assert isinstance(normal, Normal)
    assert (normal.loc.tolist(), normal.scale.tolist()) == ([0, 1], [2, 2])
    assert isinstance(as_distribution(scipy.stats.Normal(), "p"), Normal)
    uniform = as_distribution(scipy.stats.Uniform(a=1.0, b=3.0), "p")
    assert isinstance(uniform, Uniform)
    assert (uniform.low.item(), uniform.high.item()) == (1, 3)


@pytest.mark.skipif(not hasattr(scipy.stats, "Binomial"), reason="scipy is older than 1.16")
def test_new_counts_are_translated():
    found = as_distribution(scipy.stats.Binomial(n=3, p=0.25), "p")
    assert isinstance(found, Binomial)
    assert (found.total_count.item(), found.probs.item()) == (3, 0.25)


@modern
def test_a_mixture_of_normal_distributions_is_one_in_torch():
    parts = [scipy.stats.Normal(mu=0.0, sigma=1.0), scipy.stats.Normal(mu=3.0, sigma=0.5)]
    mixture = scipy.stats.Mixture(parts, weights=[0.3, 0.7])
    found = as_distribution(mixture, "p")
    x = np.linspace(-3, 5, 9)
    assert isinstance(found, MixtureSameFamily)
    np.testing.assert_allclose(
        found.log_prob(torch.as_tensor(x)).numpy(), mixture.logpdf(x), rtol=1e-12
    )


def test_what_needs_no_parameters_need_not_be_called():
    points = np.random.default_rng(0).normal(size=100)
    for given in (
        scipy.stats.norm,
        scipy.stats.rv_histogram(np.histogram(points)),
        scipy.stats.rv_discrete(values=([1, 2, 5], [0.2, 0.3, 0.5])),
        Ramp(a=0.0, b=1.0, name="ramp"),
    ):
        assert as_distribution(given, "p").event_shape == ()


def test_a_class_of_the_users_own_with_a_known_name_is_not_taken_for_scipys():
    ramp = type("norm_gen", (Ramp,), {})(a=0.0, b=1.0, name="norm")
    found = as_distribution(ramp(), "p").log_prob(torch.tensor(0.5, dtype=torch.float64))
    assert float(found) == pytest.approx(0.0, abs=1e-15)


REFUSED = {
    "no parameters": (
        scipy.stats.gamma,
        kldiv.InvalidType,
        r"p is scipy\.stats\.gamma without parameters; call it .* scipy\.stats\.gamma\(",
    ),
    "no parameters of vectors": (
        scipy.stats.multivariate_normal,
        kldiv.InvalidType,
        r"p is scipy\.stats\.multivariate_normal without parameters",
    ),
    "negative scale": (
        scipy.stats.norm(0, -1),
        kldiv.InvalidArgument,
        r"p = scipy\.stats\.norm\(0, -1\) is not usable: a parameter is out of range",
    ),
    "negative shape": (
        scipy.stats.skewnorm(4, scale=-1),
        kldiv.InvalidArgument,
        r"p = scipy\.stats\.skewnorm\(4, scale=-1\) is not usable",
    ),
    "points between integers": (
        scipy.stats.rv_discrete(values=([0.5, 1.5], [0.5, 0.5])),
        kldiv.InvalidArgument,
        "not all integers; make it a Categorical",
    ),
    "singular": (
        scipy.stats.multivariate_normal([0, 0], np.ones((2, 2)), allow_singular=True),
        kldiv.InvalidArgument,
        "p = .*multivariate_normal is not usable: .*PositiveDefinite",
    ),
    "no density": (
        scipy.stats.ortho_group(3),
        kldiv.InvalidType,
        r"p is a ortho_group_frozen of scipy\.stats.*kldiv\.Target\(log_prob",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_one_error_that_names_it(case):
    given, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        kldiv.divergence(given, Normal(0.0, 1.0))


def test_objects_of_scipy_are_told_from_others():
    assert is_frozen(scipy.stats.norm(0, 1))
    assert is_frozen(Ramp(a=0.0, b=1.0)())
    assert not is_frozen(Normal(0.0, 1.0))
    assert not is_frozen(np.zeros(3))


def test_they_stand_wherever_a_target_is_taken():
    p, q = scipy.stats.norm(1.0, 2.0), Normal(torch.zeros((), dtype=torch.float64), 1.0)
    assert float(kldiv.divergence(p, q)) == pytest.approx(2.5 - 0.5 - np.log(2), rel=1e-12)
    assert float(kldiv.divergence(q, p)) == pytest.approx(np.log(2) + 0.25 - 0.5, rel=1e-12)
    assert "exact: yes" in str(kldiv.explain(p, q))
    fitted = kldiv.fit(scipy.stats.skewnorm(4.0), "normal").parameters
    mean, variance = scipy.stats.skewnorm(4.0).stats()
    assert float(fitted["loc"]) == pytest.approx(mean, rel=1e-9)
    assert float(fitted["scale"]) == pytest.approx(variance**0.5, rel=1e-9)


def test_scipys_statistics_are_imported_by_nobody_but_their_user():
    code = (
        "import sys, kldiv; from torch.distributions import Normal; "
        "kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0)); "
        "print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
