"""Which of the ends of a fit are the same optimum."""

import math

import pytest
import torch

from torch.distributions import Laplace

import kldiv

from kldiv.solvers import Run
from kldiv.solvers.endpoints import endpoints
from kldiv.solvers.optima import Optimum, distinct
from tests.objectives import ended_at, logs, objective_of

F64 = torch.float64


REVERSE = {"forward": False}
MODES = [(-5.0, 1.0), (10.0, 1.0)]


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
