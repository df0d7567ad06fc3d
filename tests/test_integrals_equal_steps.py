"""The trapezium rule with equal steps, under bare log densities."""

import math

import pytest
import torch

from torch.distributions import Normal, constraints

import kldiv

from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.equal_steps import equal_steps
from tests.axis import F64, double


def bent(x, width, bend):
    along, across = x.unbind(-1)
    return -(along / width).square() / 2 - (across - bend * along.square()).square() / 2


LINES = {
    "a normal": (lambda x: -(x - 3).square() / 8, math.sqrt(8 * math.pi)),
    "one far out": (
        lambda x: -((x - 1e4) / 1e-3).square() / 2,
        math.sqrt(2 * math.pi) * 1e-3,
    ),
    "two normals": (
        lambda x: torch.logaddexp(-(x + 20).square() / 0.18, -(x - 30).square() / 50),
        math.sqrt(2 * math.pi) * 5.3,
    ),
    "a logistic": (lambda x: -x - 2 * torch.nn.functional.softplus(-x), 1.0),
    "a Gumbel": (lambda x: x - x.exp(), 1.0),
    "a Student t of nine degrees": (
        lambda x: -5 * torch.log1p(x.square() / 9),
        math.exp(math.lgamma(4.5) - math.lgamma(5.0)) * math.sqrt(9 * math.pi),
    ),
}
PLANES = {
    "a tilted normal": (
        lambda x: -x[..., 0].square() / 2 - 50 * (x[..., 1] - 10 * x[..., 0]).square(),
        math.pi / 5,
    ),
    "a banana": (lambda x: bent(x, 1.0, 0.5), 2 * math.pi),
    "a long banana": (lambda x: bent(x, 10.0, -0.03), 20 * math.pi),
    "a wide and a narrow normal": (
        lambda x: torch.logaddexp(-x.square().sum(-1) / 2, -5 * (x - 6).square().sum(-1)),
        2.2 * math.pi,
    ),
}
CASES = [
    *(pytest.param(*case, (), id=name) for name, case in LINES.items()),
    *(pytest.param(*case, (2,), id=name) for name, case in PLANES.items()),
]
OTHERS = {
    "tails of a power": kldiv.Target(lambda x: -torch.log1p(x.square())),
    "a kink": kldiv.Target(lambda x: -x.abs()),
    "an end": kldiv.Target(lambda x: -x, support=constraints.positive),
    "a batch": kldiv.Target(lambda x: -(x - double(0.0, 1.0)).square()),
    "a needle and a bell": kldiv.Target(
        lambda x: torch.logaddexp(-(x / 1e-3).square(), -((x - 900) / 30).square())
    ),
    "a ring": kldiv.Target(lambda x: -(x.norm(dim=-1) - 4).square() * 30, event_shape=(2,)),
    "heavy tails in the plane": kldiv.Target(
        lambda x: -2 * torch.log1p(x.square().sum(-1)), event_shape=(2,)
    ),
}


@pytest.mark.parametrize(("log_prob", "mass", "event_shape"), CASES)
def test_a_mass_is_right_within_its_error(log_prob, mass, event_shape):
    nodes = equal_steps(kldiv.Target(log_prob, event_shape=event_shape))
    found, _ = nodes.integrals(nodes.under())
    assert abs(float(found.values) - mass) <= float(found.errors) + 1e-14 * mass
    assert float(found.errors) < 1e-8 * mass


@pytest.mark.parametrize("offset", [-600.0, 700.0])
def test_masses_near_the_end_of_numbers_are_right_within_their_errors(offset):
    log_prob, mass = PLANES["a banana"]
    nodes = equal_steps(kldiv.Target(lambda x: log_prob(x) + offset, event_shape=(2,)))
    (value,), (error,) = nodes.expectations(None, Demand(double(1e-9), 0.0, 10**6))
    expected = mass * math.exp(offset)
    assert abs(float(value) - expected) <= float(error) <= 1e-8 * expected


def test_a_mass_beyond_all_numbers_is_declined():
    nodes = equal_steps(kldiv.Target(lambda x: 720 - x.square().sum(-1), event_shape=(2,)))
    assert nodes.expectations(None, Demand(double(1e-9), 0.0, 10**6)) is None


@pytest.mark.parametrize("target", [pytest.param(each, id=name) for name, each in OTHERS.items()])
def test_what_needs_other_nodes_is_declined(target):
    assert equal_steps(target) is None


def test_a_distribution_is_left_to_rules_that_know_its_parts():
    assert equal_steps(kldiv.resolving.as_target(Normal(0.0, 1.0), "p")) is None


def test_the_nodes_serve_statistics_too():
    nodes = equal_steps(kldiv.Target(lambda x: -(x - 3).square() / 8))
    found, _ = nodes.integrals(nodes.under(lambda x: (x, x.square())))
    mass, mean, square = found.values
    assert float(mean / mass) == pytest.approx(3, rel=1e-13)
    assert float(square / mass) == pytest.approx(13, rel=1e-13)


def test_a_statistic_that_they_are_too_coarse_for_is_declined():
    nodes = equal_steps(kldiv.Target(lambda x: -x.square() / 2))
    demand = Demand(double(1e-12), 0.0, 1000)
    smooth, _ = nodes.expectations(lambda x: (x.cos(),), demand)
    assert float(smooth[1]) == pytest.approx(math.sqrt(2 * math.pi) * math.exp(-0.5), rel=1e-13)
    assert nodes.expectations(lambda x: ((15 * x).cos(),), demand) is None
    assert nodes.expectations(lambda x: (x.abs(),), demand) is None


def test_a_statistic_that_grows_beyond_the_nodes_is_declined():
    nodes = equal_steps(kldiv.Target(lambda x: -x.square() / 2))
    growing = lambda x: ((x.square() / 2.01).exp(),)
    assert nodes.expectations(growing, Demand(double(1e-9), 0.0, 1000)) is None


def test_integrals_have_the_gradient_of_the_density():
    scale = double(2.0).squeeze().requires_grad_()
    nodes = equal_steps(kldiv.Target(lambda x: -(x / scale).square() / 2))
    found, _ = nodes.integrals(nodes.under())
    (slope,) = torch.autograd.grad(found.values.sum(), scale)
    assert float(slope) == pytest.approx(math.sqrt(2 * math.pi), rel=1e-12)


def test_what_lies_far_beyond_the_nodes_is_in_the_error():
    faint = lambda x: torch.logaddexp(-x.square() / 2, -30 - 2 * torch.log1p(x.square()) / 3)
    assert equal_steps(kldiv.Target(faint)) is None
    nodes = equal_steps(kldiv.Target(lambda x: -x.square() / 2))
    far, _ = nodes.integrals(
        nodes.under(lambda x: ((x.abs() > 40).to(F64) * (x.square() / 2).exp(),))
    )
    assert float(far.errors[1]) > 1
