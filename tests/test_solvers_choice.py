"""How an objective is computed is chosen once, and handed on where a closed form declines."""

import pytest
import torch

from torch.distributions import Beta, Exponential, Gamma, MultivariateNormal, Normal

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Exact, MonteCarlo, Problem, Quadrature
from kldiv.resolving import as_divergence, ladder
from kldiv.solvers.choice import Choice

F64 = torch.float64
L2 = as_divergence("squared_l2")


def problem(p, q, divergence=L2):
    return Problem(divergence, DistributionTarget(p), DistributionTarget(q))


def gammas(concentration):
    return problem(Gamma(torch.tensor(2.0, dtype=F64), 1.0), Gamma(concentration, 1.0))


def test_the_first_rung_that_applies_is_taken_for_all():
    choice = Choice(ladder(L2))
    first = choice.of(gammas(torch.tensor(3.0, dtype=F64)))
    assert isinstance(first, Exact)
    assert choice.of(gammas(torch.tensor(0.2, dtype=F64))) is first
    assert choice.free


def test_a_later_rung_takes_over_where_there_is_one():
    choice, beyond = Choice(ladder(L2)), gammas(torch.tensor([0.2, 3.0], dtype=F64))
    choice.of(beyond)
    assert choice.passes_on(beyond)
    assert isinstance(choice.made, Quadrature)
    assert not Choice(Exact()).passes_on(beyond)


def test_what_was_asked_for_is_not_replaced():
    asked = MonteCarlo(100)
    choice = Choice(asked)
    assert choice.of(gammas(torch.tensor(3.0, dtype=F64))) is asked
    assert not choice.free
    assert not choice.passes_on(gammas(torch.tensor(3.0, dtype=F64)))


def test_sampling_takes_few_draws_a_step():
    space = MultivariateNormal(torch.zeros(3, dtype=F64), torch.eye(3, dtype=F64))
    wide = torch.distributions.Independent(
        torch.distributions.Laplace(torch.zeros(3, dtype=F64), 1.0), 1
    )
    found = Choice(ladder(L2)).of(problem(space, wide, as_divergence("jensen_shannon")))
    assert isinstance(found, MonteCarlo)
    assert found.samples == 1_000
    assert isinstance(Choice(ladder(L2)).of(problem(Normal(0.0, 1.0), Normal(1.0, 1.0))), Exact)


@pytest.mark.parametrize("divergence", ["squared_l2", "density_power(beta=1.5)", "cauchy_schwarz"])
@pytest.mark.parametrize(
    ("target", "family"),
    [(Gamma(2.0, 1.0), "gamma"), (Beta(2.0, 3.0), "beta"), (Exponential(1.0), "gamma")],
)
def test_a_fit_leaves_the_domain_of_a_closed_form_and_comes_back(target, family, divergence):
    fitted = kldiv.fit(target, family, divergence)
    assert fitted.converged
    assert float(fitted.divergence.value) == pytest.approx(0, abs=1e-10)


def test_a_later_rung_is_tried_where_a_formula_has_no_number_for_members():
    choice, beyond = Choice(ladder(L2)), gammas(torch.tensor([0.2, 3.0], dtype=F64))
    assert choice.tried(beyond) is None
    found = choice.tried(beyond)
    assert found is not None
    assert found.method == "quadrature"
    with pytest.raises(kldiv.NotAvailable, match="no closed form"):
        Choice(Exact()).tried(beyond)
