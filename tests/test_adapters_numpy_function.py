"""Functions of numpy have values and derivatives in torch's graph."""

import numpy as np
import pytest
import torch

from kldiv.adapters.numpy_function import NumpyFunction

F64 = torch.float64


def of_scalars(function, scale=1.0):
    return NumpyFunction(function, lambda x: np.full_like(x, scale))


def test_values_are_those_of_the_function():
    x = torch.tensor([0.5, 2.0])
    assert torch.equal(of_scalars(np.log)(x), torch.as_tensor(np.log(x.double().numpy())))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_derivatives_are_right_to_eleven_digits(scale):
    function = of_scalars(lambda x: -np.square(x / scale) / 2 + np.log1p((x / scale) ** 4), scale)
    x = (torch.linspace(-3, 3, 7, dtype=F64) * scale).requires_grad_()
    (found,) = torch.autograd.grad(function(x).sum(), x)
    u = x.detach() / scale
    expected = (-u + 4 * u**3 / (1 + u**4)) / scale
    # the optimal error of the formula, eps^(4/5) = 3e-13, times some tens for size
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11 / scale)


def test_derivatives_have_derivatives():
    x = torch.tensor([0.3, 1.1], dtype=F64, requires_grad=True)
    (first,) = torch.autograd.grad(of_scalars(np.sin)(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    # each difference divides by a step of 1e-3 what was rounded before: 1e-13 / 1e-3
    torch.testing.assert_close(second, -x.detach().sin(), rtol=0, atol=1e-9)


def test_of_vectors_each_coordinate_has_its_derivative():
    function = NumpyFunction(
        lambda x: x[..., 0] ** 2 * np.exp(x[..., 1]), lambda x: np.ones_like(x), vector=True
    )
    x = torch.tensor([[1.0, 0.5], [-2.0, 0.1]], dtype=F64, requires_grad=True)
    value = function(x)
    (found,) = torch.autograd.grad(value.sum(), x)
    first, second = x.detach().unbind(-1)
    expected = torch.stack([2 * first * second.exp(), first**2 * second.exp()], -1)
    assert value.shape == (2,)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=0)


def test_where_nothing_is_asked_for_an_infinite_derivative_does_no_harm():
    x = torch.tensor([0.0, 1.0], dtype=F64, requires_grad=True)
    value = of_scalars(np.log)(x)
    assert value[0] == -torch.inf
    (found,) = torch.autograd.grad(value[1], x)
    assert found[0] == 0
    assert float(found[1]) == pytest.approx(1.0, rel=1e-11)
