"""The lower triangle of a matrix and the vector of its entries lead to one another."""

import pytest
import torch

from kldiv.definitions.triangles import gram, triangle_of, triangular, with_diagonal

F64 = torch.float64
MATRIX = torch.arange(1.0, 10.0, dtype=F64).reshape(3, 3)


def test_entries_go_row_by_row():
    assert triangle_of(MATRIX).tolist() == [1, 4, 5, 7, 8, 9]
    assert triangle_of(MATRIX.mT).tolist() == [1, 2, 5, 3, 6, 9]


@pytest.mark.parametrize("batch", [(), (4,), (2, 1, 3)])
def test_entries_lead_back_to_the_lower_triangle(batch):
    matrix = torch.randn(*batch, 5, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    entries = triangle_of(matrix)
    assert entries.shape == (*batch, 15)
    assert torch.equal(triangular(entries, 5), matrix.tril())


def test_only_the_diagonal_is_another():
    found = with_diagonal(MATRIX, torch.zeros(3, dtype=F64))
    assert torch.equal(found, MATRIX - torch.diag(MATRIX.diagonal()))


@pytest.mark.parametrize("size", [1, 256, 257, 700])
def test_a_product_with_the_transpose_is_that_of_all_entries(size):
    factor = torch.randn(2, size, size, dtype=F64, generator=torch.Generator().manual_seed(2))
    factor = factor.tril()
    torch.testing.assert_close(gram(factor), factor @ factor.mT)


def test_all_have_derivatives_of_two_orders():
    def through(vector):
        matrix = triangular(vector, 3)
        scales = matrix.diagonal(dim1=-2, dim2=-1).exp()
        return triangle_of(with_diagonal(matrix, scales) @ matrix.mT)

    vector = torch.randn(2, 6, dtype=F64, generator=torch.Generator().manual_seed(1))
    torch.autograd.gradcheck(through, vector.requires_grad_())
    torch.autograd.gradgradcheck(through, vector)
