"""A divergence of scores is a function of two scores; everything else is derived."""

import math

import pytest
import torch

from torch.distributions import Independent, Laplace, Normal, Poisson

import kldiv


def normal(loc, scale):
    return Normal(*(torch.tensor(each, dtype=torch.float64) for each in (loc, scale)))


class Length(kldiv.ScoreDivergence):
    """The mean distance between scores, which is of degree 1."""

    def integrand(self, score_p, score_q):
        return (score_p - score_q).square().sum(-1).sqrt()


class Root(kldiv.ScoreDivergence):
    """The square root of the mean squared distance."""

    degree = 2.0

    def integrand(self, score_p, score_q):
        return (score_p - score_q).square().sum(-1)

    def combine(self, *integrals):
        return integrals[0].sqrt()


def test_a_formula_is_all_that_an_author_writes():
    found = kldiv.divergence(normal(0.0, 1.0), normal(0.6, 1.0), Length)
    assert found.method == "quadrature"
    assert float(found) == pytest.approx(0.6, rel=1e-12)


@pytest.mark.parametrize("estimator", ["quadrature", kldiv.MonteCarlo(samples=20_000)])
def test_the_mean_goes_through_the_combination(estimator):
    p, q = normal(0.0, 1.0), normal(0.5, 2.0)
    found = kldiv.divergence(p, q, Root, estimator=estimator, seed=0)
    truth = math.sqrt((1 / 4 - 1) ** 2 + 0.25 / 16)
    assert abs(float(found) - truth) <= float(found.error)


def test_q_is_needed_only_up_to_a_constant_and_without_a_sampler():
    p = Independent(normal([0.0] * 4, [1.0] * 4), 1)
    q = kldiv.Target(lambda x: 5 - x.square().sum(-1), event_shape=(4,))
    found = kldiv.divergence(p, q, Root, seed=0)
    assert found.method == "monte_carlo"
    assert abs(float(found) - 2.0) <= float(found.error)


def test_an_unnormalised_p_is_normalised_for_the_mean():
    p = kldiv.Target(lambda x: 7 - x.square() / 2)
    assert float(kldiv.divergence(p, normal(0.6, 1.0), Length)) == pytest.approx(0.6, rel=1e-9)


def test_a_measure_p_counts_with_its_mass():
    p = kldiv.Target(lambda x: math.log(3) + normal(0.0, 1.0).log_prob(x), normalize=False)
    assert float(kldiv.divergence(p, normal(0.6, 1.0), Length)) == pytest.approx(1.8, rel=1e-9)


def test_integers_have_no_scores_and_every_rung_says_so():
    explained = kldiv.explain(Poisson(2.0), Poisson(3.0), Length)
    assert explained.method is None
    for rung in ("sum", "quadrature", "monte_carlo"):
        assert explained.rejected[rung] == (
            "length compares the gradients of densities, and integers have none"
        )


def test_a_fit_by_scores_needs_no_more_than_the_formula():
    found = kldiv.fit(Laplace(0.0, torch.tensor(1.0).double()), "normal", Root)
    assert found.converged
    # E_p (-sgn(x) + x / s²)² is smallest where s² = E x² / E |x| = 2
    assert float(found.parameters["scale"]) == pytest.approx(math.sqrt(2), rel=1e-6)
