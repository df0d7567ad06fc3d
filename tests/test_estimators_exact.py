"""A closed form is taken where there is one, and its absence is explained."""

import math

import numpy as np
import pytest
import torch

from torch.distributions import (
    Categorical,
    ContinuousBernoulli,
    Distribution,
    Gumbel,
    Independent,
    Laplace,
    LogNormal,
    Normal,
    Poisson,
    TransformedDistribution,
    Uniform,
    Weibull,
    kl,
    transforms,
)

import kldiv

from kldiv import ClosedForm, Exact
from kldiv.builtin.divergences.kl import KL
from kldiv.estimators.exact import has_registered_kl


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def seven(p, q, divergence):
    return 7 + 0 * p.loc


def test_a_formula_of_torch_that_is_nan_gives_way_to_the_sum():
    p, q = one(Poisson, 0.0), one(Poisson, 3.0)  # -log q(0) = 3, torch has 0 log 0
    found = kldiv.divergence(p, q)
    assert found.method == "sum"
    assert abs(float(found) - 3) <= float(found.error) <= 1e-12
    with pytest.raises(kldiv.NotFinite, match="estimator 'exact' gives NaN"):
        kldiv.divergence(p, q, estimator="exact")


@pytest.mark.parametrize(
    ("p", "q", "truth"),
    [
        ([0.25, 0.75], [0.25, 0.25, 0.5], 0.75 * math.log(3)),
        ([0.25, 0.25, 0.5], [0.25, 0.75], math.inf),
        ([1.0], [0.25, 0.75], math.log(4)),
        ([0.25, 0.75], [1.0], math.inf),
    ],
)
def test_categoricals_of_several_sizes_have_the_divergence_of_the_larger_support(p, q, truth):
    found = kldiv.divergence(one(Categorical, p), one(Categorical, q))
    assert float(found) == pytest.approx(truth, rel=1e-12)


def test_without_a_closed_form_it_says_so_and_the_next_one_is_taken():
    p, q = one(LogNormal, 0.0, 1.0), one(Gumbel, 1.0, 2.0)
    assert "no closed form of kl between LogNormal and Gumbel" in str(kldiv.explain(p, q))
    assert kldiv.divergence(p, q).method == "quadrature"
    with pytest.raises(kldiv.NotAvailable, match="no closed form of kl"):
        kldiv.divergence(p, q, estimator="exact")


def test_the_formula_of_a_plugin_comes_before_torchs():
    p, q = one(Normal, 0.0, 1.0), one(Normal, 1.0, 1.0)
    offered = Exact((ClosedForm(KL, Normal, Normal, seven),))
    assert float(kldiv.divergence(p, q, estimator=offered)) == 7
    declined = Exact((ClosedForm(KL, Normal, Normal, lambda *_: NotImplemented),))
    assert float(kldiv.divergence(p, q, estimator=declined)) == pytest.approx(0.5, rel=1e-15)


def test_a_formula_whose_rounding_cannot_be_told_at_its_domains_edge_gives_way():
    def inside(p, q, divergence):
        beside = 0 < abs(float(q.loc) - 1) < 1e-3
        return NotImplemented if beside else 7 + 0 * q.loc

    edge = Exact((ClosedForm(KL, Normal, Normal, inside),))
    p = one(Normal, 0.0, 1.0)
    assert float(kldiv.divergence(p, one(Normal, 0.5, 1.0), estimator=edge)) == 7
    found = kldiv.divergence(p, one(Normal, 1.0, 1.0), estimator=edge)
    assert float(found) == pytest.approx(0.5, rel=1e-15)


def test_a_formula_that_declines_with_no_other_is_not_available():
    declined = Exact((ClosedForm(KL, Normal, Weibull, lambda *_: NotImplemented),))
    with pytest.raises(kldiv.NotAvailable, match="no closed form covers"):
        kldiv.divergence(one(Normal, 0.0, 1.0), one(Weibull, 1.0, 2.0), estimator=declined)


def test_an_infinite_value_has_no_error_and_a_reason():
    found = kldiv.divergence(one(Poisson, 3.0), one(Poisson, 0.0), estimator="exact")
    assert float(found) == math.inf
    assert float(found.error) == 0
    assert found.reason == "one side has mass where the other has none"


def test_torchs_formulas_are_those_of_pairs_not_of_wrappers():
    normal, laplace, weibull = (one(kind, 1.0, 2.0) for kind in (Normal, Laplace, Weibull))
    assert has_registered_kl(laplace, normal)
    assert not has_registered_kl(normal, weibull)
    wide = [Independent(each.expand((2,)), 1) for each in (laplace, normal)]
    assert not has_registered_kl(*wide)  # a rule for wrappers, which kldiv has itself
    bent = TransformedDistribution(normal, [transforms.ExpTransform()])
    assert not has_registered_kl(bent, bent)


def test_a_pair_that_is_registered_with_torch_later_on_is_seen(monkeypatch):
    class Mine(Distribution):
        pass

    monkeypatch.setattr(kl, "_KL_REGISTRY", dict(kl._KL_REGISTRY))
    mine = Mine(validate_args=False)
    assert not has_registered_kl(mine, mine)
    kl.register_kl(Mine, Mine)(lambda p, q: torch.zeros(()))
    assert has_registered_kl(mine, mine)


@pytest.mark.parametrize("probs", [0.3, 0.5, 0.9])
def test_a_continuous_bernoulli_is_near_the_uniform_distribution_on_its_interval(probs):
    """Where torch says that it is infinitely far."""
    one = torch.ones((), dtype=torch.float64)
    p, q = ContinuousBernoulli(probs * one), Uniform(0 * one, one)
    x, weights = (torch.as_tensor(each) for each in np.polynomial.legendre.leggauss(40))
    logs, weights = p.log_prob((x + 1) / 2), weights / 2
    forward, reverse = (weights * logs.exp() * logs).sum(), -(weights * logs).sum()
    assert float(kldiv.divergence(p, q)) == pytest.approx(float(forward), abs=1e-10)
    assert float(kldiv.divergence(q, p)) == pytest.approx(float(reverse), abs=1e-10)
