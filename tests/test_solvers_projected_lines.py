"""Linear combinations under normals as normal vectors, and their means by nodes."""

import pytest
import torch

from kldiv.definitions.projected_target import Term
from kldiv.solvers.projected_lines import Lines, blocks_of, count_of, grid_of

F64 = torch.float64
CPU = torch.device("cpu")
SIZE = 5


def numbers(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=F64)


def term(count, values):
    return Term(tuple(numbers(values, SIZE) + number for number in range(count)), torch.add)


@pytest.fixture
def terms():
    return [term(1, 2), term(3, 4), term(1, 3), term(2, 4)]


def test_terms_with_as_many_variables_stand_together_their_first_variables_first(terms):
    blocks, rows = blocks_of(terms)
    assert [block.numbers for block in blocks] == [(0, 2), (1,), (3,)]
    assert [block.rows for block in blocks] == [5, 12, 8]
    alone, three, two = rows.split([block.rows for block in blocks])
    assert torch.equal(alone, torch.cat([terms[0].matrices[0], terms[2].matrices[0]]))
    assert torch.equal(three, torch.cat(terms[1].matrices))
    assert torch.equal(two, torch.cat(terms[3].matrices))
    found = dict(blocks[0].parts(torch.arange(5)))
    assert {number: part.tolist() for number, part in found.items()} == {0: [0, 1], 2: [2, 3, 4]}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_combinations_are_triangular_in_directions_at_right_angles(count):
    steps, middles = numbers(2, 4 * count, SIZE), numbers(2, 4 * count)
    lines = Lines.of(middles, steps, count)
    axes = torch.stack(list(lines.axes), 2)  # (S, N, k, D)
    identity = torch.eye(count, dtype=F64).expand(2, 4, -1, -1)
    torch.testing.assert_close(axes @ axes.mT, identity)
    root = lines.factors[1:].permute(1, 3, 2, 0)  # (S, N, k, k)
    assert torch.equal(root, root.tril())
    torch.testing.assert_close(root @ axes, steps.unflatten(1, (count, 4)).transpose(1, 2))
    torch.testing.assert_close(lines.factors[0].flatten(1), middles)


@pytest.mark.parametrize("levels", [(3,), (2, 3)])
def test_the_means_are_those_of_the_moments_of_a_normal_vector(levels):
    count, grid = len(levels), grid_of(levels, CPU)
    assert len(grid.weights) == count_of(levels)
    lines = Lines.of(numbers(2, 4 * count), numbers(2, 4 * count, SIZE) / 4, count)
    points = grid.points(lines.factors)  # (K, S, k, N)
    middle, columns = lines.factors[0], lines.factors[1:]
    covariance = torch.einsum("isan,isbn->sabn", columns, columns)
    second = torch.einsum("k,ksan,ksbn->sabn", grid.weights, points, points)
    whole = covariance + middle.unsqueeze(1) * middle.unsqueeze(2)
    torch.testing.assert_close(second, whole)
    torch.testing.assert_close(
        grid.mean(points.square().sum(2)), whole.diagonal(0, 1, 2).sum((1, 2))
    )
    # of the gradient w of |w|^2 / 2, E[w (z U)] is L again
    slopes = points * grid.weights_of(points[:, :, 0]).unsqueeze(2)
    first, bends = lines.means(grid.moments(slopes))
    torch.testing.assert_close(first, middle.flatten(1))
    axes = torch.stack(list(lines.axes))
    torch.testing.assert_close(bends, torch.einsum("isan,isnd->sand", columns, axes).flatten(1, 2))


def test_the_shares_of_the_nodes_are_all_of_them():
    grid = grid_of((2, 1), CPU)
    shares = [grid.share(index, 3) for index in range(3)]
    values = grid.powers.sum(-1)[:, None, None]
    assert sum(len(share.weights) for share in shares) == len(grid.weights)
    found = sum(share.mean(share.powers.sum(-1)[:, None, None]) for share in shares)
    torch.testing.assert_close(found, grid.mean(values))
