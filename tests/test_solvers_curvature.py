"""Hessians by differences of gradients tell minima from saddles, in units of their own."""

import math

import pytest
import torch

from torch.distributions import Normal, kl_divergence

from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.solvers import Objective
from kldiv.solvers.curvature import (
    absolute_inverse,
    damped_step,
    decrement,
    decrement_and_signature,
    hessian,
    hessian_seen,
    newton_step,
    signature,
)

F64 = torch.float64


@pytest.fixture
def objective():
    target = as_target(Normal(torch.tensor(1.0, dtype=F64), 2.0), "target")
    return Objective(
        target,
        family_for("normal", target),
        as_divergence("kl"),
        forward=True,
        estimator=as_estimator("auto"),
    )


def matrix(*rows):
    return torch.tensor(rows, dtype=F64)


def test_the_hessian_is_that_of_the_formula(objective):
    p = Normal(torch.tensor(1.0, dtype=F64), 2.0)

    def formula(theta):
        return kl_divergence(p, Normal(theta[0], theta[1].exp()))

    theta = torch.tensor([[0.3, 0.2], [1.0, math.log(2)]], dtype=F64)
    found = hessian(objective, theta)
    for row, expected in zip(found, theta, strict=True):
        exact = torch.autograd.functional.hessian(formula, expected)
        # central differences with step 1e-4 are off by step² / 6 of fourth derivatives
        assert torch.allclose(row, exact, rtol=1e-6, atol=1e-6)


def test_the_hessian_has_a_matrix_for_every_start_of_every_problem():
    target = as_target(Normal(torch.zeros(4, dtype=F64), 1.0), "target")
    batched = Objective(
        target,
        family_for("normal", target),
        as_divergence("kl"),
        forward=False,
        estimator=as_estimator("auto"),
    )
    found = hessian(batched, torch.randn(3, 4, 2, dtype=F64))
    assert found.shape == (3, 4, 2, 2)
    assert torch.equal(found, found.mT)


def test_a_newton_step_leads_to_the_minimum_of_a_bowl():
    bowl = matrix([3.0, 1.0], [1.0, 2.0])
    place = torch.tensor([4.0, -7.0], dtype=F64)
    assert torch.allclose(newton_step(bowl, bowl @ place), -place)


def test_a_newton_step_goes_downhill_at_a_saddle():
    saddle = matrix([1.0, 0.0], [0.0, -2.0])
    step = newton_step(saddle, torch.tensor([1.0, 1.0], dtype=F64))
    assert step.tolist() == [-1, -0.5]


def test_a_newton_step_leaves_flat_directions_alone():
    trough = matrix([5.0, 0.0], [0.0, 1e-12])
    assert newton_step(trough, torch.tensor([5.0, 1e-9], dtype=F64)).tolist() == [-1, 0]


def test_the_inverse_for_descent_is_positive_and_bounded():
    found = torch.linalg.eigvalsh(absolute_inverse(matrix([1.0, 0.0], [0.0, -4.0])))
    assert found.tolist() == pytest.approx([0.25, 1])
    flat = torch.linalg.eigvalsh(absolute_inverse(matrix([1.0, 0.0], [0.0, 0.0])))
    assert flat.tolist() == pytest.approx([1, 1e4])


def test_the_squared_decrement_is_twice_what_a_bowl_has_to_give():
    bowl = matrix([3.0, 1.0], [1.0, 2.0])
    place = torch.tensor([0.4, -0.7], dtype=F64)
    left = place @ bowl @ place / 2
    assert float(decrement(bowl, bowl @ place) ** 2 / 2) == pytest.approx(float(left))


@pytest.mark.parametrize(
    ("values", "expected"),
    [((2.0, 1.0), (1, 1)), ((2.0, -1.0), (-1, 1)), ((2.0, 1e-9), (0, 1)), ((0.0, 0.0), (0, 0))],
)
def test_the_signature_is_the_signs_of_the_curvatures(values, expected):
    assert tuple(signature(torch.diag(torch.tensor(values, dtype=F64))).tolist()) == expected


def test_a_hessian_that_is_not_finite_says_nothing():
    unknown = torch.full((2, 2), math.nan, dtype=F64)
    assert (signature(unknown) == 0).all()
    assert decrement(unknown, torch.zeros(2, dtype=F64)) == math.inf
    assert decrement(torch.eye(2, dtype=F64), torch.full((2,), math.nan, dtype=F64)) == math.inf


def test_a_straight_slope_has_much_to_give():
    slope = decrement(torch.zeros(1, 1, dtype=F64), torch.ones(1, dtype=F64))
    assert float(slope) > 1_000


@pytest.mark.parametrize("by_numpy", [False, True])
def test_a_row_by_itself_is_moved_as_among_others(by_numpy):
    generator = torch.Generator().manual_seed(2)
    factor = torch.randn(5, 2, 2, dtype=F64, generator=generator)
    rows = [factor + factor.mT, factor[..., 0], torch.tensor([0, 0.1, 0, 3.0, 0], dtype=F64)]
    rows = [each.numpy() if by_numpy else each for each in rows]
    step, left = damped_step(*rows)
    for row in range(5):
        alone = damped_step(*(each[row : row + 1] for each in rows))
        assert alone[0].tolist() == [pytest.approx(step[row].tolist(), rel=1e-12)]
        assert alone[1].tolist() == pytest.approx(left[row : row + 1].tolist(), rel=1e-12)


def test_the_decrement_and_the_signature_are_had_together():
    hessians = torch.stack([matrix([2.0, 0.5], [0.5, -1.0]), matrix([1.0, 0.0], [0.0, math.nan])])
    gradient = matrix([1.0, 2.0], [1.0, 2.0])
    left, signs = decrement_and_signature(hessians, gradient)
    assert torch.equal(left, decrement(hessians, gradient))
    assert torch.equal(signs, signature(hessians))


def test_a_hessian_is_seen_where_members_are_wider_than_a_difference():
    target = as_target([3.0, 3.0], "target")
    parts = family_for("gumbel", target), as_divergence("kl")
    objective = Objective(target, *parts, forward=True, estimator=as_estimator("auto"), seed=0)
    theta = torch.tensor([[3.0, 0.0], [3.0 - 1e-7, math.log(1e-5)]], dtype=F64)
    _, gradient = objective.value_and_gradient(theta)
    matrix, seen = hessian_seen(objective, theta, gradient)
    assert torch.equal(matrix, hessian(objective, theta))
    assert seen.tolist() == [True, False]
