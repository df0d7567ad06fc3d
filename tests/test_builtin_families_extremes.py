"""Gumbel and Weibull families: fits of members and of others."""

import math

import pytest
import torch

from torch.distributions import Gamma, Gumbel, Normal, StudentT, Weibull

import kldiv

from kldiv.errors import NotFinite

EULER = 0.57721566490153286


def double(value):
    return torch.tensor(value, dtype=torch.float64)


MEMBERS = [
    (Gumbel(double(1.3), double(0.7)), "gumbel", {"loc": -3.0, "scale": 4.0}),
    (Gumbel(double(-2e3), double(30.0)), "gumbel", {"loc": -1.8e3, "scale": 5.0}),
    (Weibull(double(2.0), double(1.5)), "weibull", {"scale": 0.3, "concentration": 4.0}),
    (Weibull(double(1e-3), double(0.6)), "weibull", {"scale": 1e-2, "concentration": 2.0}),
]


@pytest.mark.parametrize(("p", "family", "far"), MEMBERS)
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_member_is_found_from_elsewhere(p, family, far, direction):
    for starts in (None, far):
        found = kldiv.fit(p, family, direction=direction, starts=starts)
        assert found.converged, found.verdict
        assert float(found.divergence) == pytest.approx(0, abs=1e-12)
        for name, value in found.parameters.items():
            assert float(value) == pytest.approx(float(getattr(p, name)), rel=1e-6)


@pytest.mark.parametrize(("p", "family", "far"), MEMBERS)
def test_a_sample_is_fitted_with_the_largest_likelihood(p, family, far):
    torch.manual_seed(0)
    points = p.sample((4000,))
    found = kldiv.fit(points, family)
    best = float(found.q.log_prob(points).mean())
    for name, value in found.parameters.items():
        assert float(value) == pytest.approx(float(getattr(p, name)), rel=0.1)
        for factor in (0.99, 1.01):
            moved = type(p)(**{**found.parameters, name: factor * value})
            assert float(moved.log_prob(points).mean()) < best


def test_the_gumbel_nearest_to_a_normal_is_that_of_the_formula():
    """Stationary where E e^(-x / b) = e^(-m / b) and E x = E x e^(-x / b) / E e^(-x / b) + b."""
    found = kldiv.fit(Normal(double(0.0), double(2.0)), "gumbel")
    assert float(found.parameters["scale"]) == pytest.approx(2.0, rel=1e-6)
    assert float(found.parameters["loc"]) == pytest.approx(-1.0, rel=1e-6)
    back = kldiv.fit(Normal(double(0.0), double(2.0)), "gumbel", direction="reverse")
    scale = float(back.parameters["scale"])
    assert scale == pytest.approx(2 * math.sqrt(6) / math.pi, rel=1e-6)  # of variance 4
    assert float(back.parameters["loc"]) == pytest.approx(-EULER * scale, rel=1e-6)  # and mean 0


def test_tails_too_heavy_for_a_gumbel_are_infinitely_far():
    with pytest.raises(NotFinite, match="not finite at any start"):
        kldiv.fit(StudentT(double(3.0)), "gumbel")
    found = kldiv.divergence(StudentT(double(3.0)), Gumbel(double(0.0), double(1.0)))
    assert float(found) == math.inf


def test_a_weibull_of_fixed_concentration_is_fitted_in_closed_form():
    p = Gamma(double(2.0), double(5.0))
    found = kldiv.fit(p, "weibull(concentration=1.2)")
    assert found.solver == "moment_matching"
    power = math.exp(math.lgamma(3.2) - math.lgamma(2.0)) / 5**1.2  # E x^1.2
    assert float(found.parameters["scale"]) == pytest.approx(power ** (1 / 1.2), rel=1e-10)
    other = kldiv.fit(p, "weibull(concentration=1.2)", solver="quasi_newton")
    assert float(other.parameters["scale"]) == pytest.approx(power ** (1 / 1.2), rel=1e-6)
    exponential = kldiv.fit(p, "weibull(concentration=1)")
    assert float(exponential.parameters["scale"]) == pytest.approx(0.4, rel=1e-10)


def test_a_weibull_of_fixed_scale_has_no_closed_form():
    explained = kldiv.explain_fit(Gamma(double(2.0), double(5.0)), "weibull(scale=1)")
    assert explained.rejected["moment_matching"] == "scale of weibull(scale=1) is held fixed"


def test_a_weibull_near_a_gamma_is_better_than_its_neighbours():
    p = Gamma(double(2.0), double(5.0))
    for direction in ("forward", "reverse"):
        found = kldiv.fit(p, "weibull", direction=direction)
        for name in found.parameters:
            for factor in (0.999, 1.001):
                moved = {**found.parameters, name: found.parameters[name] * factor}
                sides = (p, Weibull(**moved))
                value = kldiv.divergence(*(sides if direction == "forward" else sides[::-1]))
                assert float(value) > float(found.divergence)
