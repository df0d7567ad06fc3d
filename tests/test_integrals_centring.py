"""Places across a plane, moved to where a density is on each line."""

import pytest
import torch

from torch.distributions import Cauchy, Laplace, Normal

from kldiv.estimators.integrals.centring import centred

F64 = torch.float64


def moved(density, centre, scale=1.0):
    """Where a place ends, and the log densities that it was told."""
    asked = []

    def log(points, line):
        asked.append(points.shape)
        return (density.log_prob(points),)

    start = torch.tensor([[centre]], dtype=F64)
    return float(centred(log, start, torch.full_like(start, scale), (0,))), asked


@pytest.mark.parametrize("centre", [-300.0, 40.0, 2.5])
def test_a_place_comes_to_the_ridge_in_one_step(centre):
    found, asked = moved(Normal(torch.tensor(7.0, dtype=F64), 0.3), centre)
    assert found == pytest.approx(7, abs=1e-6)
    assert len(asked) <= 3


def test_a_place_on_the_ridge_stays():
    found, asked = moved(Normal(torch.tensor(7.0, dtype=F64), 0.3), 7.1)
    assert found == 7.1
    assert asked == [(3, 1)]


def test_only_lines_beside_a_ridge_are_asked_again():
    ridge, sizes = torch.tensor([0.0, 50.0, 0.0], dtype=F64), []

    def log(points, line):
        sizes.append(points.shape[1])
        return (-(points - ridge[line]).square(),)

    found = centred(log, torch.zeros(3, 1, dtype=F64), torch.ones(3, 1, dtype=F64), (0,))
    assert torch.allclose(found[:, 0], ridge)
    assert sizes == [3, 1, 1]


@pytest.mark.parametrize("density", [Laplace, Cauchy])
@pytest.mark.parametrize("centre", [0.01, 3.0, 80.0])
def test_a_density_never_falls(density, centre):
    made = density(torch.tensor(0.0, dtype=F64), 1.0)
    found, _ = moved(made, centre)
    assert made.log_prob(torch.tensor(found)) >= made.log_prob(torch.tensor(centre)) - 1e-12


def test_each_place_follows_its_own_density():
    def logs(points, line):
        return -(points - 50).square(), -(points + 50).square()

    zeros = torch.zeros(1, 2, dtype=F64)
    assert centred(logs, zeros, zeros + 1, (0, 1)).tolist() == [[50, -50]]


def test_where_nothing_is_known_a_place_stays():
    nothing = torch.distributions.Normal(torch.tensor(0.0, dtype=F64), 1.0)
    nothing.log_prob = lambda x: torch.full_like(x, -torch.inf)
    assert moved(nothing, 3.0)[0] == 3.0
