"""The Fisher divergence: constants, closed forms, limits, gradients."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Cauchy,
    Exponential,
    Gamma,
    Independent,
    InverseGamma,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    Weibull,
)
from torch.distributions import Categorical as Weights

import kldiv


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def fisher(p, q, estimator="auto", **options):
    return kldiv.divergence(p, q, "fisher", estimator=estimator, **options)


# by hand: means under p of (difference of scores)²
BY_HAND = [
    (one(Exponential, 1.0), one(Exponential, 3.0), 4.0),
    (one(Gamma, 3.0, 1.0), one(Gamma, 4.0, 1.0), 0.5),
    (one(Gamma, 2.1, 1.0), one(Gamma, 4.0, 1.0), 1.9**2 / (1.1 * 0.1)),
    (one(Beta, 5.0, 5.0), one(Beta, 2.0, 2.0), 27.0),
    (one(Uniform, 0.0, 1.0), one(Normal, 0.0, 1.0), 1 / 3),
    (one(Uniform, 0.0, 1.0), one(Uniform, 0.0, 2.0), 0.0),
    (one(Laplace, 0.0, 0.8), one(Normal, 0.5, 1.3), (1.28 + 0.25) / 1.3**4 + 1 / 0.64 - 2 / 1.69),
    (one(Laplace, 0.0, 1.0), one(Laplace, 0.0, 2.0), 0.25),
    (one(StudentT, 5.0, 0.0, 1.0), one(Normal, 0.0, 1.0), 5 / 3 + 6 / 8 - 2),
]


@pytest.mark.parametrize(("p", "q", "truth"), BY_HAND, ids=range(len(BY_HAND)))
def test_it_is_the_mean_that_can_be_had_by_hand(p, q, truth):
    found = fisher(p, q)
    assert float(found) == pytest.approx(truth, rel=1e-9, abs=1e-14)
    assert abs(float(found) - truth) <= float(found.error) + 1e-14 * truth


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (one(Cauchy, 0.0, 1.0), one(Normal, 0.0, 1.0)),
        (one(Beta, 0.5, 0.5), one(Beta, 2.0, 2.0)),
        (one(Gamma, 2.0, 1.0), one(Gamma, 3.0, 1.0)),
        (one(Gamma, 2.0, 1.0), one(Exponential, 1.0)),
        (one(Gamma, 1.5, 1.0), one(Normal, 0.0, 1.0)),
        (one(Weibull, 1.0, 2.0), one(Weibull, 1.0, 1.5)),
        (one(Exponential, 1.0), one(InverseGamma, 2.0, 1.0)),
        (one(Normal, 0.0, 1.0), one(Uniform, 0.0, 1.0)),
        (one(Normal, 0.0, 1.0), one(LogNormal, 0.0, 1.0)),
    ],
    ids=[
        *("tail", "pole", "logarithmic", "constant", "within", "nan", "overflow"),
        *("interval", "half-line"),
    ],
)
def test_it_is_infinite_where_the_mean_is_or_where_q_has_no_score(p, q):
    found = fisher(p, q)
    assert (float(found), float(found.error)) == (math.inf, 0.0)
    assert found.reason


def test_it_is_blind_to_the_weights_of_modes_far_apart():
    def mixture(weight):
        weights = torch.tensor([weight, 1 - weight], dtype=torch.float64)
        return MixtureSameFamily(Weights(weights), one(Normal, [-20.0, 20.0], 1.0))

    assert float(fisher(mixture(0.9), mixture(0.1))) <= 1e-60
    assert float(kldiv.divergence(mixture(0.9), mixture(0.1))) > 1


SHIFT = (0.4, 1.1, -0.7, 1.6)


def normals(a, b, c, d):
    return Normal(a, b), Normal(c, d)


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_its_gradient_is_that_of_finite_differences(estimator):
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in SHIFT]
    assert torch.autograd.gradcheck(lambda *all: fisher(*normals(*all), estimator).value, leaves)


def test_its_gradient_moves_with_the_ends_of_the_support():
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (0.3, 1.2)]
    q = one(Normal, 0.0, 2.0)
    assert torch.autograd.gradcheck(lambda a, b: fisher(Uniform(a, b), q).value, leaves)


def test_its_gradient_by_sampling_is_right_in_the_mean():
    repeats = 200
    leaves = [
        torch.full((repeats,), each, dtype=torch.float64, requires_grad=True) for each in SHIFT
    ]
    sampler = kldiv.MonteCarlo(samples=1_000)
    value = fisher(*normals(*leaves), sampler, seed=2).value
    found = torch.stack(torch.autograd.grad(value.sum(), leaves))
    exact = fisher(*normals(*leaves), "exact").value
    expected = torch.stack(torch.autograd.grad(exact.sum(), leaves))[:, 0]
    spread = found.std(1) / repeats**0.5
    assert ((found.mean(1) - expected).abs() <= 5 * spread).all()


def test_an_infinite_value_has_no_nan_in_its_gradient():
    low = torch.tensor([0.5, -0.5], dtype=torch.float64, requires_grad=True)
    found = fisher(Uniform(low, 2.0), one(Gamma, 3.0, 1.0))
    assert found.value.isinf().tolist() == [False, True]
    (slope,) = torch.autograd.grad(torch.where(found.value.isinf(), 0.0, found.value).sum(), low)
    assert slope.isfinite().all()


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_close_pairs_keep_their_digits_in_float32(estimator):
    p = Normal(torch.zeros(3), torch.tensor([0.1, 1.0, 1000.0]))
    q = Normal(torch.zeros(3), p.scale * (1 + 1e-3))
    found = fisher(p, q, estimator).value
    assert found.dtype == torch.float32
    sigma, tau = p.scale.double(), q.scale.double()
    truth = ((sigma - tau) * (sigma + tau)).square() / (sigma * tau.square()).square()
    torch.testing.assert_close(found.double(), truth, rtol=2e-7, atol=0)


def covariances(size):
    generator = torch.Generator().manual_seed(size)
    root = torch.randn(2, size, size, generator=generator, dtype=torch.float64)
    return root @ root.mT + 0.5 * torch.eye(size)


@pytest.mark.parametrize("size", [2, 5])
def test_between_normal_vectors_it_is_the_formula_of_the_inverse_matrices(size):
    first, second = covariances(size)
    shift = torch.linspace(-1, 1, size, dtype=torch.float64)
    gap = torch.linalg.inv(second) - torch.linalg.inv(first)
    truth = torch.trace(gap @ first @ gap) + torch.linalg.solve(second, shift).square().sum()
    p = MultivariateNormal(shift, first)
    q = MultivariateNormal(torch.zeros(size).double(), second)
    assert float(fisher(p, q, "exact")) == pytest.approx(float(truth), rel=1e-11)


def test_of_independent_parts_it_is_the_sum():
    p, q = (
        one(Laplace, [0.0, 1.0, 2.0], 1.0),
        one(StudentT, [3.0, 4.0, 5.0], 0.0, 1.0),
    )
    whole = fisher(Independent(p, 1), Independent(q, 1))
    assert float(whole) == pytest.approx(float(fisher(p, q).value.sum()), rel=1e-14)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_fit_by_it_finds_a_member_of_the_family(direction):
    target = one(Normal, 1.5, 0.4)
    found = kldiv.fit(target, "normal", "fisher", direction=direction)
    assert found.converged
    assert float(found.parameters["loc"]) == pytest.approx(1.5, abs=1e-5)
    assert float(found.parameters["scale"]) == pytest.approx(0.4, rel=1e-5)


@pytest.mark.parametrize("mass", [0.4, 1.0, 2.5])
def test_a_measure_counts_by_its_mass(mass):
    """The error is that of the integral: nothing says what the mass should be."""
    p, q = one(Normal, 0.3, 1.0), one(Normal, 0.0, 1.5)
    measure = kldiv.Target(lambda x: p.log_prob(x) + math.log(mass), normalize=False)
    found = fisher(measure, q)
    assert abs(float(found) - mass * float(fisher(p, q))) <= float(found.error) <= 1e-9
