"""What estimators ask of a support is read off the constraints of torch."""

import math

import pytest
import torch

from torch.distributions import (
    Binomial,
    Categorical,
    Dirichlet,
    Independent,
    MixtureSameFamily,
    Normal,
    Pareto,
    Uniform,
    Wishart,
    constraints,
)

from kldiv.definitions.support import (
    box,
    coordinate_ends,
    interior_point,
    is_box,
    is_whole,
    lattice,
    unwrap,
)
from kldiv.errors import InvalidArgument


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def ends(interval):
    return interval.lower.tolist(), interval.upper.tolist()


def test_wrappers_are_taken_off():
    wrapped = constraints.independent(constraints.independent(constraints.positive, 1), 1)
    assert unwrap(wrapped) is constraints.positive
    assert unwrap(constraints.real_vector) is constraints.real


@pytest.mark.parametrize(
    ("support", "whole"),
    [
        (constraints.real, True),
        (constraints.real_vector, True),
        (constraints.independent(constraints.real, 2), True),
        (constraints.positive, False),
        (constraints.unit_interval, False),
        (constraints.boolean, False),
    ],
)
def test_only_real_coordinates_fill_the_space(support, whole):
    assert is_whole(support) is whole


@pytest.mark.parametrize(
    ("support", "expected"),
    [
        (constraints.real, (-math.inf, math.inf)),
        (constraints.positive, (0, math.inf)),
        (constraints.nonnegative, (0, math.inf)),
        (constraints.unit_interval, (0, 1)),
        (constraints.interval(-2.0, 3.0), (-2, 3)),
        (constraints.greater_than(4.0), (4, math.inf)),
        (constraints.less_than(4.0), (-math.inf, 4)),
        (constraints.independent(constraints.positive, 1), (0, math.inf)),
    ],
)
def test_continuous_intervals_have_their_ends(support, expected):
    assert is_box(support)
    assert ends(box(support)) == expected


@pytest.mark.parametrize(
    "support", [constraints.simplex, constraints.positive_definite, constraints.boolean]
)
def test_other_supports_are_no_box(support):
    assert not is_box(support)
    assert box(support) is None


@pytest.mark.parametrize(
    ("support", "expected"),
    [
        (constraints.boolean, (0, 1)),
        (constraints.nonnegative_integer, (0, math.inf)),
        (constraints.integer_interval(2, 5), (2, 5)),
        (Categorical(torch.ones(4)).support, (0, 3)),
        (Binomial(7, torch.tensor(0.5)).support, (0, 7)),
    ],
)
def test_sets_of_integers_have_their_ends(support, expected):
    assert ends(lattice(support)) == expected


@pytest.mark.parametrize(
    "support",
    [constraints.real, constraints.one_hot, constraints.independent(constraints.boolean, 1)],
)
def test_other_supports_are_no_set_of_integers(support):
    assert lattice(support) is None


def test_the_ends_of_a_mixture_are_the_outermost_of_its_components():
    weights = Categorical(double(0.5, 0.5))
    assert ends(box(MixtureSameFamily(weights, Uniform(double(0, 2), double(1, 5))).support)) == (
        0,
        5,
    )
    stacked = Uniform(double([0, 2], [-1, 3]), double([1, 5], [0, 4]))
    batched = MixtureSameFamily(Categorical(torch.ones(2, 2)), stacked)
    assert ends(box(batched.support)) == ([0, -1], [5, 4])


def test_ends_carry_the_gradients_of_the_parameters_they_are_made_of():
    low = double(1.0, 2.0).requires_grad_()
    found = box(Pareto(low, double(3.0, 3.0)).support)
    (slope,) = torch.autograd.grad(found.lower.sum(), low)
    assert slope.tolist() == [1, 1]


def test_scalars_count_as_vectors_of_length_one():
    batched = Uniform(double(0.0, 1.0, 2.0), double(9.0, 9.0, 9.0))
    found = coordinate_ends(batched.support, torch.Size([2, 3]), torch.Size())
    assert found.lower.shape == (2, 3, 1)
    assert found.lower[1, :, 0].tolist() == [0, 1, 2]


def test_vectors_keep_an_end_for_each_coordinate():
    vector = Independent(Uniform(double(0.0, -1.0), double(1.0, 4.0)), 1)
    found = coordinate_ends(vector.support, torch.Size([5]), torch.Size([2]))
    assert found.lower.shape == (5, 2)
    assert found.upper[3].tolist() == [1, 4]


def test_the_ends_of_a_simplex_are_refused():
    with pytest.raises(InvalidArgument, match=r"Simplex\(\) is no product of intervals"):
        coordinate_ends(constraints.simplex, torch.Size(), torch.Size([3]))


@pytest.mark.parametrize(
    ("support", "event_shape"),
    [
        (constraints.real, ()),
        (constraints.positive, ()),
        (constraints.greater_than(4.0), ()),
        (constraints.less_than(-4.0), ()),
        (constraints.interval(-2.0, -1.5), ()),
        (constraints.boolean, ()),
        (constraints.integer_interval(3, 5), ()),
        (constraints.less_than(4.0), ()),
        (constraints.real_vector, (3,)),
        (constraints.independent(constraints.positive, 1), (3,)),
        (constraints.one_hot, (4,)),
        (Dirichlet(torch.ones(3)).support, (3,)),
        (Wishart(3.0, torch.eye(2)).support, (2, 2)),
        (Uniform(double(0.0, 5.0), double(1.0, 6.0)).support, ()),
    ],
)
def test_a_point_inside_is_inside(support, event_shape):
    point = interior_point(support, torch.Size(event_shape))
    shape = torch.broadcast_shapes(point.shape, event_shape)
    assert support.check(point.expand(shape)).all()


def test_a_point_inside_has_no_gradient():
    low = double(1.0).requires_grad_()
    support = Pareto(low, double(3.0)).support
    assert not interior_point(support, torch.Size()).requires_grad


def test_a_support_that_says_nothing_of_its_coordinates_has_zero():
    assert interior_point(Normal(0.0, 1.0).support, torch.Size()).tolist() == 0
    odd = constraints.cat([constraints.positive, constraints.real], 0, [1, 1])
    assert interior_point(odd, torch.Size([2])).tolist() == 0
