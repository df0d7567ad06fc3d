"""Between the points of a grid a density is linear; all that follows from it is exact."""

import numpy as np
import pytest
import torch

from kldiv.definitions.grid_density import GridDensity

F64 = torch.float64


def tensor(*values):
    return torch.tensor(values, dtype=F64)


UNEVEN = tensor(-1.0, 0.0, 0.25, 2.0, 5.0)
LINES = {
    "one cell": ([tensor(0.0, 2.0)], tensor(1.0, 3.0)),
    "an uneven line": ([UNEVEN], tensor(0.0, 1.0, 4.0, 0.5, 0.0)),
    "a jump at an end": ([UNEVEN], tensor(3.0, 1.0, 0.0, 0.0, 0.0)),
    "two lines": ([UNEVEN], tensor([0.0, 1.0, 4.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0, 2.0])),
}
PLANES = {
    "a plane": ([UNEVEN, tensor(0.0, 1.0, 3.0)], torch.arange(15.0, dtype=F64).reshape(5, 3) ** 2),
    "two planes": (
        [tensor(0.0, 1.0, 3.0), tensor(2.0, 4.0)],
        tensor([[1.0, 0.0], [2.0, 5.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [1.0, 3.0]]),
    ),
}
EVERY = {**LINES, **PLANES}


def grid(name):
    axes, density = EVERY[name]
    return GridDensity(axes, density, vector=name in PLANES)


def nodes(axis):
    """Points and weights of a Gauss rule in every cell, exact for polynomials of degree 9."""
    x, w = (torch.as_tensor(each) for each in np.polynomial.legendre.leggauss(5))
    half = axis.diff() / 2
    points = (axis[:-1] + half).unsqueeze(-1) + half.unsqueeze(-1) * x
    return points.flatten(), (half.unsqueeze(-1) * w).flatten()


def expectations(found, function):
    """Sums over all nodes of the grid, exact since the density is a polynomial in each cell."""
    rules = [nodes(axis) for axis in found.axes]
    points = torch.cartesian_prod(*(points for points, _ in rules))
    weights = torch.cartesian_prod(*(weights for _, weights in rules))
    if found.event_shape:
        weights = weights.prod(-1)
    shape = (len(points), *(1,) * len(found.batch_shape), *found.event_shape)
    density = found.log_prob(points.reshape(shape)).exp()
    return (density.movedim(0, -1) * weights * function(points)).sum(-1)


@pytest.mark.parametrize("name", EVERY)
def test_its_mass_is_1(name):
    found = grid(name)
    torch.testing.assert_close(
        expectations(found, lambda x: 1.0), torch.ones(found.batch_shape, dtype=F64)
    )


@pytest.mark.parametrize("name", LINES)
def test_the_moments_of_a_line_are_exact(name):
    found = grid(name)
    mean = expectations(found, lambda x: x)
    torch.testing.assert_close(found.mean, mean)
    second = expectations(found, lambda x: x**2)
    torch.testing.assert_close(found.variance, second - mean**2)


@pytest.mark.parametrize("name", PLANES)
def test_the_moments_of_a_plane_are_exact(name):
    found = grid(name)
    mean = torch.stack([expectations(found, lambda x, i=i: x[:, i]) for i in (0, 1)], -1)
    torch.testing.assert_close(found.mean, mean)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        second = expectations(found, lambda x, i=i, j=j: x[:, i] * x[:, j])
        expected = second - mean[..., i] * mean[..., j]
        torch.testing.assert_close(found.covariance_matrix[..., i, j], expected)
    torch.testing.assert_close(found.variance, found.covariance_matrix.diagonal(dim1=-2, dim2=-1))


@pytest.mark.parametrize("name", LINES)
def test_the_mass_is_that_of_the_trapezium_rule(name):
    (axis,), density = LINES[name]
    torch.testing.assert_close(grid(name).mass, torch.trapezoid(density, axis))


def test_it_passes_through_its_values_and_is_linear_between():
    found = grid("an uneven line")
    density = found.log_prob(UNEVEN).exp() * found.mass
    torch.testing.assert_close(density, tensor(0.0, 1.0, 4.0, 0.5, 0.0))
    assert float(found.log_prob(tensor(1.125)).exp() * found.mass) == pytest.approx(2.25)


def test_outside_of_the_grid_it_vanishes():
    assert (grid("an uneven line").log_prob(tensor(-1.5, 5.5, -1.0)) == -torch.inf).all()
    assert grid("a plane").log_prob(tensor([0.0, 3.5])).isneginf().all()


def test_its_support_ends_where_its_mass_does():
    inner = GridDensity([UNEVEN], tensor(0.0, 0.0, 4.0, 0.0, 0.0), vector=False).support
    assert (float(inner.lower_bound), float(inner.upper_bound)) == (0.0, 2.0)
    batch = grid("two planes").support.base_constraint
    assert batch.lower_bound.tolist() == [[0, 2], [1, 2]]
    assert batch.upper_bound.tolist() == [[3, 4], [3, 4]]


@pytest.mark.parametrize("name", EVERY)
def test_draws_have_its_moments(name):
    found = grid(name)
    torch.manual_seed(1)
    count = 40_000
    draws = found.sample((count,))
    assert draws.shape == (count, *found.batch_shape, *found.event_shape)
    assert found.support.check(draws).all()
    error = (found.variance / count).sqrt()
    assert ((draws.mean(0) - found.mean).abs() < 4.5 * error).all()
    # the kurtosis of a density on an interval is far below 10 here
    assert torch.allclose(draws.var(0), found.variance, rtol=4.5 * (10 / count) ** 0.5)


def test_draws_in_a_cell_follow_its_slope():
    torch.manual_seed(0)
    share = grid("one cell").sample((100_000,)) / 2
    # with density (1 + 2s) / 2 on [0, 1] the distribution function is (s + s²) / 2
    chance = (share + share**2) / 2
    assert torch.allclose(chance.mean(), tensor(0.5).squeeze(), atol=4.5 * (1 / 12e5) ** 0.5)
    assert torch.allclose(chance.var(), tensor(1 / 12).squeeze(), rtol=0.03)


def test_gradients_reach_the_values():
    density = tensor(1.0, 3.0, 2.0).requires_grad_()
    found = GridDensity([tensor(0.0, 1.0, 2.0)], density, vector=False)
    (slope,) = torch.autograd.grad(found.log_prob(tensor(0.5)).sum(), density)
    # of log (f0 + f1) / 2 less the logarithm of the mass (f0 + 2 f1 + f2) / 2 = 4.5
    expected = tensor(0.25, 0.25, 0.0) - tensor(0.5, 1.0, 0.5) / 4.5
    torch.testing.assert_close(slope, expected)


def test_its_text_tells_its_size():
    assert repr(grid("a plane")) == "GridDensity(5 x 3 points on [-1, 5] x [0, 3])"
