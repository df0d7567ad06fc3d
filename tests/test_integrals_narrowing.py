"""Scales across a plane: made smaller where a density is narrower than it was said to be."""

import pytest
import torch

from torch.distributions import Laplace, Normal, StudentT

import kldiv

from kldiv.estimators.integrals.narrowing import narrowed
from kldiv.resolving import as_target

ZERO = torch.zeros(1, 1, dtype=torch.float64)


def scale_of(*densities):
    """The scale of a place at 0 that was said to be 1 wide."""

    def logs(points, line):
        return tuple(density.log_prob(points) for density in densities)

    return float(narrowed(logs, ZERO, ZERO + 1))


@pytest.mark.parametrize("width", [1e-9, 1e-4, 0.01, 0.1])
@pytest.mark.parametrize("family", [Normal, Laplace, lambda loc, scale: StudentT(3.0, loc, scale)])
def test_a_scale_comes_down_to_that_of_a_narrow_density(family, width):
    found = scale_of(family(torch.tensor(0.0, dtype=torch.float64), width))
    assert width / 4 < found < 4 * width


def test_the_narrower_of_two_densities_counts():
    wide, narrow = (Normal(torch.tensor(0.0, dtype=torch.float64), s) for s in (1.0, 1e-3))
    assert scale_of(wide, narrow) == scale_of(narrow, wide) < 2e-3


@pytest.mark.parametrize("width", [0.3, 1.0, 1e3])
def test_other_scales_stay(width):
    assert scale_of(Normal(torch.tensor(0.0, dtype=torch.float64), width)) == 1.0


def test_only_the_lines_that_need_it_are_narrowed_and_asked_again():
    widths, asked = torch.tensor([1.0, 0.01, 1.0], dtype=torch.float64), []

    def logs(points, line):
        asked.append(line.tolist())
        return (Normal(0.0, widths[line]).log_prob(points),)

    found = narrowed(logs, torch.zeros(3, 1, dtype=torch.float64), torch.ones(3, 1).double())
    assert found[[0, 2], 0].tolist() == [1.0, 1.0]
    assert found[1, 0] < 0.02
    assert asked[0] == [0, 1, 2]
    assert set(map(tuple, asked[1:])) == {(1,)}


def test_where_nothing_is_known_of_a_density_its_scale_stays():
    def logs(points, line):
        return (torch.where(points < 0, -torch.inf, 0.0),)

    assert float(narrowed(logs, ZERO, ZERO + 1)) == 1.0


@pytest.mark.parametrize("scale", [1.0, 3.0, 4.0])
def test_the_neck_of_a_funnel_is_not_lost(scale):
    value, error = kldiv.Quadrature().mass(as_target(f"funnel(scale={scale})", "p"))
    assert abs(float(value) - 1) <= float(error) < 1e-8


def test_on_the_flank_of_a_ridge_the_scale_stays():
    assert scale_of(Normal(torch.tensor(0.5, dtype=torch.float64), 0.01)) == 1.0
