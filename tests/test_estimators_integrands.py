"""Integrands of two targets: poles, masses, NaN, and the errors of what is made of them."""

import math

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv import Estimate
from kldiv.builtin.divergences.hellinger import Hellinger
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrands import (
    Tolerance,
    densities,
    finish,
    in_sight,
    past_poles,
    unsuited,
)
from kldiv.estimators.problem import Problem


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def normal(loc):
    return DistributionTarget(Normal(*double(loc, 1.0)))


def no_mass(target):
    raise AssertionError(f"the mass of {target!r} is known")


def test_a_pole_of_either_density_is_left_out_of_both():
    log_p, log_q = past_poles(double(math.inf, 0.0, 1.0), double(0.0, math.inf, 2.0))
    assert log_p.tolist() == [-math.inf, -math.inf, 1.0]
    assert log_q.tolist() == [-math.inf, -math.inf, 2.0]


def test_where_all_is_zero_no_gradient_is_asked_for():
    log_p = double(-1.0, -800.0).requires_grad_()
    seen, other = in_sight(log_p, double(-2.0, -900.0), KL().integrands)
    assert seen.tolist() == [-1.0, -math.inf]
    assert other.tolist() == [-2.0, -math.inf]
    still, _ = in_sight(log_p.detach(), double(-2.0, -900.0), KL().integrands)
    assert still.tolist() == [-1.0, -800.0]


def test_a_side_with_a_mass_is_divided_by_it_and_a_measure_is_not():
    def bump(x):
        return -x.square() / 2

    mass = math.sqrt(2 * math.pi)
    origin = double(0.0)
    divided = densities(
        Problem(KL(), kldiv.Target(bump), normal(1.0)), lambda _: (double(mass), double(0.1))
    )
    assert float(divided.logs(origin)[0]) == pytest.approx(-math.log(mass), rel=1e-15)
    assert float(divided.mass_error) == pytest.approx(0.1 / mass, rel=1e-15)
    raw = densities(Problem(KL(), kldiv.Target(bump, normalize=False), normal(1.0)), no_mass)
    values, _ = raw.integrands(origin)
    assert values.shape == (3, 1)  # the divergence's own, and both masses
    assert float(values[1]) == 1.0


def test_the_error_of_an_integral_is_carried_through_the_combination():
    sides = densities(Problem(Hellinger(), normal(0.0), normal(1.0)), no_mass)
    integral, spread = double(0.25), double(0.01)
    found = finish(
        sides, integral, spread, torch.zeros(1, dtype=torch.bool), Tolerance(), "test", 5
    )
    ends = [float(sides.combine(integral + sign * spread)) for sign in (-1, 1)]
    farthest = max(abs(end - float(found)) for end in ends)
    assert farthest > 0
    assert farthest <= float(found.error) <= farthest + 1e-14
    assert found.evaluations == 5


def test_an_estimate_outside_its_tolerance_is_refused_and_handed_over():
    estimate = Estimate(double(2.0), double(0.1), "test")
    Tolerance().check(estimate)
    Tolerance(rtol=0.06).check(estimate)
    Tolerance(rtol=0.0, atol=0.2).check(estimate)
    with pytest.raises(kldiv.ToleranceNotMet, match="test reached") as caught:
        Tolerance(rtol=0.04).check(estimate)
    assert float(caught.value.estimate) == 2.0


def test_an_integrand_that_overflows_to_nan_is_named():
    class Overflowing(KL):
        def integrand(self, log_p, log_q):
            return (log_p.exp() - log_q.exp()) ** 2 / log_q.exp()

    sides = densities(Problem(Overflowing(), normal(0.0), normal(1.0)), no_mass)
    assert sides.stack(double(0.0), double(0.0)).tolist() == [[0.0]]
    with pytest.raises(kldiv.NotFinite, match="integrand of overflowing is NaN"):
        sides.stack(double(800.0), double(800.0))


def test_samples_and_what_is_no_integral_do_not_suit():
    points = SampleTarget(double(0.0, 1.0))
    assert unsuited(Problem(KL(), normal(0.0), points)) == ("q is only samples and has no density")
    assert "no integral" in unsuited(Problem(Divergence(), normal(0.0), normal(1.0)))
    assert unsuited(Problem(KL(), normal(0.0), normal(1.0))) is None


WRONG = {"a tensor": lambda logs: logs, "a number": lambda logs: (1.0,), "none": lambda logs: ()}


@pytest.mark.parametrize("kind", WRONG)
def test_integrands_are_a_tuple_of_tensors(kind):
    class Wrong(kldiv.IntegralDivergence):
        def integrands(self, log_p, log_q):
            return WRONG[kind](log_p)

    with pytest.raises(kldiv.InvalidType, match="integrands of wrong must return a tuple"):
        kldiv.divergence(Normal(0.0, 1.0), Normal(1.0, 1.0), Wrong())
