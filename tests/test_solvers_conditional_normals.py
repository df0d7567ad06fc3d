"""Whether targets are normal given a coordinate is told from few gradients, and not too easily."""

import pytest
import torch

import kldiv

from kldiv.solvers.conditional_normals import candidates, is_normal_given, is_resolved
from kldiv.solvers.sigma_points import points_around
from kldiv.solvers.slopes import log_density_and_slope
from tests.conditional_targets import funnel, hierarchy
from tests.objectives import objective_of

F64 = torch.float64
SIZE = 5


def members(size=SIZE, scale=1.0, rows=2):
    generator = torch.Generator().manual_seed(3)
    loc = torch.randn(rows, size, generator=generator, dtype=F64)
    root = 0.3 * torch.randn(rows, size, size, generator=generator, dtype=F64).tril(-1)
    return scale * loc, scale * (root + torch.eye(size, dtype=F64))


def found_in(target, scale=1.0):
    objective = objective_of(target, "full_normal", forward=False)
    loc, root = members(target.event_shape[0], scale)
    root[0] = scale * torch.eye(target.event_shape[0], dtype=F64)
    return candidates(root, log_density_and_slope(objective, points_around(loc, root))[1])


@pytest.mark.parametrize("coordinate", range(SIZE))
@pytest.mark.parametrize("scale", [1e-2, 1.0])
def test_the_coordinate_is_found(coordinate, scale):
    assert found_in(hierarchy(SIZE, coordinate), scale) == [coordinate]
    assert found_in(hierarchy(64, coordinate), scale) == [coordinate]


def test_where_there_is_none_none_is_found():
    assert not found_in(kldiv.Target(lambda x: -x.pow(4).sum(-1), event_shape=(SIZE,)))
    assert not found_in(kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(SIZE,)))
    assert not found_in(hierarchy(65, 0))
    two = kldiv.Target(
        lambda x: -(x[..., 0] ** 4) - x[..., 1] ** 4 - x.square().sum(-1), event_shape=(SIZE,)
    )
    assert not found_in(two)


def test_members_with_correlations_tell_nothing():
    _, root = members()
    assert candidates(root, torch.randn(2 * SIZE, 2, SIZE, dtype=F64)) == []


@pytest.mark.parametrize("coordinate", [0, 2, 4])
def test_what_is_normal_given_it_is_told(coordinate):
    objective = objective_of(hierarchy(SIZE, coordinate), "full_normal", forward=False)
    found = [is_normal_given(objective, *members(), k, 64) for k in range(SIZE)]
    assert found == [k == coordinate for k in range(SIZE)]


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("factor", [1.0, 1e6])
def test_rounding_of_large_numbers_is_no_reason(offset, factor):
    plain = hierarchy(SIZE, 0)
    target = kldiv.Target(lambda x: factor * plain.log_prob(x) + offset, event_shape=(SIZE,))
    objective = objective_of(target, "full_normal", forward=False)
    assert is_normal_given(objective, *members(scale=factor**-0.5), 0, 64)


def not_normal():
    """What is added to a log density that is normal given its third coordinate."""
    yield "a quartic term", lambda x: -1e-5 * x[..., 0].pow(4)
    yield "a cubic term", lambda x: 1e-4 * x[..., 0] * x[..., 1] * x[..., 4]
    yield "a wave", lambda x: 1e-3 * (x[..., 4] - x[..., 2]).sin()
    yield "a jump", lambda x: 1e-2 * (x[..., 0] > 0.3)
    yield "a jump askew", lambda x: 1e-2 * (x[..., 0] > x[..., 2])
    yield "a kink", lambda x: -1e-2 * (x[..., 1] - 0.5).clamp_min(0)
    yield "a tip", lambda x: -1e-2 * x[..., 3:].norm(dim=-1)
    yield "an end", lambda x: torch.where(x[..., 0] < 1.5, 0.0, -torch.inf)


@pytest.mark.parametrize("more", [pytest.param(more, id=name) for name, more in not_normal()])
def test_what_is_not_is_told_as_well(more):
    objective = objective_of(hierarchy(SIZE, 2, more=more), "full_normal", forward=False)
    assert not is_normal_given(objective, *members(), 2, 64)


@pytest.mark.parametrize("count", [24, 48, 96])
def test_smooth_functions_are_resolved(count):
    objective = objective_of(funnel(SIZE), "full_normal", forward=False)
    assert is_resolved(objective, *members(), 0, count)


@pytest.mark.parametrize(
    "along",
    [
        lambda t: -t.abs(),
        lambda t: -t.square() - 2 * (-((t - 0.3) / 0.03).square()).exp(),
        lambda t: -t.square() + (40 * t).cos(),
        lambda t: -t.square() + 0.5 * (t > 0.2),
    ],
    ids=["a kink", "a dip", "waves", "a jump"],
)
@pytest.mark.parametrize("count", [24, 96])
def test_what_nodes_miss_is_seen(along, count):
    objective = objective_of(hierarchy(SIZE, 1, along=along), "full_normal", forward=False)
    assert not is_resolved(objective, *members(), 1, count)
