"""The moment rule: all pairs that it covers, against quadrature and torch."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Cauchy,
    Chi2,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    Normal,
    Pareto,
    StudentT,
    Uniform,
    Weibull,
    kl_divergence,
)

import kldiv

from kldiv.builtin.closed_forms.expectations import EXPECTATIONS
from kldiv.builtin.closed_forms.moments import SURPRISES, MomentRule
from kldiv.builtin.divergences.kl import KL

RULE = MomentRule()
MEMBERS = {
    Normal: (0.3, 0.8),
    Laplace: (0.2, 0.5),
    Gumbel: (0.3, 0.6),
    Uniform: (0.2, 0.9),
    StudentT: (5.0, 0.1, 1.2),
    Cauchy: (0.0, 1.0),
    Gamma: (2.5, 1.5),
    Chi2: (3.0,),
    Exponential: (1.3,),
    InverseGamma: (5.0, 2.0),
    LogNormal: (0.1, 0.5),
    Weibull: (1.4, 2.0),
    Pareto: (1.0, 6.0),
    HalfNormal: (1.2,),
    Beta: (2.0, 3.0),
}
OTHERS = {kind: tuple(1.1 * value + 0.05 for value in row) for kind, row in MEMBERS.items()}


def member(kind, parameters):
    return kind(*(torch.tensor(value).double() for value in parameters))


PAIRS = [
    (first, second)
    for first in MEMBERS
    for second in OTHERS
    if RULE.covers(KL(), member(first, MEMBERS[first]), member(second, OTHERS[second]))
]


def test_the_table_has_every_type_of_the_rule():
    assert {*EXPECTATIONS, *SURPRISES} <= {*MEMBERS}
    assert len(PAIRS) == 68


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_pair_of_the_rule_is_as_far_as_its_integral_says(first, second):
    p, q = member(first, MEMBERS[first]), member(second, OTHERS[second])
    found = RULE.function(p, q, KL())
    integral = kldiv.divergence(p, q, estimator="quadrature")
    if found.isinf():
        return  # that the integral diverges is quadrature's to see
    torch.testing.assert_close(found, integral.value, rtol=1e-8, atol=1e-12)
    try:
        torch.testing.assert_close(found, kl_divergence(p, q), rtol=1e-12, atol=1e-12)
    except NotImplementedError:
        assert kldiv.divergence(p, q).method == "exact"


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (member(StudentT, (2.0, 0.0, 1.0)), member(Normal, (0.0, 1.0))),
        (member(Cauchy, (0.0, 1.0)), member(Normal, (0.0, 1.0))),
        (member(Pareto, (1.0, 0.5)), member(Gamma, (2.0, 1.0))),
        (member(InverseGamma, (0.5, 2.0)), member(Exponential, (2.0,))),
        (member(Gamma, (0.5, 2.0)), member(InverseGamma, (2.0, 1.0))),
        (member(Laplace, (0.0, 2.0)), member(Gumbel, (0.0, 1.0))),
    ],
)
def test_an_expectation_that_does_not_exist_makes_it_infinite(p, q):
    found = kldiv.divergence(p, q)
    assert float(found) == math.inf
    assert found.method == "exact"


@pytest.mark.parametrize(("first", "second"), [(Weibull, Gamma), (Gamma, LogNormal)])
def test_gradients_are_those_of_finite_differences(first, second):
    leaves = [
        torch.tensor(value).double().requires_grad_()
        for value in (*MEMBERS[first], *OTHERS[second])
    ]
    split = len(MEMBERS[first])

    def value(*leaves):
        return RULE.function(first(*leaves[:split]), second(*leaves[split:]), KL())

    assert torch.autograd.gradcheck(value, leaves, atol=1e-7)


def test_a_variable_that_may_be_negative_is_not_compared_with_a_positive_one():
    assert not RULE.covers(KL(), member(Normal, (0.0, 1.0)), member(Gamma, (1.0, 1.0)))
    assert not RULE.covers(KL(), member(Normal, (0.0, 1.0)), member(HalfNormal, (1.0,)))
