"""The inverse Hessian by the last steps is that of the BFGS updates made one after the other."""

import pytest
import torch

from kldiv.solvers.curvature_pairs import CurvaturePairs, inverse_of

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


DIAGONAL = torch.linspace(0.5, 2, SIZE, dtype=F64)
MATRICES = torch.stack([(DIAGONAL + shift).diag() + shift for shift in (0.0, 0.5)])


@pytest.mark.parametrize("metric", [None, DIAGONAL, MATRICES])
def test_it_is_what_updates_one_after_the_other_make(matrix, metric):
    pairs = CurvaturePairs(3, metric)
    taken = steps_of(matrix, 5)
    for step, change in taken:
        pairs = pairs.with_pair(step, change)
    gradient = torch.linspace(-1, 1, 2 * SIZE, dtype=F64).reshape(2, SIZE)
    found = pairs.times(gradient)
    diagonal = torch.ones(SIZE, dtype=F64) if metric is None else metric
    matrices = diagonal.diag().expand(2, -1, -1) if diagonal.ndim == 1 else diagonal
    for row in range(2):
        first = matrices[row]
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
    pairs = CurvaturePairs(5, MATRICES)
    gradient = torch.ones(2, SIZE, dtype=F64)
    first = pairs.pick(torch.tensor([1])).times(gradient[:1])
    torch.testing.assert_close(first, pairs.times(gradient)[1:])
    for step, change in steps_of(matrix, 3):
        pairs = pairs.with_pair(step, change)
    picked = pairs.pick(torch.tensor([1, 1, 0]))
    expected = pairs.times(gradient)[[1, 1, 0]]
    torch.testing.assert_close(picked.times(torch.ones(3, SIZE, dtype=F64)), expected)
    torch.testing.assert_close(pairs.forgotten().times(gradient)[1:], first)
    torch.testing.assert_close(CurvaturePairs(5).times(gradient), 0.5 * gradient)


def test_what_is_not_well_positive_has_the_identity_as_its_inverse(matrix):
    saddle = matrix - 2 * torch.eye(SIZE, dtype=F64) * torch.linalg.eigvalsh(matrix)[0]
    unknown = torch.full_like(matrix, torch.nan)
    found = inverse_of(torch.stack([matrix, saddle, unknown]))
    torch.testing.assert_close(found[0] @ matrix, torch.eye(SIZE, dtype=F64))
    assert torch.equal(found[1:], torch.eye(SIZE, dtype=F64).expand(2, -1, -1))
