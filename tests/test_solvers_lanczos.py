"""A few products with the Hessian tell a saddle from a minimum, and how much is to be gained."""

import pytest
import torch

from kldiv.solvers.lanczos import decrement_of_many, signature_of_many

F64 = torch.float64
SIZE = 200


class Quadratic:
    """xᵀ A x / 2 in the place of an objective."""

    def __init__(self, eigenvalues):
        generator = torch.Generator().manual_seed(0)
        basis, _ = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=generator, dtype=F64))
        self.matrix = basis @ torch.diag(eigenvalues) @ basis.mT

    def value_and_gradient(self, theta):
        gradient = (self.matrix @ theta.unsqueeze(-1)).squeeze(-1)
        return (theta * gradient).sum(-1) / 2, gradient


POSITIVE = torch.linspace(0.5, 3.0, SIZE, dtype=F64)
THETA = torch.linspace(-1, 1, 2 * SIZE, dtype=F64).reshape(2, SIZE)


def test_the_decrement_of_a_quadratic_is_what_is_to_be_gained():
    objective = Quadratic(POSITIVE)
    value, gradient = objective.value_and_gradient(THETA)
    found = decrement_of_many(objective, THETA, gradient)
    torch.testing.assert_close(found.square() / 2, value, rtol=1e-4, atol=0)


@pytest.mark.parametrize("negative", [-5.0, -0.5])
def test_a_saddle_among_many_directions_shows(negative):
    eigenvalues = POSITIVE.clone()
    eigenvalues[17] = negative
    assert (signature_of_many(Quadratic(eigenvalues), THETA)[..., 0] == -1).all()


def test_a_minimum_shows_nothing_negative():
    assert (signature_of_many(Quadratic(POSITIVE), THETA) == 1).all()


def test_without_a_gradient_nothing_is_to_be_gained():
    objective = Quadratic(POSITIVE)
    nothing = torch.zeros(1, SIZE, dtype=F64)
    assert float(decrement_of_many(objective, nothing, nothing)) == 0


@pytest.mark.parametrize("number", [1, 2, 5])
def test_few_different_eigenvalues_are_found_and_no_more(number):
    eigenvalues = 1.0 + torch.arange(SIZE, dtype=F64) % number
    objective = Quadratic(eigenvalues)
    value, gradient = objective.value_and_gradient(THETA)
    found = decrement_of_many(objective, THETA, gradient)
    torch.testing.assert_close(found.square() / 2, value, rtol=1e-6, atol=0)
    assert (signature_of_many(objective, THETA) == 1).all()
