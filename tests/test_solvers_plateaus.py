"""Plateaus are left where a longer step leads down without a rise, and only there."""

import torch

from kldiv.solvers.plateaus import beyond_plateaus


class Function:
    """A function in the place of an objective."""

    resolution = 1e-10

    def __init__(self, function):
        self.function = function

    def __call__(self, theta):
        return self.function(theta)


def look(function, *rows):
    theta = torch.tensor(rows, dtype=torch.float64)
    return beyond_plateaus(Function(function), theta, function(theta))


def test_a_plateau_is_left_downhill():
    def edge(theta):  # flat about 0, and lower from 0.3 on
        return -(theta[..., 0] - 0.3).clamp_min(0.0) + theta[..., 1].abs()

    found, lower = look(edge, [0.0, 0.0], [0.0, 1.0])
    assert lower.tolist() == [True, True]
    assert found[0].tolist() == [0.5, 0.0]
    assert found[1].tolist() == [0.0, 0.5]


def test_a_minimum_stays_whatever_lies_beyond_a_rise():
    def two(theta):  # a minimum at 0, and a lower one at 0.5 beyond a hill
        x = theta[..., 0]
        return torch.minimum(x.abs(), 20 * (x - 0.5).abs() - 1.0)

    found, lower = look(two, [0.0])
    assert lower.tolist() == [False]
    assert found.tolist() == [[0.0]]


def test_problems_of_a_batch_are_looked_at_apart():
    def shifted(theta):
        return (theta[..., 0] - torch.tensor([0.0, 1.0], dtype=torch.float64)).abs()

    theta = torch.zeros(1, 2, 1, dtype=torch.float64)
    found, lower = beyond_plateaus(Function(shifted), theta, shifted(theta))
    assert lower.tolist() == [[False, True]]
    assert found[0, :, 0].tolist() == [0.0, 0.5]
