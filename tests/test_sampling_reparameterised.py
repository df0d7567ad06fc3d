"""Every estimator of a gradient has the exact gradient for its mean."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Categorical,
    Dirichlet,
    Gamma,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
)

import kldiv

from kldiv import MonteCarlo
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target

F64 = torch.float64
GRADIENTS = ("score", "pathwise", "doubly_reparameterised")
RUNS = 200


def numbers(*values):
    return torch.tensor(values, dtype=F64)


def normal(theta):
    return Normal(theta[..., 0], theta[..., 1].exp())


def gamma(theta):
    return Gamma(theta[..., 0].exp(), theta[..., 1].exp())


def beta(theta):
    return Beta(theta[..., 0].exp(), theta[..., 1].exp())


def student(theta):
    return StudentT(numbers(5.0)[0], theta[..., 0], theta[..., 1].exp())


def mixture(theta):
    shares = Categorical(logits=torch.stack([theta[..., 0], -theta[..., 0]], -1))
    return MixtureSameFamily(shares, Normal(theta[..., 1:3], theta[..., 3:5].exp()))


def plane(theta):
    return Independent(Normal(theta[..., :2], theta[..., 2:].exp()), 1)


def dirichlet(theta):
    return Dirichlet(theta.exp())


CASES = {
    "normal": (normal, (0.3, -0.2), Normal(numbers(0.0)[0], 1.2)),
    "student": (student, (0.3, -0.2), Normal(numbers(0.0)[0], 2.0)),
    "gamma, implicitly": (gamma, (0.6, 0.1), Gamma(numbers(2.5)[0], 1.0)),
    "beta, implicitly": (beta, (1.1, 1.3), Beta(numbers(2.5)[0], 3.0)),
    "mixture": (mixture, (0.2, -1.0, 1.5, -0.3, 0.1), Normal(numbers(0.2)[0], 1.7)),
    "plane": (plane, (0.1, -0.2, 0.1, -0.3), Independent(Normal(numbers(0.0, 0.0), 1.0), 1)),
    "dirichlet": (dirichlet, (0.9, 1.2), Dirichlet(numbers(2.0, 3.0))),
}
DIVERGENCES = ("kl", "squared_hellinger", "jensen_shannon", "squared_l2", "cosine")


def sides(moving, other, *, first):
    return (moving, other) if first else (other, moving)


def exact_gradient(make, values, other, divergence, *, first):
    theta = numbers(*values).requires_grad_()
    found = kldiv.divergence(*sides(make(theta), other, first=first), divergence)
    assert found.method != "monte_carlo"
    return torch.autograd.grad(found.value, theta)[0]


def estimated_gradients(make, values, other, divergence, estimator, *, first):
    """Many independent gradients, with shape (RUNS, P)."""
    theta = numbers(*values).expand(RUNS, -1).clone().requires_grad_()
    pair = sides(as_target(make(theta), "q"), as_target(other, "p"), first=first)
    problem = Problem(as_divergence(divergence), *pair, seed=3)
    return torch.autograd.grad(estimator.value(problem).sum(), theta)[0]


@pytest.mark.parametrize(
    ("case", "first"),
    [(case, first) for case in CASES for first in (True, False) if case != "dirichlet" or first],
)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_mean_is_the_exact_gradient(gradient, case, first):
    make, values, other = CASES[case]
    estimator = MonteCarlo(64, gradient=gradient)
    for divergence in ("kl",) if case == "dirichlet" else DIVERGENCES:
        exact = exact_gradient(make, values, other, divergence, first=first)
        found = estimated_gradients(make, values, other, divergence, estimator, first=first)
        stderr = found.std(0) / math.sqrt(RUNS)
        assert ((found.mean(0) - exact).abs() <= 4.5 * stderr + 1e-9).all(), divergence


def test_the_landing_is_stuck():
    for make, values in ((normal, (0.0, 0.2)), (gamma, (0.5, 0.1)), (plane, (0.0, 0.0, 0.1, 0.1))):
        same = make(numbers(*values))
        options = {"divergence": "kl", "first": True}
        doubly, pathwise = (
            estimated_gradients(
                make, values, same, estimator=MonteCarlo(32, gradient=each), **options
            )
            for each in ("doubly_reparameterised", "pathwise")
        )
        assert float(doubly.abs().max()) < 1e-12
        assert float(pathwise.std(0).min()) > 1e-3


def test_near_the_target_derivatives_of_the_points_alone_have_less_noise():
    other = Normal(numbers(0.05)[0], 1.0)
    for divergence in ("kl", "squared_hellinger", "jensen_shannon"):
        noise = {}
        for gradient in GRADIENTS[1:]:
            estimator = MonteCarlo(64, gradient=gradient)
            found = estimated_gradients(
                student, (0.0, 0.0), other, divergence, estimator, first=True
            )
            noise[gradient] = found.std(0).norm()
        assert noise["doubly_reparameterised"] < noise["pathwise"], divergence


def test_a_target_known_up_to_its_mass_serves_kl():
    matrix = numbers(2.0, 0.3, 0.3, 1.0).reshape(2, 2)
    exact = MultivariateNormal(torch.zeros(2).double(), matrix)
    target = kldiv.Target(lambda x: exact.log_prob(x) + 5.0, event_shape=(2,))
    values = (0.4, -0.3, 0.2, 0.1)
    expected = exact_gradient(plane, values, exact, "kl", first=True)
    for gradient in GRADIENTS:
        estimator = MonteCarlo(256, gradient=gradient)
        found = estimated_gradients(plane, values, target, "kl", estimator, first=True)
        gap = (found.mean(0) - expected).abs()
        assert (gap <= 4.5 * found.std(0) / math.sqrt(RUNS) + 1e-9).all(), gradient


def test_the_estimate_itself_is_derived_in_the_same_way():
    theta = numbers(0.0, 0.2).requires_grad_()
    same = normal(theta.detach())
    estimator = MonteCarlo(512, gradient="doubly_reparameterised")
    found = kldiv.divergence(normal(theta), same, estimator=estimator)
    (slope,) = torch.autograd.grad(found.value, theta)
    assert float(slope.abs().max()) < 1e-12
    assert found.stderr is not None


def test_what_does_not_move_is_refused_with_the_reason():
    estimator = MonteCarlo(gradient="pathwise")
    with pytest.raises(kldiv.NotAvailable, match="do not move with its parameters"):
        kldiv.divergence(Poisson(numbers(3.0)[0]), Poisson(numbers(2.0)[0]), estimator=estimator)
    with pytest.raises(kldiv.InvalidArgument, match="gradient must be 'score' or"):
        MonteCarlo(gradient="implicit")


def test_a_descent_on_moving_draws_ends_at_the_optimum():
    estimator = MonteCarlo(64, gradient="doubly_reparameterised")
    solver = kldiv.Descent(torch.optim.Adam, lr=0.05, steps=300, unconstrained=True)
    with pytest.warns(kldiv.ConvergenceWarning, match="Not certain"):
        found = kldiv.fit(
            Normal(numbers(2.0)[0], 3.0),
            "normal",
            direction="reverse",
            estimator=estimator,
            solver=solver,
        )
    assert float(found.parameters["loc"]) == pytest.approx(2.0, abs=1e-3)
    assert float(found.parameters["scale"]) == pytest.approx(3.0, abs=1e-3)
