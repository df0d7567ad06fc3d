"""Von Mises family: the concentration of a mean, the cut of the circle, fits."""

import math

import mpmath
import pytest
import torch

from torch.distributions import (
    Categorical,
    MixtureSameFamily,
    Uniform,
    VonMises,
    constraints,
)

import kldiv

from kldiv.builtin.families.von_mises import _concentration
from kldiv.definitions.place import Place


def double(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("k", [1e-12, 1e-3, 0.3, 1.0, 7.0, 100.0, 999.0, 1001.0, 1e5, 1e8])
def test_the_concentration_of_a_mean_length_is_found(k):
    length = mpmath.besseli(1, k) / mpmath.besseli(0, k) if k < 1e4 else None
    if length is None:  # the expansion of the ratio of Bessel functions
        length = 1 - 1 / (2 * mpmath.mpf(k)) - 1 / (8 * mpmath.mpf(k) ** 2)
    digits = 4e-16 * (1 + 2 * k)  # a length has no more of them
    assert float(_concentration(double(float(length)))) == pytest.approx(k, rel=10 * digits + 1e-9)


def test_a_length_of_nothing_and_of_one_stay_finite():
    found = _concentration(double([0.0, 1.0]))
    assert found[0] < 1e-100
    assert found[1].isfinite()


@pytest.mark.parametrize("loc", [0.0, 1.0, 3.1, math.pi, -3.1])
@pytest.mark.parametrize("k", [0.1, 2.5, 300.0])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_member_is_found_also_across_the_cut(loc, k, direction):
    found = kldiv.fit(VonMises(double(loc), double(k)), "von_mises", direction=direction)
    assert found.converged, found.verdict
    turned = float(found.parameters["loc"]) - loc
    assert math.remainder(turned, 2 * math.pi) == pytest.approx(0, abs=1e-5)
    assert -math.pi < found.parameters["loc"] <= math.pi
    assert float(found.parameters["concentration"]) == pytest.approx(k, rel=1e-5)


def test_a_direction_is_reported_between_minus_pi_and_pi():
    family = kldiv.families.create("von_mises").fitted_to(torch.Size())
    for given, expected in [(4.0, 4 - 2 * math.pi), (math.pi, math.pi), (-math.pi, math.pi)]:
        values = family.space.constrain(double([given, 0.0]))
        assert float(values["loc"]) == pytest.approx(expected)
    theta = double([9.0, 0.0]).requires_grad_()
    (slope,) = torch.autograd.grad(family.space.constrain(theta)["loc"], theta)
    assert slope.tolist() == [1, 0]


def test_a_sample_about_the_cut_is_matched():
    p = VonMises(double(3.0), double(2.5))
    torch.manual_seed(0)
    points = p.sample((5000,))
    found = kldiv.fit(points, "von_mises")
    assert found.solver == "moment_matching"
    mean = complex(points.cos().mean(), points.sin().mean())
    assert float(found.parameters["loc"]) == pytest.approx(math.atan2(mean.imag, mean.real))
    k = found.parameters["concentration"]
    length = float(torch.special.i1e(k) / torch.special.i0e(k))
    assert length == pytest.approx(abs(mean), rel=1e-12)


def two_peaks():
    return kldiv.Target(
        lambda x: 1.5 * x.cos() + (2 * x - 1).cos(),
        support=constraints.interval(-math.pi, math.pi),
    )


@pytest.mark.parametrize("spec", ["von_mises", "von_mises(loc=0.2)", "von_mises(concentration=2)"])
def test_the_closed_form_is_the_optimum_also_with_a_parameter_fixed(spec):
    exact = kldiv.fit(two_peaks(), spec)
    searched = kldiv.fit(two_peaks(), spec, solver="quasi_newton", starts=2)
    assert exact.solver == "moment_matching"
    for name, value in exact.parameters.items():
        assert float(searched.parameters[name]) == pytest.approx(float(value), rel=1e-6)


def test_the_reverse_optimum_is_better_than_its_neighbours():
    found = kldiv.fit(two_peaks(), "von_mises", direction="reverse")
    assert found.converged, found.verdict
    for name in found.parameters:
        for shift in (-1e-3, 1e-3):
            moved = {**found.parameters, name: found.parameters[name] + shift}
            value = kldiv.divergence(VonMises(**moved), two_peaks())
            assert float(value) > float(found.divergence)


def test_a_mixture_on_the_circle_is_matched():
    shares, loc, k = double([0.5, 0.5]), double([3.0, -2.5]), double([5.0, 20.0])
    p = MixtureSameFamily(Categorical(shares), VonMises(loc, k))
    found = kldiv.fit(p, "von_mises")
    length = torch.special.i1e(k) / torch.special.i0e(k)
    x, y = (shares * length * loc.cos()).sum(), (shares * length * loc.sin()).sum()
    assert float(found.parameters["loc"]) == pytest.approx(math.atan2(y, x), rel=1e-9)


def test_the_normal_nearest_to_a_von_mises_has_its_variance_on_the_line():
    p = VonMises(double(0.0), double(1.0))
    x = math.pi * ((torch.arange(200_000).double() + 0.5) / 100_000 - 1)
    density = x.cos().exp()
    variance = float((density * x.square()).sum() / density.sum())
    found = kldiv.fit(p, "normal")
    assert float(found.parameters["scale"]) ** 2 == pytest.approx(variance, rel=1e-8)


def test_the_evenly_covered_circle_has_no_concentration():
    found = kldiv.fit(Uniform(double(-math.pi), double(math.pi)), "von_mises")
    assert found.parameters["concentration"] < 1e-12


def test_a_narrow_mode_at_the_cut_makes_no_needle_of_a_start():
    family = kldiv.families.create("von_mises").fitted_to(torch.Size())
    whole = Place(double(0.0), double(1.0))
    needle = Place(double(math.pi), double(1e-30))
    starts = family.starts([whole, needle], None)
    assert float(starts[1]["concentration"]) < 1e5
