"""The condition of factors of covariances, by which their rounding is bounded."""

import pytest
import torch

from kldiv.builtin.closed_forms.factor_rounding import comparison_of_factors, condition


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_the_condition_of_a_factor_is_never_understated(spread):
    generator = torch.Generator().manual_seed(0)
    below = spread * torch.randn(50, 8, 8, generator=generator, dtype=torch.float64).tril(-1)
    factor = below + torch.eye(8)
    known = (torch.linalg.inv(factor).abs() @ factor.abs()).sum(-1).amax(-1)
    found = condition(factor)
    assert (found >= 0.999 * known).all()
    assert ((found < 100) | (found <= 1.001 * known)).all()


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_the_condition_of_a_factor_is_bounded_by_that_of_its_comparison_matrix(size, spread):
    generator = torch.Generator().manual_seed(0)
    root = spread * torch.randn(1000, size, size, generator=generator, dtype=torch.float64)
    root = root.tril(-1) + torch.diag_embed(root.diagonal(dim1=-2, dim2=-1).exp())
    rows = root.abs().sum(-1, keepdim=True)
    comparison = 2 * torch.diag_embed(root.diagonal(dim1=-2, dim2=-1)) - root.abs()
    expected = torch.linalg.solve_triangular(comparison, rows, upper=False).amax((-2, -1))
    found = comparison_of_factors(root.reshape(10, 100, size, size))
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-7, atol=0)


def test_a_condition_that_overflows_is_left_to_the_ordinary_way():
    root = torch.tensor([[1.0, 0.0], [1.0, 1e-310]], dtype=torch.float64)
    assert comparison_of_factors(root) is None
