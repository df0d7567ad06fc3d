"""The nearest normal to a normal target in reverse is known without a search."""

import pytest
import torch

from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

import kldiv

from kldiv.resolving import as_target, family_for
from kldiv.solvers.normal_optimum import nearest_normal

F64 = torch.float64


def double(values):
    return torch.tensor(values, dtype=F64)


def tilted(dtype=F64):
    generator = torch.Generator().manual_seed(1)
    factor = torch.randn(3, 3, generator=generator, dtype=F64)
    covariance = factor @ factor.mT + torch.eye(3, dtype=F64)
    return MultivariateNormal(double([1.0, -2.0, 0.5]).to(dtype), covariance.to(dtype))


def apart():
    return Independent(Normal(double([1.0, -2.0]), double([0.5, 3.0])), 1)


CASES = {
    "a scalar": (Normal(double(3.0), double(2.0)), "normal"),
    "a fixed mean": (Normal(double(3.0), double(2.0)), "normal(loc=1.0)"),
    "a fixed scale": (Normal(double(3.0), double(2.0)), "normal(scale=0.5)"),
    "one scale": (tilted(), "isotropic_normal"),
    "a scale for each": (tilted(), "diagonal_normal"),
    "scales about another mean": (tilted(), "diagonal_normal(loc=[0.0, 1.0, 2.0])"),
    "a covariance": (tilted(), "full_normal"),
    "a covariance about another mean": (tilted(), "full_normal(loc=[0.0, 1.0, 2.0])"),
    "independent coordinates": (apart(), "isotropic_normal"),
    "a batch": (Normal(double([3.0, 1.0]), double([2.0, 0.1])), "normal"),
    "few digits": (tilted(torch.float32), "diagonal_normal"),
}


@pytest.mark.parametrize("case", CASES)
def test_no_search_ends_elsewhere(case):
    target, family = CASES[case]
    found = kldiv.fit(target, family, direction="reverse")
    other = kldiv.fit(target, family, direction="reverse", solver="quasi_newton")
    assert found.solver == "moment_matching"
    assert found.converged
    assert (found.diagnostics["gradient_norm"] < 1e-6).all()
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, other.parameters[name], rtol=1e-6, atol=1e-6)


def test_the_verdict_does_not_speak_of_moments():
    found = kldiv.fit(*CASES["one scale"], direction="reverse")
    assert found.verdict == "Converged in closed form: no member is nearer."
    assert len(found.optima) == 1


@pytest.mark.parametrize(
    ("target", "family"),
    [
        (Laplace(double(0.0), double(1.0)), "normal"),
        (Normal(double(0.0), double(1.0)), "laplace"),
        (tilted(), "low_rank_normal(rank=1)"),
        (kldiv.Target(lambda x: -x.square() / 2), "normal"),
    ],
)
def test_it_is_known_only_between_normals(target, family):
    target = as_target(target, "target")
    assert nearest_normal(family_for(family, target), target.distribution) is None


def test_an_estimator_that_was_asked_for_is_what_a_search_makes_small():
    target, family = CASES["a scalar"]
    found = kldiv.fit(target, family, direction="reverse", estimator="quadrature")
    assert found.solver == "moving_nodes"
    assert found.divergence.method == "quadrature"
