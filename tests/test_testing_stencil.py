"""Derivatives by differences: how far they may be off, at kinks too."""

import math

import pytest
import torch

from kldiv.testing.stencil import OFFSETS, STEP, derivative

F64 = torch.float64
PLACES = STEP * torch.linspace(-2.2, 2.2, 221, dtype=F64)


def at_offsets(function, x, step=STEP):
    return torch.stack([function(x + offset * step) for offset in OFFSETS])


@pytest.mark.parametrize("jump", [1e-3, 1.0, -50.0])
def test_a_kink_anywhere_within_the_stencil_is_in_the_doubt(jump):
    slope, doubt = derivative(at_offsets(lambda x: jump * (x - PLACES).relu(), 0.0), STEP, 0.0)
    there = jump * (PLACES < 0).double()
    assert ((slope - there).abs() <= doubt + 1e-9 * abs(jump)).all()
    assert (doubt <= 5 * abs(jump)).all()


@pytest.mark.parametrize("x", [-1.3, 0.0, 2.0])
def test_smooth_functions_leave_little_doubt(x):
    slope, doubt = derivative(at_offsets(torch.sin, torch.tensor(x, dtype=F64)), STEP, 0.0)
    assert abs(float(slope) - math.cos(x)) <= min(float(doubt), 1e-11)
    assert doubt < 1e-6


def test_what_values_may_be_off_by_counts_through_the_step():
    values = torch.zeros(5, 3, dtype=F64)
    _, doubt = derivative(values, 0.1, torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(doubt, torch.tensor([0.0, 15.0, 30.0]).double())


def test_a_wrong_slope_of_a_smooth_function_is_beyond_the_doubt():
    slope, doubt = derivative(at_offsets(torch.exp, torch.zeros(1, dtype=F64)), STEP, 0.0)
    assert abs(float(slope) - 1.001) > float(doubt) + 1e-5
