"""Log densities and slopes of a target are had at once, and counted."""

import pytest
import torch

import kldiv

from kldiv.errors import NotAvailable
from kldiv.solvers import slopes
from kldiv.solvers.slopes import log_density_and_slope
from tests.objectives import objective_of

F64 = torch.float64


def objective(log_density):
    target = kldiv.Target(log_density, event_shape=(2,))
    return objective_of(target, "diagonal_normal", forward=False)


def test_each_point_has_its_own_slope_and_counts_once():
    made = objective(lambda x: -x.pow(4).sum(-1))
    x = torch.arange(12, dtype=F64).reshape(3, 2, 2)
    before = made.paid()
    log_density, slope = log_density_and_slope(made, x)
    assert torch.equal(log_density, -x.pow(4).sum(-1))
    assert torch.equal(slope, -4 * x.pow(3))
    assert made.paid() - before == 6


def test_the_slope_is_0_where_the_density_vanishes():
    made = objective(lambda x: torch.where(x[..., 0] > 0, x.log().sum(-1), -torch.inf))
    x = torch.tensor([[1.0, 2.0], [-1.0, 2.0]], dtype=F64)
    log_density, slope = log_density_and_slope(made, x)
    assert log_density[1] == -torch.inf
    assert slope.tolist() == [[1.0, 0.5], [0.0, 0.0]]


def test_a_slope_that_is_not_known_stays_so():
    made = objective(lambda x: -x.abs().sqrt().sum(-1))
    _, slope = log_density_and_slope(made, torch.zeros(1, 2, dtype=F64))
    assert not slope.isfinite().any()


def test_points_of_a_batch_of_one_are_laid_out_anew():
    seen = []
    made = objective(lambda x: seen.append(x.stride()) or -x.square().sum(-1))
    log_density_and_slope(made, torch.zeros(1, 5, 2, dtype=F64).movedim(-2, 0))
    assert seen[0] == (2, 2, 1)


def test_very_many_points_are_taken_in_blocks(monkeypatch):
    monkeypatch.setattr(slopes, "_AT_ONCE", 24)
    seen = []
    made = objective(lambda x: seen.append(len(x)) or -x.pow(4).sum(-1))
    x = torch.linspace(-1, 1, 60, dtype=F64).reshape(10, 3, 2)
    before = made.paid()
    seen.clear()
    log_density, slope = log_density_and_slope(made, x)
    assert seen == [4, 4, 2]
    assert torch.equal(log_density, -x.pow(4).sum(-1))
    assert torch.equal(slope, -4 * x.pow(3))
    assert made.paid() - before == 30


def test_a_log_density_without_a_gradient_is_an_error_that_says_so():
    with pytest.raises(NotAvailable, match="has no gradient; write it in torch operations"):
        log_density_and_slope(objective(lambda x: x.detach().sum(-1)), torch.zeros(1, 2))
