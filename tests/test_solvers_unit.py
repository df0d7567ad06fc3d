"""Fits of divergences whose values have a unit of x do not depend on that unit."""

import pytest
import torch

from torch.distributions import Categorical, Cauchy, MixtureSameFamily, Normal

import kldiv

F64 = torch.float64
WITH_UNITS = (
    ("fisher", "forward"),
    ("fisher", "reverse"),
    ("squared_l2", "forward"),
    ("density_power(beta=0.5)", "reverse"),
    ("density_power(beta=2)", "forward"),
)


def two_modes(unit):
    weights, loc, scale = (
        torch.tensor(each, dtype=F64) for each in ([0.35, 0.65], [1.0, 5.0], [0.8, 1.0])
    )
    return MixtureSameFamily(Categorical(weights), Normal(unit * loc, unit * scale))


@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e12])
@pytest.mark.parametrize(("divergence", "direction"), WITH_UNITS)
def test_the_same_member_is_found_in_each_unit(divergence, direction, unit):
    here, there = (
        kldiv.fit(two_modes(each), "normal", divergence, direction=direction)
        for each in (1.0, unit)
    )
    assert here.converged
    assert there.converged
    assert len(here.optima) == len(there.optima)
    for name, value in here.parameters.items():
        assert float(there.parameters[name] / unit) == pytest.approx(float(value), rel=1e-6)
    degree = there.objective.degree_in_x(1)
    grown = float(here.divergence.value) * unit**degree
    assert float(there.divergence.value) == pytest.approx(grown, rel=1e-9)
    assert there.optima[0].value == pytest.approx(grown, rel=1e-9)
    assert float(there.history.loss[-1]) == pytest.approx(grown, rel=1e-9)


def test_planes_count_twice():
    def nearest(unit):
        shape = torch.tensor([[1.0, 0.6], [0.6, 2.0]], dtype=F64) * unit**2
        target = torch.distributions.MultivariateNormal(torch.zeros(2, dtype=F64), shape)
        return kldiv.fit(target, "isotropic_normal", "squared_l2")

    here, there = nearest(1.0), nearest(1e5)
    assert there.converged
    scale = float(here.parameters["scale"].reshape(-1)[0])
    assert float(there.parameters["scale"].reshape(-1)[0]) == pytest.approx(1e5 * scale, rel=1e-5)
    assert there.optima[0].value == pytest.approx(here.optima[0].value * 1e-10, rel=1e-6)


def test_an_observer_sees_the_losses_in_the_unit_of_the_divergence():
    seen = []
    fitted = kldiv.fit(
        two_modes(1e6), "normal", "fisher", callback=lambda step: seen.append(step.loss.min())
    )
    assert float(seen[-1]) == pytest.approx(float(fitted.divergence.value), rel=1e-9)
    assert float(seen[-1]) < 1e-11


def test_the_end_of_a_descent_is_judged_in_that_unit_too():
    with pytest.warns(kldiv.ConvergenceWarning, match="Not converged"):
        fitted = kldiv.fit(
            two_modes(1e6),
            "normal",
            "fisher",
            solver=kldiv.Descent(torch.optim.SGD, lr=1e-3, steps=3, unconstrained=True),
            starts={"loc": 0.0, "scale": 1e6},
        )
    assert "slope" in fitted.verdict


@pytest.mark.parametrize(
    ("name", "size", "degree"),
    [
        ("kl", 3, 0),
        ("jensen_shannon", 1, 0),
        ("alpha(alpha=0.3)", 2, 0),
        ("cosine", 2, 0),
        ("squared_l2", 3, -3),
        ("density_power(beta=0.1)", 2, -0.2),
        ("density_power(beta=0)", 2, 0),
        ("fisher", 4, -2),
    ],
)
def test_the_degree_follows_from_what_a_divergence_states(name, size, degree):
    assert kldiv.divergences.create(name).degree_in_x(size) == pytest.approx(degree, abs=1e-15)


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("unit", [1e-5, 1.0, 1e4])
@pytest.mark.parametrize("far", [0.0, 1e5])
def test_a_target_without_moments_is_fitted_wherever_it_is(bare, unit, far):
    middle, scale = (torch.tensor(each * unit, dtype=F64) for each in (far, 1.0))
    target = Cauchy(middle, scale)
    given = kldiv.Target(target.log_prob) if bare else target
    found = kldiv.fit(given, "normal", "alpha(alpha=0.999)", direction="reverse")
    assert found.converged
    assert float((found.q.loc - middle) / scale) == pytest.approx(0, abs=1e-6)
    assert float(found.q.scale / scale) == pytest.approx(1.63435, rel=1e-4)
