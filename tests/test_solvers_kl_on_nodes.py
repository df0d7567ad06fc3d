"""The forward KL on the nodes that the moments were had from."""

import math

import pytest
import torch

import kldiv

from kldiv.solvers.kl_on_nodes import kl_on_nodes
from tests.objectives import objective_of
from tests.test_definitions_tally import banana, two_bells

F64 = torch.float64
CASES = {
    "two bells": (kldiv.Target(two_bells), "normal"),
    "a measure": (kldiv.Target(two_bells, normalize=False), "normal"),
    "the fifth experiment": ("normal_sum", "normal"),
    "a banana": (kldiv.Target(banana, event_shape=(2,)), "full_normal"),
    "a far and narrow one": (kldiv.Target(lambda x: -((x - 10) / 0.1).square() - 50), "normal"),
}


def ready(target, family, **options):
    objective = objective_of(target, family, **options)
    objective.estimator(objective.family.present())
    return objective


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_divergence_with_its_gradient(name):
    objective = ready(*CASES[name])
    place = objective.under.place
    base = objective.family.space.unconstrain(objective.family.from_place(place))
    theta = base + 0.3 * torch.stack([torch.zeros_like(base), torch.ones_like(base).cos()])
    estimate, gradient = kl_on_nodes(objective, theta)
    with torch.enable_grad():
        variable = theta.clone().requires_grad_()
        expected = objective.estimate(variable)
        (slope,) = torch.autograd.grad(expected.value.sum(), variable)
    off = (estimate.value - expected.value).abs()
    assert (off <= estimate.error + expected.error.detach()).all()
    assert torch.allclose(gradient, slope, rtol=1e-7, atol=1e-7)


def test_a_normal_fitted_to_itself_is_at_no_distance():
    objective = ready(kldiv.Target(lambda x: -(x - 3).square() / 8 + 7), "normal")
    theta = objective.family.space.unconstrain(
        {"loc": torch.tensor([3.0], dtype=F64), "scale": torch.tensor([2.0], dtype=F64)}
    )
    estimate, _ = kl_on_nodes(objective, theta)
    assert 0 <= float(estimate.value) <= float(estimate.error) < 1e-13


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(ready(kldiv.Target(lambda x: -x.abs()), "normal"), id="a kink"),
        pytest.param(ready("bimodal", "normal"), id="a distribution"),
        pytest.param(
            ready(kldiv.Target(two_bells), "normal", estimator=kldiv.Quadrature(rtol=1e-6)),
            id="an estimator that was asked for",
        ),
    ],
)
def test_other_problems_are_left_to_their_estimators(objective):
    assert kl_on_nodes(objective, torch.zeros(1, 2, dtype=F64)) is None


def test_a_member_beyond_what_the_nodes_see_is_left_too():
    objective = ready(kldiv.Target(two_bells), "gumbel")
    assert kl_on_nodes(objective, torch.tensor([[0.0, math.log(1e-3)]], dtype=F64)) is None
