"""What the Hessian says of the ends of a fit, and which of them are the same optimum."""

import math

import pytest
import torch

from torch.distributions import Laplace, Normal

import kldiv

from kldiv.solvers import Run
from kldiv.solvers.optima import Optimum, distinct, endpoints
from tests.objectives import objective_of

F64 = torch.float64


def ended_at(objective, theta, **more):
    loss, gradient = objective.value_and_gradient(theta)
    return endpoints(objective, Run(theta, loss, gradient, [], **more))


def logs(*pairs):
    return torch.tensor([[loc, math.log(scale)] for loc, scale in pairs], dtype=F64)


REVERSE = {"forward": False}
MODES = [(-5.0, 1.0), (10.0, 1.0)]


def test_both_modes_and_the_trap_are_minima_and_a_slope_is_none():
    objective = objective_of("bimodal", "normal", **REVERSE)
    trap = kldiv.fit("bimodal", "normal", direction="reverse", starts={"loc": 2.5, "scale": 6.0})
    scale = trap.parameters["scale"].item()
    ends = ended_at(objective, logs(*MODES, (2.5, scale), (2.5, 1.0), (0.0, 3.0)))
    assert ends.settled.tolist() == [True, True, True, False, False]
    assert ends.signature[0].tolist() == [1, 1]
    assert (ends.signature[3] < 0).any()


def test_what_is_known_of_the_ends_is_not_looked_at_again():
    objective = objective_of("bimodal", "normal", **REVERSE)
    theta = logs(*MODES)
    value = torch.tensor([2.0, 1.0], dtype=F64)
    estimate = kldiv.Estimate(value, value / 10, "monte_carlo", value / 20)
    known = {"decrement": value / 1e9, "signature": torch.ones(2, 2, dtype=torch.int32)}
    ends = endpoints(objective, Run(theta, value, 0 * theta, [], **known))
    assert ends.settled.all()
    assert objective.evaluations == objective.gradients == 0
    best = ends.of(estimate)
    assert (float(best.value), float(best.error), float(best.stderr)) == (1.0, 0.1, 0.05)
    assert float(distinct(objective, ends).parameters_of(ends.best)["loc"]) == MODES[1][0]


def test_the_best_end_is_the_lowest_minimum_even_if_another_end_is_lower():
    objective = objective_of("bimodal(weights=[0.3,0.7])", "normal", **REVERSE)
    ends = ended_at(objective, logs((-5.0, 1.0), (10.0, 1.0), (10.0, 1.05)))
    assert int(ends.best) == 1
    slopes = ended_at(objective, logs((-5.0, 1.3), (10.0, 1.3)))
    assert not slopes.settled.any()
    assert int(slopes.best) == 1


def test_what_is_picked_is_that_of_the_best_end_of_each_problem():
    objective = objective_of(Normal(torch.tensor([0.0, 5.0], dtype=F64), 1.0), "normal")
    theta = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[5.0, 0.0], [5.0, 0.0]]], dtype=F64)
    ends = ended_at(objective, theta)
    assert ends.best.tolist() == [0, 1]
    assert ends.pick(theta).tolist() == [[0, 0], [5, 0]]


def test_ends_at_infinity_or_nowhere_are_not_the_best():
    objective = objective_of("bimodal", "normal")
    loss = torch.tensor([math.nan, math.inf, 4.0], dtype=F64)
    theta = logs((0.0, 1.0), (1.0, 1.0), (2.0, 1.0))
    ends = endpoints(objective, Run(theta, loss, torch.ones_like(theta), []))
    assert int(ends.best) == 2
    assert not ends.settled.any()


def test_a_minimum_proven_by_theory_needs_no_gradient():
    objective = objective_of("bimodal", "normal")
    assert ended_at(objective, logs((0.0, 1.0)), proven=True).settled.all()


def test_ends_of_a_sampled_objective_are_never_minima():
    objective = objective_of("bimodal", "normal", estimator=kldiv.MonteCarlo(samples=100))
    ends = ended_at(objective, logs((2.5, math.sqrt(57.25))))
    assert not ends.settled.any()
    assert list(distinct(objective, ends)) == [()]


def test_starts_that_end_together_are_one_optimum():
    objective = objective_of("bimodal", "normal", **REVERSE)
    ends = ended_at(objective, logs(MODES[0], MODES[1], MODES[0]))
    ((first, second),) = distinct(objective, ends)
    assert {first.starts, second.starts} == {(0, 2), (1,)}
    assert first.value == pytest.approx(math.log(2), abs=1e-9)


def test_components_in_another_order_are_the_same_optimum():
    objective = objective_of("bimodal", "normal_mixture")
    space = objective.family.space
    theta = torch.stack(
        [
            space.unconstrain(
                {
                    "probs": torch.tensor([0.5, 0.5]),
                    "loc": torch.tensor(order),
                    "scale": torch.ones(2),
                }
            )
            for order in ([-5.0, 10.0], [10.0, -5.0])
        ]
    )
    ((only,),) = distinct(objective, ended_at(objective, theta))
    assert only.starts == (0, 1)


def test_members_of_different_supports_are_different_optima():
    class Half(kldiv.Family):
        def declare(self, size):
            from kldiv.definitions.parameters import Parameter

            return {"low": Parameter(torch.distributions.constraints.real)}

        def distribution(self, low):
            return torch.distributions.Uniform(low, low + 1)

    target = kldiv.Target(lambda x: Laplace(0.0, 1.0).log_prob(x))
    objective = objective_of(target, Half(), "squared_l2")
    theta = torch.tensor([[-0.5], [40.0]], dtype=F64)
    loss, gradient = objective.value_and_gradient(theta)
    ends = endpoints(objective, Run(theta, loss, 0 * gradient, [], proven=True))
    assert [optimum.starts for optimum in distinct(objective, ends)[0]] == [(0,), (1,)]


def test_an_optimum_tells_where_it_is_and_who_came():
    made = Optimum(
        0.5, {"loc": torch.tensor(1.0), "scale": torch.tensor([1.0, 2.0])}, (1, 1), (0,)
    )
    assert repr(made) == "Optimum(0.5 at loc=1, scale=[1, 2]; from 1 start)"
    assert repr(Optimum(0.5, {}, (), (0, 1))).endswith("from 2 starts)")
