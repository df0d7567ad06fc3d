"""Averages over nodes by numpy, and by torch where tensors are on another device."""

import pytest
import torch

from kldiv.solvers.mixture_averages import averages

F64 = torch.float64


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("apart", [1.0, 200.0])
def test_both_libraries_say_the_same(count, apart):
    generator = torch.Generator().manual_seed(0)
    logs, mean, inverse = torch.rand(3, count, 7, generator=generator, dtype=F64) + 0.5
    loc, scale = torch.rand(2, 7, generator=generator, dtype=F64) + 0.5
    nodes = torch.linspace(-5, 5, 21, dtype=F64)
    basis = torch.stack([nodes**0, -nodes, -nodes.square() / 2])
    powers = (-nodes.square() / 2).exp() * nodes ** torch.arange(5).unsqueeze(-1)
    weights = torch.stack([powers[0], powers[0] * (torch.arange(21) % 2)])
    parts, tables = (logs, apart * mean, inverse, loc, scale), (basis, powers, weights)
    by_torch = averages(parts, tables)
    by_numpy = averages(*([each.numpy() for each in given] for given in (parts, tables)))
    for found, expected in zip(by_numpy, by_torch, strict=True):
        torch.testing.assert_close(torch.from_numpy(found), expected)


def test_a_member_whose_numbers_overflow_leaves_no_trace_in_its_neighbours():
    nodes = torch.linspace(-5, 5, 21, dtype=F64)
    powers = (-nodes.square() / 2).exp() * nodes ** torch.arange(5).unsqueeze(-1)
    tables = torch.stack([nodes**0, -nodes, -nodes.square() / 2]), powers, powers[[0, 0]]
    mean = torch.tensor([[0.0, 0.0, 0.0], [1.0, 300.0, 2.0]], dtype=F64)
    parts = torch.zeros_like(mean), mean, torch.ones_like(mean), *torch.ones(2, 3, dtype=F64)
    (average, _), slopes = averages(parts, tables)
    x = 1 + nodes.unsqueeze(-1)
    log_p = torch.logaddexp(-(x - mean[0]).square() / 2, -(x - mean[1]).square() / 2)
    torch.testing.assert_close(average, powers[0] @ log_p)
    assert bool(slopes.isfinite().all())
