"""L-BFGS finds minima of hard functions, many rows at once."""

import math

import pytest
import torch

from kldiv.errors import InvalidArgument
from kldiv.solvers.fixed_draws import FixedDraws
from kldiv.solvers.limited_memory import LimitedMemory
from kldiv.solvers.line_search import backtrack
from kldiv.solvers.run import Recorder

F64 = torch.float64


class Function:
    """A function of real vectors in the place of an objective."""

    stochastic = False
    by_rows = True

    def __init__(self, function):
        self.function, self.gradients = function, 0
        self.family = self.space = self

    def constrain(self, theta):
        return {"x": theta}

    @property
    def sampled(self):
        return False

    def moved(self, theta, step):
        return theta + step

    def bounded(self, step):
        return step.clamp(-2, 2)

    def value_and_gradient(self, theta):
        self.gradients += 1
        theta = theta.detach().requires_grad_()
        loss = self.function(theta)
        (gradient,) = torch.autograd.grad(loss.sum(), theta)
        return loss.detach(), gradient


def bowl(x):
    scales = torch.logspace(0, 4, x.shape[-1], dtype=F64)
    return (scales * (x - 1).square()).sum(-1)


def rosenbrock(x):
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


@pytest.mark.parametrize("size", [2, 10, 300])
@pytest.mark.parametrize("function", [bowl, rosenbrock])
def test_every_row_ends_in_the_minimum(function, size):
    starts = torch.linspace(-1.2, 0.9, 3 * size, dtype=F64).reshape(3, size)
    objective = Function(function)
    run = LimitedMemory(steps=3_000).solve(objective, starts, Recorder())
    local = (run.loss < 1e-8) | (run.gradient.norm(dim=-1) < 1e-3)
    assert local.all()
    if function is bowl:
        torch.testing.assert_close(run.theta, torch.ones_like(starts), rtol=0, atol=1e-4)


def test_a_row_at_rest_is_not_moved():
    starts = torch.stack([torch.ones(5, dtype=F64), torch.zeros(5, dtype=F64)])
    run = LimitedMemory().solve(Function(bowl), starts, Recorder())
    assert torch.equal(run.theta[0], starts[0])
    torch.testing.assert_close(run.theta[1], starts[0], rtol=0, atol=1e-4)


def test_a_step_is_halved_until_the_loss_has_fallen():
    objective = Function(bowl)
    theta = torch.zeros(2, 1, dtype=F64)
    loss, gradient = objective.value_and_gradient(theta)
    direction = torch.tensor([[1.0], [100.0]], dtype=F64)
    moved = backtrack(objective, (theta, loss, gradient), direction, torch.tensor([True, True]))
    assert moved.fell.all()
    assert float(moved.point[0]) == 1
    assert (moved.loss < loss).all()
    assert math.log2(100 / float(moved.point[1])).is_integer()


def test_a_row_that_cannot_fall_stays_and_says_so():
    objective = Function(bowl)
    theta = torch.zeros(1, 1, dtype=F64)
    state = (theta, *objective.value_and_gradient(theta))
    uphill = -torch.ones_like(theta)
    moved = backtrack(objective, state, uphill, torch.tensor([True]))
    assert not moved.fell.any()
    assert torch.equal(moved.point, theta)


@pytest.mark.parametrize("arguments", [{"first": 8}, {"most": 32}, {"tolerance": 0.0}])
def test_too_few_draws_are_refused(arguments):
    with pytest.raises(InvalidArgument, match="first and most"):
        FixedDraws(**arguments)
