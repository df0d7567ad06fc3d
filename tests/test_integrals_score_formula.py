"""The integrand of divergences of scores."""

import torch

from torch.distributions import Normal

from kldiv.estimators import Problem
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import DivergenceFormula
from kldiv.estimators.integrals.score_formula import ScoreFormula, formula_of
from kldiv.estimators.integrands import densities
from kldiv.resolving import as_divergence, as_target
from tests.axis import F64, double

ONE = Elements(None, torch.Size([]))
X = torch.linspace(0.2, 4.0, 9, dtype=F64).unsqueeze(-1)
P, Q = Normal(double(0.0)[0], 1.0), Normal(double(1.0)[0], 2.0)


def formula(divergence):
    problem = Problem(as_divergence(divergence), as_target(P, "p"), as_target(Q, "q"))
    known = densities(problem, lambda target: (torch.ones(()), torch.zeros(())))
    return formula_of(known, needs_all=True)


def test_a_divergence_has_the_formula_of_its_kind():
    assert isinstance(formula("kl"), DivergenceFormula)
    assert isinstance(formula("fisher"), ScoreFormula)


def test_the_formula_of_scores_is_the_squared_difference_under_p():
    made = formula("fisher")
    values = made.values(X, made.logs(X, ONE), torch.zeros_like(X), ONE)
    difference = -X + (X - 1) / 4
    assert torch.allclose(values[0], P.log_prob(X).exp() * difference.square())
