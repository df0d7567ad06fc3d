"""Nodes of the standard normal give the moments and the derivatives that theory has."""

import pytest
import torch

from kldiv.solvers.normal_tables import tables_of

F64 = torch.float64
GRID = (0.3, 8.25)


@pytest.mark.parametrize("offset", [0.0, 1 / 3])
def test_moments_on_a_line_are_those_of_the_standard_normal(offset):
    basis, weighted, *_ = tables_of(1, "diagonal", True, True, GRID, offset).powers
    expected = torch.tensor([1.0, 0.0, 1.0, 0.0, 3.0], dtype=F64)
    torch.testing.assert_close(weighted.sum(-1), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(basis[2], -basis[1].square() / 2)


def test_a_parabola_has_its_averages_from_its_coefficients():
    tables = tables_of(1, "diagonal", True, True, GRID, 0.0)
    basis, weighted, both, averages = tables.powers
    parabola = torch.tensor([0.7, -1.3, 0.4], dtype=F64)
    slope = parabola[1] - parabola[2] * basis[1]
    expected = [*(both @ (parabola @ basis)), *(weighted[:4] @ slope)]
    torch.testing.assert_close(averages @ parabola, torch.stack(expected))
    assert tables.count == weighted.shape[1]


def test_arrays_are_the_powers_in_the_same_memory():
    tables = tables_of(1, "diagonal", True, True, GRID, 0.0)
    for array, tensor in zip(tables.arrays, tables.powers, strict=True):
        assert torch.from_numpy(array).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize(("size", "shape"), [(1, "diagonal"), (2, "isotropic"), (2, "full")])
def test_a_standard_normal_is_at_rest_under_itself_with_its_information_as_hessian(size, shape):
    # gamma is z itself, and the Hessian of KL at its minimum is the Fisher information
    tables = tables_of(size, shape, True, True, GRID, 0.0)
    pull = tables.nodes.flatten()
    gradient = tables.slopes @ pull - tables.traces
    hessian = (tables.bends @ pull).reshape(len(gradient), -1)
    scales = {1: [2.0], 2: [4.0] if shape == "isotropic" else [2.0, 1.0, 2.0]}[size]
    information = torch.tensor([1.0] * size + scales, dtype=F64)
    # beyond 8.25 lie exp(-8.25²/2) of the plane's mass, with fourth powers of up to 5000
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-11, rtol=0)
    torch.testing.assert_close(hessian, information.diag(), atol=1e-11, rtol=0)


@pytest.mark.parametrize("size", [1, 2])
def test_every_other_node_is_one_of_twice_the_spacing(size):
    tables = tables_of(size, "diagonal", True, True, GRID, 0.0)
    fewer = tables_of(size, "diagonal", True, True, (2 * GRID[0], GRID[1]), 0.0)
    chosen = tables.halved > 0
    torch.testing.assert_close(tables.nodes[chosen], fewer.nodes)
    torch.testing.assert_close(tables.halved[chosen], fewer.weights)
