"""The largest member of a family of divergences, by any estimator that has its members."""

import math

import pytest
import torch

from torch.distributions import Categorical as Weights
from torch.distributions import MixtureSameFamily, Normal, Poisson, Uniform

import kldiv

from kldiv.builtin.divergences.chernoff import Chernoff
from kldiv.estimators import MonteCarlo, Problem, Quadrature, Sum
from kldiv.estimators.envelope import upper_envelope
from kldiv.resolving import as_target


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def poissons(rate_p, rate_q):
    """The closed form: the largest of α p + (1 - α) q - p^α q^(1 - α)."""
    ratio = math.log(rate_p / rate_q)
    order = math.log((rate_p / rate_q - 1) / ratio) / ratio
    return order * rate_p + (1 - order) * rate_q - rate_q * math.exp(order * ratio)


@pytest.mark.parametrize("estimator", [Sum(), MonteCarlo(samples=20_000)])
def test_it_is_the_largest_member_within_its_error(estimator):
    p, q = one(Poisson, 2.0), one(Poisson, 5.0)
    family = Chernoff()
    problem = Problem(family, as_target(p, "p"), as_target(q, "q"), seed=1)
    found = upper_envelope(estimator, problem, family)
    assert found.method == estimator.name
    assert abs(float(found) - poissons(2.0, 5.0)) <= float(found.error)
    single = estimator.estimate(
        Problem(family.at(torch.tensor(0.5).double()), problem.p, problem.q)
    )
    assert found.evaluations >= 2 * single.evaluations


def test_sides_so_far_apart_that_the_integral_is_0_in_floating_point_are_scaled():
    p, q = one(Poisson, 2.0), one(Poisson, 3000.0)
    found = kldiv.divergence(p, q, "chernoff", estimator="sum")
    assert float(found) == pytest.approx(poissons(2.0, 3000.0), rel=1e-12)
    assert float(found) > 1500  # nats
    p, q = one(Normal, [0.0, 0.0], 1.0), one(Normal, [100.0, 1.0], 1.0)
    found = kldiv.divergence(p, q, "chernoff", estimator="quadrature")
    torch.testing.assert_close(
        found.value, torch.tensor([1250.0, 0.125]).double(), rtol=1e-12, atol=0
    )


def test_a_peak_that_no_node_hits_is_no_infinity_in_silence():
    p, q = one(Normal, 0.0, 1.0), one(Normal, 1e4, 7.0)
    found = kldiv.divergence(p, q, "chernoff", estimator="quadrature")
    assert float(found.error) == math.inf
    assert math.isfinite(float(found))


def test_sides_apart_are_infinite_with_a_reason_and_no_gradient():
    low = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    p = Uniform(low, low + 1)
    found = kldiv.divergence(p, one(Uniform, 0.5, 1.5), "chernoff")
    assert found.value.tolist() == [pytest.approx(math.log(2)), math.inf]
    assert found.error.isfinite().all()
    assert found.reason == "one side has mass where the other has none"
    (slope,) = torch.autograd.grad(found.value[found.value.isfinite()].sum(), low)
    assert not slope.isnan().any()


def test_the_gradient_is_that_of_finite_differences():
    def value(loc, scale):
        components = Normal(torch.stack([loc, loc + 2]), torch.stack([scale, scale]))
        mixture = MixtureSameFamily(Weights(torch.tensor([0.3, 0.7]).double()), components)
        return kldiv.divergence(mixture, one(Normal, 0.0, 1.5), "chernoff").value

    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (-0.5, 0.8)]
    assert torch.autograd.gradcheck(value, leaves, eps=1e-5, atol=1e-7)


def test_a_tolerance_that_is_not_reached_is_an_error_with_the_best_value():
    estimator = Quadrature(rtol=1e-12, max_evaluations=60)
    with pytest.raises(kldiv.ToleranceNotMet) as caught:
        kldiv.divergence(
            one(Normal, 0.0, 1.0), one(Normal, 8.0, 0.01), "chernoff", estimator=estimator
        )
    assert caught.value.estimate.method == "quadrature"
