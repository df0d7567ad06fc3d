"""Data against a density: differences, limits, errors and gradients of what is left of D."""

import math

import pytest
import torch

from torch.distributions import (
    Categorical,
    Cauchy,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
)

import kldiv

from kldiv.definitions.chunked_target import ChunkedTarget
from kldiv.definitions.power_norm import PowerNorm
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.estimators.crossing import crossing_of
from kldiv.resolving import as_divergence, ladder

F64 = torch.float64
CROSSED = [
    "kl",
    "density_power(beta=0.3)",
    "density_power(beta=2)",
    "gamma(gamma=0.4)",
    "squared_l2",
    "cauchy_schwarz",
]
NEEDS_P = ["chi2", "jensen_shannon", "renyi(alpha=2)", "cosine", "density_power(beta=0)", "fisher"]


def one(value):
    return torch.tensor(value, dtype=F64)


def normal_points(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, generator=generator, dtype=F64)


@pytest.mark.parametrize("name", CROSSED)
def test_what_is_left_out_does_not_depend_on_q(name):
    faces = one([0.5, 0.2, 0.25, 0.05])
    data, p = SampleTarget(torch.arange(4.0), faces), Categorical(faces)
    q = Categorical(one([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]]))
    left, whole = (kldiv.divergence(side, q, name).value for side in (data, p))
    torch.testing.assert_close(left - left[0], whole - whole[0], rtol=1e-12, atol=1e-12)
    assert kldiv.divergence(data, q, name).up_to_constant


@pytest.mark.parametrize("name", ["density_power(beta={})", "gamma(gamma={})"])
def test_towards_the_parameter_0_it_becomes_the_cross_entropy(name):
    data, q = normal_points(50, 0), Normal(one(0.5), one(2.0))
    limit = kldiv.divergence(data, q).value
    far, near = (
        (kldiv.divergence(data, q, name.format(small)).value - limit).abs()
        for small in (1e-3, 1e-6)
    )
    assert 0 < far < 0.02
    assert near < 2e-3 * far


@pytest.mark.parametrize("name", CROSSED)
def test_the_error_holds(name):
    p, q = Normal(one(0.0), one(1.0)), Normal(one(0.7), one(1.5))
    far = Laplace(one(0.0), one(1.0))  # differences know no constant
    truth = float(kldiv.divergence(p, q, name).value - kldiv.divergence(p, far, name).value)
    held = 0
    for seed in range(100):
        data = normal_points(60, seed)
        one_side, other = (kldiv.divergence(data, side, name) for side in (q, far))
        off = float(one_side.value - other.value) - truth
        held += abs(off) <= float(one_side.error + other.error)
    assert held >= 98


@pytest.mark.parametrize("name", CROSSED)
def test_the_gradient_is_that_of_finite_differences(name):
    data = normal_points(30, 1)

    def value(parameters):
        return kldiv.divergence(data, Normal(parameters[0], parameters[1].exp()), name).value

    assert torch.autograd.gradcheck(value, (one([0.3, 0.2]).requires_grad_(),), rtol=1e-5)


@pytest.mark.parametrize("power", [0.5, 1.3, 2.0])
@pytest.mark.parametrize(
    "q",
    [
        Normal(one(1.0), one([0.5, 3.0])),
        Laplace(one(1.0), one([0.5, 3.0])),
        Exponential(one(2.0)),
        Gamma(one(3.0), one(2.0)),
        Cauchy(one(0.0), one(1.0)),
        Independent(Normal(one([1.0, 2.0]), one([0.5, 3.0])), 1),
        MultivariateNormal(one([1.0, 2.0]), one([[2.0, 0.5], [0.5, 1.0]])),
    ],
)
def test_the_norm_of_a_power_is_its_integral(q, power):
    problem = Problem(PowerNorm(power), DistributionTarget(q), DistributionTarget(q))
    found, integral = ladder().estimate(problem), kldiv.Quadrature().estimate(problem)
    infinite = isinstance(q, Cauchy) and power == 0.5
    assert found.value.isinf().all() == infinite
    assert infinite or ((found.value - integral.value).abs() <= found.error + integral.error).all()


def test_in_many_dimensions_the_norm_is_a_closed_form():
    q = Independent(Normal(torch.zeros(30, dtype=F64), one(2.0)), 1)
    found = kldiv.divergence(torch.zeros(5, 30), q, "density_power(beta=1)")
    height = (2 * math.pi * 4) ** -15.0
    norm = (4 * math.pi * 4) ** -15.0
    assert float(found.value) == pytest.approx(norm - 1 - 2 * (height - 1), rel=1e-12)


@pytest.mark.parametrize("name", NEEDS_P)
def test_the_others_say_that_they_need_the_density_of_p(name):
    assert crossing_of(as_divergence(name)) is None
    with pytest.raises(kldiv.NotAvailable, match=r"the density of p|no integral"):
        kldiv.divergence(normal_points(9, 0), Normal(one(0.0), one(1.0)), name)


def test_a_density_of_unknown_mass_is_refused():
    cube = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    with pytest.raises(kldiv.NotAvailable, match="not known to be normalised"):
        kldiv.divergence(torch.randn(9, 3), cube, "squared_l2")


def test_chunks_are_added_up_where_the_divergence_is_a_sum():
    data, q = normal_points(90, 0), Normal(one(0.0), one(1.0))
    chunks = ChunkedTarget(data.split(20))
    found, whole = (kldiv.divergence(each, q, "squared_l2") for each in (chunks, data))
    torch.testing.assert_close(found.value, whole.value)
    torch.testing.assert_close(found.error, whole.error)
    by_parts = kldiv.fit(chunks, "normal", "squared_l2")
    assert by_parts.converged
    at_once = kldiv.fit(data, "normal", "squared_l2")
    for name, value in at_once.parameters.items():
        torch.testing.assert_close(by_parts.parameters[name], value, rtol=1e-6, atol=1e-6)
    with pytest.raises(kldiv.NotAvailable, match="no sum over the chunks"):
        kldiv.fit(chunks, "normal", "gamma(gamma=0.5)")


@pytest.mark.parametrize("name", CROSSED[1:])
def test_outliers_hardly_move_a_fit_of_powers(name):
    clean = normal_points(400, 0)
    dirty = torch.cat([clean, torch.full((20,), 50.0, dtype=F64)])
    without, beside = (kldiv.fit(data, "normal", name) for data in (clean, dirty))
    assert beside.converged
    assert abs(float(beside.q.loc - without.q.loc)) < 0.02
    assert float(beside.q.scale / without.q.scale) < 1.2


POWERS = [*CROSSED[1:], "gamma(gamma=2)"]


@pytest.mark.parametrize("name", POWERS)
@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1e4, 1e9])
def test_in_any_unit_of_x_data_have_the_same_fit(name, unit):
    data = normal_points(200, 3)
    here, there = (kldiv.fit(scale * data, "normal", name) for scale in (1.0, unit))
    assert here.converged
    assert there.converged
    for parameter, value in here.parameters.items():
        assert float(there.parameters[parameter]) / unit == pytest.approx(float(value), rel=1e-5)
    degree = as_divergence(name).degree_in_x(1)
    ratio = float(there.divergence.error / here.divergence.error)
    assert ratio == pytest.approx(unit**degree, rel=1e-3)


@pytest.mark.parametrize("name", POWERS)
@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_differences_between_densities_of_vectors_keep_their_digits(name, unit):
    data = normal_points(24 * 40, 0).reshape(40, 24)
    first, second = one(0.9), one(1.1)

    def difference(unit):
        sides = [
            Independent(Normal(torch.zeros(24, dtype=F64), unit * scale), 1)
            for scale in (first, second)
        ]
        values = [float(kldiv.divergence(unit * data, side, name).value) for side in sides]
        return values[1] - values[0]

    degree = as_divergence(name).degree_in_x(24)
    assert difference(unit) == pytest.approx(difference(1.0) * unit**degree, rel=1e-9)
