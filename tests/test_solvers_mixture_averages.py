"""Averages over nodes by numpy, and by torch where tensors are on another device."""

import pytest
import torch

from kldiv.solvers.mixture_averages import averages
from kldiv.solvers.normal_tables import Tables

F64 = torch.float64


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("apart", [1.0, 200.0])
def test_both_libraries_say_the_same(count, apart):
    generator = torch.Generator().manual_seed(0)
    logs, mean, inverse = torch.rand(3, count, 7, generator=generator, dtype=F64) + 0.5
    loc, scale = torch.rand(2, 7, generator=generator, dtype=F64) + 0.5
    nodes = torch.linspace(-5, 5, 21, dtype=F64)
    halved = (-nodes.square() / 2).exp() * (torch.arange(21) % 2)
    tables = Tables(nodes.unsqueeze(-1), (-nodes.square() / 2).exp(), halved, nodes, nodes, nodes)
    parts = logs, apart * mean, inverse, loc, scale
    by_torch = averages(parts, tables.powers)
    by_numpy = averages([each.numpy() for each in parts], tables.arrays)
    for found, expected in zip(by_numpy, by_torch, strict=True):
        torch.testing.assert_close(torch.from_numpy(found), expected)


def test_a_member_whose_numbers_overflow_leaves_no_trace_in_its_neighbours():
    nodes = torch.linspace(-5, 5, 21, dtype=F64)
    weights = (-nodes.square() / 2).exp()
    tables = Tables(nodes.unsqueeze(-1), weights, weights, nodes, nodes, nodes).powers
    mean = torch.tensor([[0.0, 0.0, 0.0], [1.0, 300.0, 2.0]], dtype=F64)
    parts = torch.zeros_like(mean), mean, torch.ones_like(mean), *torch.ones(2, 3, dtype=F64)
    (average, _), slopes = averages(parts, tables)
    x = 1 + nodes.unsqueeze(-1)
    log_p = torch.logaddexp(-(x - mean[0]).square() / 2, -(x - mean[1]).square() / 2)
    torch.testing.assert_close(average, weights @ log_p)
    assert bool(slopes.isfinite().all())
