"""Kullback-Leibler divergences of laws of a location and a scale, also of close ones."""

import mpmath
import pytest
import torch

from torch.distributions import Cauchy, Exponential, Gumbel, Laplace, Pareto, Uniform, Weibull

import kldiv

PAIRS = {
    Laplace: ((0.0, 0.8), (1.1, 1.5), 0.4967898),
    Exponential: ((1.3,), (0.4,), 0.4863473),
    Cauchy: ((0.3, 1.0), (-0.4, 0.5), 0.3148107),
    Weibull: ((1.4, 2.0), (0.9, 1.3), None),
    Gumbel: ((0.3, 1.2), (-0.5, 2.0), None),
    Pareto: ((2.0, 1.5), (1.0, 1.3), None),
    Uniform: ((0.0, 1.0), (-1.0, 1.2), 0.7884573603642703),
}
"""Of each type two members, and, where it is known from elsewhere, their divergence."""


def member(kind, parameters, dtype=torch.float64):
    return kind(*(torch.tensor(value, dtype=dtype) for value in parameters))


@pytest.mark.parametrize("kind", PAIRS)
def test_the_formula_is_the_integral(kind):
    first, second, known = PAIRS[kind]
    p, q = member(kind, first), member(kind, second)
    found = kldiv.divergence(p, q, estimator="exact")
    integral = kldiv.divergence(p, q, estimator="quadrature")
    torch.testing.assert_close(found.value, integral.value, rtol=1e-10, atol=0)
    if known is not None:
        assert float(found) == pytest.approx(known, abs=1e-7)


@pytest.mark.parametrize("share", [1e-3, 1e-6])
@pytest.mark.parametrize("kind", PAIRS)
def test_close_members_keep_their_digits(kind, share):
    first, _, _ = PAIRS[kind]
    second = [value * (1 + share * (1 + index)) - share for index, value in enumerate(first)]
    if kind is Pareto:
        second[0] = first[0] * (1 - share)
    p, q = member(kind, first), member(kind, second)
    found = kldiv.divergence(p, q)
    integral = kldiv.divergence(p, q, estimator="quadrature")
    assert found.value > 0
    torch.testing.assert_close(found.value, integral.value, rtol=1e-8, atol=0)


@pytest.mark.parametrize("ratio", [1e-12, 1e-9, 1e-6])
def test_the_error_of_a_scale_far_below_the_other_covers_the_rounding(ratio):
    scale = torch.tensor(ratio, dtype=torch.float64, requires_grad=True)
    found = kldiv.divergence(Gumbel(0.0 * scale, scale), Gumbel(0.0, torch.ones(()).double()))
    with mpmath.workdps(40):
        r = mpmath.mpf(ratio)
        whole = mpmath.loggamma(1 + r)
        below = mpmath.exp(whole) - 1 - whole + mpmath.loggamma(r) + mpmath.euler * (r - 1)
        assert abs(float(found) - below) <= float(found.error)


@pytest.mark.parametrize("kind", PAIRS)
def test_gradients_are_those_of_finite_differences(kind):
    first, second, _ = PAIRS[kind]
    leaves = [torch.tensor(v).double().requires_grad_() for v in (*first, *second)]

    def value(*leaves):
        sides = (kind(*each) for each in (leaves[: len(first)], leaves[len(first) :]))
        return kldiv.divergence(*sides, estimator="exact").value

    assert torch.autograd.gradcheck(value, leaves, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [(Pareto, (1.0, 2.0), (1.5, 2.0)), (Uniform, (-0.1, 1.0), (0.0, 2.0))],
)
def test_beyond_the_support_of_q_it_is_infinite_and_its_gradient_no_nan(kind, first, second):
    leaves = [torch.tensor(v).double().requires_grad_() for v in (*first, *second)]
    found = kldiv.divergence(kind(*leaves[:2]), kind(*leaves[2:]))
    assert float(found) == torch.inf
    gradients = torch.autograd.grad(found.value, leaves, allow_unused=True)
    assert all(each is None or each.isfinite() for each in gradients)
