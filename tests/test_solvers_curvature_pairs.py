"""The inverse Hessian by the last steps is that of the BFGS updates made one after the other."""

import pytest
import torch

from kldiv.solvers.curvature_pairs import CurvaturePairs

F64 = torch.float64
SIZE = 6


def steps_of(matrix, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(count, 2, SIZE, generator=generator, dtype=F64)
    return [(step, step @ matrix) for step in steps]


@pytest.fixture
def matrix():
    generator = torch.Generator().manual_seed(7)
    root = torch.randn(SIZE, SIZE, generator=generator, dtype=F64)
    return root @ root.mT + torch.eye(SIZE, dtype=F64)


def updated(inverse, step, change):
    rho = 1 / float(step @ change)
    left = torch.eye(SIZE, dtype=F64) - rho * torch.outer(step, change)
    return left @ inverse @ left.T + rho * torch.outer(step, step)


@pytest.mark.parametrize("metric", [None, torch.linspace(0.5, 2, SIZE, dtype=F64)])
def test_it_is_what_updates_one_after_the_other_make(matrix, metric):
    pairs = CurvaturePairs(3, metric)
    taken = steps_of(matrix, 5)
    for step, change in taken:
        pairs = pairs.with_pair(step, change)
    gradient = torch.linspace(-1, 1, 2 * SIZE, dtype=F64).reshape(2, SIZE)
    found = pairs.times(gradient)
    first = torch.eye(SIZE, dtype=F64) if metric is None else torch.diag(metric)
    for row in range(2):
        step, change = (each[row] for each in taken[-1])
        inverse = first * float(step @ change) / float(change @ first @ change)
        for step, change in taken[-3:]:
            inverse = updated(inverse, step[row], change[row])
        torch.testing.assert_close(found[row], inverse @ gradient[row])


def test_a_row_whose_curvature_is_not_positive_learns_nothing(matrix):
    pairs = CurvaturePairs(5)
    for number, (step, change) in enumerate(steps_of(matrix, 3)):
        signs = torch.tensor([[1.0], [-1.0 if number == 1 else 1.0]], dtype=F64)
        pairs = pairs.with_pair(step, signs * change)
    without = CurvaturePairs(5)
    for number, (step, change) in enumerate(steps_of(matrix, 3)):
        without = without if number == 1 else without.with_pair(step, change)
    gradient = torch.ones(2, SIZE, dtype=F64)
    torch.testing.assert_close(pairs.times(gradient)[1], without.times(gradient)[1])


def test_rows_are_picked_and_everything_is_forgotten(matrix):
    pairs = CurvaturePairs(5)
    gradient = torch.ones(2, SIZE, dtype=F64)
    assert pairs.pick(torch.tensor([0])) is pairs
    for step, change in steps_of(matrix, 3):
        pairs = pairs.with_pair(step, change)
    picked = pairs.pick(torch.tensor([1, 1, 0]))
    expected = pairs.times(gradient)[[1, 1, 0]]
    torch.testing.assert_close(picked.times(torch.ones(3, SIZE, dtype=F64)), expected)
    torch.testing.assert_close(pairs.forgotten().times(gradient), 0.5 * gradient)
