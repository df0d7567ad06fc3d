"""The supremum over lines, half-lines, intervals and planes: inside, at an end, in a tail."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Cauchy,
    Exponential,
    Gamma,
    HalfNormal,
    Independent,
    InverseGamma,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    StudentT,
    Uniform,
    Weibull,
)
from torch.distributions import Categorical as Weights

import kldiv

LARGEST = "renyi(alpha=inf)"


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def largest(p, q):
    return kldiv.divergence(p, q, LARGEST, estimator="quadrature")


FINITE = [
    ("a quadratic", one(Normal, 0.0, 1.0), one(Normal, 0.0, 2.0), math.log(2)),
    ("a needle", one(Normal, 1e3, 1e-3), one(Normal, 0.0, 2.0), 125007.63215246735),
    ("a kink", one(Laplace, 0.0, 1.0), one(Laplace, 0.5, 2.0), math.log(2) + 0.25),
    ("a plateau", one(Laplace, 0.0, 1.0), one(Laplace, 0.5, 1.0), 0.5),
    ("both tails", one(Cauchy, 0.0, 1.0), one(Cauchy, 0.0, 0.5), math.log(2)),
    ("between tails", one(Cauchy, 0.0, 1.0), one(Cauchy, 0.0, 2.0), math.log(2)),
    ("an end", one(Exponential, 2.0), one(Exponential, 1.0), math.log(2)),
    ("the start of both", one(Pareto, 1.0, 3.0), one(Pareto, 1.0, 2.0), math.log(1.5)),
    ("half of q", one(HalfNormal, 1.0), one(Normal, 0.0, 1.0), math.log(2)),
    ("a power", one(Weibull, 1.0, 2.0), one(Weibull, 1.0, 1.5), math.log(4 / 3)),
    ("an edge of p", one(Uniform, 0.0, 1.0), one(Normal, 0.0, 1.0), 1.4189385332046727),
    ("everywhere", one(Uniform, 0.0, 1.0), one(Uniform, 0.0, 2.0), math.log(2)),
    ("the far end", one(Beta, 2.0, 1.0), one(Beta, 1.0, 1.0), math.log(2)),
    ("a half-line", one(Gamma, 3.0, 1.0), one(Gamma, 2.0, 0.5), math.log(4) - 1),
    ("logarithms", one(LogNormal, 0.0, 1.0), one(LogNormal, 0.0, 2.0), math.log(2)),
]
INFINITE = [
    (one(Normal, 0.0, 1.0), one(Normal, 1.0, 1.0)),
    (one(Normal, 0.0, 1.0), one(Normal, 0.0, 0.999)),
    (one(StudentT, 1.0, 0.0, 1.0), one(StudentT, 3.0, 0.0, 1.0)),
    (one(StudentT, 2.0, 0.0, 1.0), one(StudentT, 2.001, 0.0, 1.0)),
    (one(Cauchy, 0.0, 1.0), one(Normal, 0.0, 9.0)),
    (one(Exponential, 1.0), one(Exponential, 2.0)),
    (one(Gamma, 2.0, 1.0), one(Gamma, 3.0, 1.0)),
    (one(Gamma, 3.0, 1.0), one(Gamma, 2.0, 1.0)),
    (one(Beta, 0.5, 2.0), one(Beta, 1.0, 1.0)),
    (one(Beta, 2.0, 1.5), one(Beta, 1.5, 2.0)),
    (one(Pareto, 1.0, 2.0), one(Pareto, 1.0, 3.0)),
    (one(Uniform, 0.0, 2.0), one(Uniform, 0.0, 1.0)),
    (one(Exponential, 1.0), one(InverseGamma, 2.0, 1.0)),
    (one(Weibull, 1.0, 2.0), one(LogNormal, 0.0, 1.0)),
]


@pytest.mark.parametrize(
    ("p", "q", "truth"), [row[1:] for row in FINITE], ids=[r[0] for r in FINITE]
)
def test_it_is_found_to_rounding_wherever_it_is(p, q, truth):
    found = largest(p, q)
    assert abs(float(found) - truth) <= float(found.error) + 4e-16 * truth
    assert float(found.error) <= 1e-12 * max(1, truth)


@pytest.mark.parametrize(("p", "q"), INFINITE, ids=range(len(INFINITE)))
def test_it_is_infinite_with_a_reason_where_one_falls_too_fast(p, q):
    found = largest(p, q)
    assert (float(found), float(found.error)) == (math.inf, 0.0)
    assert found.reason


def test_a_high_narrow_mode_is_seen_beside_a_wide_one():
    components = one(Normal, [-5.0, 10.0], [0.01, 1.0])
    mixture = MixtureSameFamily(Weights(torch.tensor([0.4, 0.6]).double()), components)
    q = one(Normal, 0.0, 8.0)
    x = torch.linspace(-5.05, -4.95, 200_001, dtype=torch.float64)
    truth = (mixture.log_prob(x) - q.log_prob(x)).max()
    assert float(largest(mixture, q)) == pytest.approx(float(truth), abs=1e-8)


def test_each_element_of_a_batch_is_for_itself():
    p = one(Normal, [[0.0], [3.0]], 1.0)
    q = one(Normal, 0.0, [2.0, 1.5, 1.0])
    found = largest(p, q)
    exact = kldiv.divergence(p, q, LARGEST, estimator="exact")
    assert found.value.shape == (2, 3)
    torch.testing.assert_close(found.value, exact.value, rtol=1e-12, atol=1e-14)
    assert found.value.isinf().tolist() == [[False, False, False], [False, False, True]]


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: (Normal(a, 1.0), Normal(0.0, 1 + b)),
        lambda a, b: (Exponential(2 + a), Exponential(b)),
        lambda a, b: (Uniform(a, 1 + b), Normal(torch.zeros_like(a), 1.0)),
        lambda a, b: (StudentT(3 + a), Cauchy(a, b)),
    ],
    ids=["inside", "end", "edge", "tail"],
)
def test_the_gradient_is_that_of_finite_differences(make):
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (0.3, 0.7)]
    assert torch.autograd.gradcheck(
        lambda a, b: largest(*make(a, b)).value, leaves, eps=1e-5, atol=1e-6
    )


def test_an_infinite_value_has_no_nan_in_its_gradient():
    scale = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    found = largest(Normal(torch.zeros(2).double(), scale), one(Normal, 0.0, 1.0))
    (slope,) = torch.autograd.grad(found.value[0], scale)
    assert found.value.isinf().tolist() == [False, True]
    torch.testing.assert_close(slope, torch.tensor([-2.0, 0.0]).double(), rtol=1e-7, atol=0)


def independent(kind, *parameters):
    return Independent(one(kind, *parameters), 1)


def plane(covariance, mean=(0.0, 0.0)):
    return one(MultivariateNormal, list(mean), covariance)


NARROW = [[0.9, -0.7], [-0.7, 0.9]]


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (plane(NARROW), plane([[1.0, -0.75], [-0.75, 1.0]], (0.1, 0.0))),
        (plane(NARROW), plane([[1.9, 0.3], [0.3, 1.6]])),
        (plane([[1.9, 0.3], [0.3, 1.6]]), plane(NARROW)),
    ],
    ids=["ridge", "saddle", "reverse"],
)
def test_in_a_plane_it_agrees_with_the_closed_form(p, q):
    found = largest(p, q)
    exact = kldiv.divergence(p, q, LARGEST, estimator="exact")
    assert float(found) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (independent(Laplace, [0.0, 0.0], 1.0), independent(Laplace, [0.5, 0.1], 2.0)),
        (independent(StudentT, [3.0, 4.0]), independent(StudentT, [2.0, 2.0])),
        (independent(Exponential, [2.0, 3.0]), independent(Exponential, [1.0, 2.0])),
        (independent(Exponential, [2.0, 1.9]), independent(Exponential, [1.0, 2.0])),
    ],
    ids=["kink", "tails", "corner", "infinite"],
)
def test_of_independent_parts_it_is_the_sum(p, q):
    whole = largest(p, q)
    parts = largest(p.base_dist, q.base_dist).value.sum()
    assert float(whole) == pytest.approx(float(parts), rel=1e-12)


def test_an_unnormalised_side_is_normalised_first():
    target = kldiv.Target(lambda x: 5 - x.square() / 2)
    found = kldiv.divergence(target, one(Normal, 0.0, 2.0), LARGEST)
    assert abs(float(found) - math.log(2)) <= float(found.error)


def test_a_tolerance_holds():
    q = one(Normal, 0.0, 2.0)
    found = kldiv.divergence(
        one(Normal, 0.0, 1.0), q, LARGEST, estimator=kldiv.Quadrature(rtol=1e-10)
    )
    assert float(found.error) <= 1e-10 * float(found)
