"""The divergence as a function of real parameters: its values, gradients and edges."""

import math

import pytest
import torch

from torch.distributions import Independent, Normal, kl_divergence

from kldiv import MonteCarlo
from tests.objectives import objective_of

F64 = torch.float64
THETA = torch.tensor([[0.3, 0.2], [-1.0, -0.5]], dtype=F64)  # loc and log scale
P = Normal(torch.tensor(1.0, dtype=F64), torch.tensor(2.0, dtype=F64))


def formula(theta, forward):
    q = Normal(theta[..., 0], theta[..., 1].exp())
    return kl_divergence(P, q) if forward else kl_divergence(q, P)


@pytest.mark.parametrize("estimator", ["auto", "quadrature"])
@pytest.mark.parametrize("forward", [True, False])
def test_value_and_gradient_are_those_of_the_formula(forward, estimator):
    objective = objective_of(P, forward=forward, estimator=estimator)
    value, gradient = objective.value_and_gradient(THETA)
    variable = THETA.clone().requires_grad_()
    expected = formula(variable, forward)
    (slope,) = torch.autograd.grad(expected.sum(), variable)
    # a rule is good where its coarser half agrees to 1e-5; the finer one is far below that
    assert torch.allclose(value, expected.detach(), rtol=1e-6)
    assert torch.allclose(gradient, slope, rtol=1e-5, atol=1e-6)
    assert not value.requires_grad
    assert not gradient.requires_grad
    assert objective.gradients == 1


def test_parameters_by_name_and_real_vectors_are_the_same_point():
    objective = objective_of(P)
    named = {"loc": THETA[:, 0], "scale": THETA[:, 1].exp()}
    by_name = objective.of_parameters(named, torch.Size([2]))
    assert torch.allclose(by_name, objective(THETA), rtol=1e-14)


def test_where_there_is_no_member_the_value_is_infinite_and_the_gradient_is_0():
    far = torch.tensor([[0.0, -1e4]], dtype=F64)  # a scale of 0
    value, gradient = objective_of(P).value_and_gradient(far)
    assert value.tolist() == [math.inf]
    assert gradient.tolist() == [[0.0, 0.0]]


def test_a_sampled_objective_draws_anew_at_each_call_and_follows_its_seed():
    first, same, other = (
        objective_of(P, estimator=MonteCarlo(100), seed=seed) for seed in (0, 0, 1)
    )
    assert not first.stochastic
    values = [first(THETA) for _ in range(2)]
    assert first.stochastic
    assert not torch.equal(*values)
    assert all(torch.equal(value, same(THETA)) for value in values)
    assert not torch.equal(values[0], other(THETA))


def test_a_rule_is_paid_for_once_and_serves_the_neighbours():
    objective = objective_of(P, estimator="quadrature")
    objective(THETA[0])
    paid = objective.evaluations
    objective(THETA[0] + 1e-3)
    assert paid > 0
    assert objective.evaluations == paid


def test_in_the_plane_the_resolution_is_coarser():
    line, plane = (
        objective_of(P, estimator="quadrature"),
        objective_of(
            Independent(Normal(torch.zeros(2, dtype=F64), 1.0), 1),
            "full_normal",
            estimator="quadrature",
        ),
    )
    for objective in (line, plane):
        objective.estimator(torch.zeros(1, objective.family.space.size, dtype=F64))
    assert plane.resolution > line.resolution


@pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
def test_a_start_out_of_the_domain_is_infinite_alone(shape):
    objective = objective_of(P)
    theta = THETA[0].expand(*shape, 2).clone()
    expected = torch.full(shape, float(objective(THETA[:1])), dtype=F64)
    theta[..., 1, 1] = -1e4  # a scale of 0
    expected[..., 1] = math.inf
    value, gradient = objective.value_and_gradient(theta)
    assert torch.allclose(value, expected, rtol=1e-6)
    assert (gradient[..., 1, :] == 0).all()
    assert (gradient[..., 0, :] != 0).all()


def test_a_start_whose_log_density_is_nan_by_overflow_is_infinite_alone():
    points = torch.tensor([1.0, 2.0, 4.0], dtype=F64)
    objective = objective_of(points, "gamma", "density_power(beta=1)")
    theta = torch.tensor([[1.0, 0.0], [800.0, 800.0]], dtype=F64)
    value, gradient = objective.value_and_gradient(theta)
    assert value.isinf().tolist() == [False, True]
    assert float(value[0]) == pytest.approx(float(objective(theta[:1])), rel=1e-12)
    assert gradient[1].tolist() == [0, 0]
