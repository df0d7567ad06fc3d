"""Constrained parameters and the real vectors behind them lead to one another."""

import math

import pytest
import torch

from torch.distributions import constraints

from kldiv.definitions.parameters import Parameter, ParameterSpace, check_names
from kldiv.errors import InvalidArgument

F64 = torch.float64
VALUES = [
    (Parameter(constraints.real), torch.tensor([-2.0, 3.0], dtype=F64), 1),
    (Parameter(constraints.positive), torch.tensor([0.1, 30.0], dtype=F64), 1),
    (Parameter(constraints.unit_interval), torch.tensor([0.1, 0.9], dtype=F64), 1),
    (Parameter(constraints.greater_than(2.0)), torch.tensor([2.5, 9.0], dtype=F64), 1),
    (Parameter(constraints.interval(-1.0, 3.0)), torch.tensor([-0.5, 2.0], dtype=F64), 1),
    (Parameter(constraints.real_vector, (3,)), torch.arange(6.0, dtype=F64).reshape(2, 3), 3),
    (
        Parameter(constraints.simplex, (3,)),
        torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]], dtype=F64),
        2,
    ),
    (
        Parameter(constraints.positive_definite, (2, 2)),
        torch.tensor([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.9], [-0.9, 1.0]]], dtype=F64),
        3,
    ),
    (
        Parameter(constraints.lower_cholesky, (2, 2)),
        torch.tensor([[[2.0, 0.0], [0.5, 1.0]], [[1.0, 0.0], [-0.9, 0.1]]], dtype=F64),
        3,
    ),
]


@pytest.mark.parametrize(("parameter", "values", "size"), VALUES)
def test_a_value_survives_the_way_there_and_back(parameter, values, size):
    vectors = parameter.unconstrain(values)
    assert parameter.size == size
    assert vectors.shape == (2, size)
    assert torch.allclose(parameter.constrain(vectors), values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("parameter", "values", "size"), VALUES)
def test_every_real_vector_is_a_valid_value(parameter, values, size):
    vectors = 2 * torch.randn(50, size, dtype=F64, generator=torch.Generator().manual_seed(1))
    found = parameter.constrain(vectors)
    assert found.shape == (50, *parameter.shape)
    assert parameter.constraint.check(found).all()


@pytest.mark.parametrize(("parameter", "values", "size"), VALUES)
def test_no_direction_of_the_real_space_is_idle(parameter, values, size):
    point = parameter.unconstrain(values[0])
    jacobian = torch.autograd.functional.jacobian(parameter.constrain, point)
    assert torch.linalg.matrix_rank(jacobian.reshape(-1, size)) == size


@pytest.mark.parametrize(("parameter", "values", "size"), VALUES)
def test_what_breaks_a_constraint_or_is_nan_is_not_allowed(parameter, values, size):
    assert parameter.allows(values)
    assert not parameter.allows(values * math.nan)
    if parameter.constraint not in (constraints.real, constraints.real_vector):
        assert not parameter.allows(-5 * values)


def test_a_constraint_that_depends_on_other_parameters_allows_all_but_nan():
    dependent = Parameter(constraints.dependent)
    assert dependent.allows(torch.tensor(-3.0))
    assert not dependent.allows(torch.tensor(math.nan))


SPACE = ParameterSpace(
    {
        "loc": Parameter(constraints.real_vector, (2,)),
        "scale": Parameter(constraints.positive),
    }
)


def test_a_space_is_its_parameters_side_by_side():
    theta = torch.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0]], dtype=F64)
    values = SPACE.constrain(theta)
    assert SPACE.size == 3
    assert values["loc"].tolist() == [[1, 2], [3, 4]]
    assert values["scale"].tolist() == pytest.approx([1, math.e])
    assert torch.allclose(SPACE.unconstrain(values), theta)


def test_values_of_different_batch_shapes_broadcast():
    theta = SPACE.unconstrain({"loc": torch.zeros(2), "scale": torch.ones(4, 1)})
    assert theta.shape == (4, 1, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loc": torch.zeros(2)}, r"parameters must be \['loc', 'scale'\], got \['loc'\]"),
        (
            {"loc": torch.zeros(2), "scale": torch.ones(()), "df": torch.ones(())},
            r"parameters must be \['loc', 'scale'\], got",
        ),
        (
            {"loc": torch.zeros(3), "scale": torch.ones(())},
            r"'loc' must have shape \(2,\) behind its batch shape, got \(3,\)",
        ),
        (
            {"loc": torch.zeros(()), "scale": torch.ones(())},
            r"'loc' must have shape \(2,\) behind its batch shape, got \(\)",
        ),
        (
            {"loc": torch.zeros(2), "scale": torch.tensor(-1.0)},
            r"'scale' must satisfy GreaterThan\(lower_bound=0.0\), got -1.0",
        ),
        (
            {"loc": torch.tensor([0.0, math.nan]), "scale": torch.ones(())},
            r"'loc' must satisfy .* got \[0.0, nan\]",
        ),
    ],
)
def test_wrong_values_are_an_error_that_names_the_parameter(values, message):
    with pytest.raises(InvalidArgument, match=message):
        SPACE.unconstrain(values)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 0.5], [0.4, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, math.nan], [math.nan, 1.0]],
        [[math.nan, 0.0], [0.0, 1.0]],
        [[math.inf, 0.0], [0.0, 1.0]],
        [[1.0, math.inf], [math.inf, 1.0]],
        [[1.0, 0.5 + 1e-9], [0.5, 1.0]],
        [[4.0, 1.0], [1.0, 2.0]],
    ],
)
def test_a_covariance_is_one_where_torch_says_so(matrix):
    parameter = Parameter(constraints.positive_definite, (2, 2))
    value = torch.tensor(matrix, dtype=F64)
    pair = torch.stack([value, torch.eye(2, dtype=F64)])
    for each in (value, pair):
        known = bool(parameter.constraint.check(each).all())
        assert parameter.is_met_by(each, parameter.unconstrain(each)) == known


def test_values_outside_of_their_constraint_pass_where_they_are_not_checked():
    theta = SPACE.unconstrain({"loc": torch.zeros(2), "scale": torch.tensor(-1.0)}, check=False)
    assert theta.shape == (3,)


def test_an_unknown_name_offers_a_close_one():
    message = r"normal has no parameter 'scal'; did you mean 'scale'\? \(.*: loc, scale\)"
    with pytest.raises(InvalidArgument, match=message):
        check_names("normal", ["scal"], SPACE.parameters)
    with pytest.raises(InvalidArgument, match=r"no parameter 'zzz' \(its parameters"):
        check_names("normal", ["loc", "zzz"], SPACE.parameters)


def test_a_matrix_that_is_singular_has_no_real_numbers_behind_it():
    parameter = Parameter(constraints.positive_definite, (2, 2))
    matrices = torch.stack([torch.eye(2), torch.ones(2, 2) - 1e-3 * torch.eye(2)]).double()
    first, second = parameter.unconstrain(matrices)
    assert first.isfinite().all()
    assert second.isnan().any()
