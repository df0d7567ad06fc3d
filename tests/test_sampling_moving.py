"""Points that move with a distribution's parameters."""

import pytest
import torch

from torch.distributions import Categorical, Laplace, MixtureSameFamily, Normal, StudentT

from kldiv.estimators.sampling import moving, quasi_random
from kldiv.estimators.sampling.moving import (
    dimensions_of,
    normal_points,
    points_of,
    pushed,
    why_none_move,
)

F64 = torch.float64


def test_which_members_can_be_drawn_by_a_smooth_map():
    assert why_none_move(Laplace(torch.zeros(()), 1.0)) is None
    assert "StudentT" in why_none_move(StudentT(torch.ones(())))


def test_the_components_of_a_mixture_have_points_of_their_own():
    parts = Normal(torch.tensor([[0.0, 5.0], [1.0, 9.0]], dtype=F64), 1.0)
    mixture = MixtureSameFamily(
        Categorical(torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=F64)), parts
    )
    cube = points_of(mixture, 64, seed=1)
    points, weights = pushed(mixture, cube)
    assert cube.shape == (64, dimensions_of(mixture)) == (64, 1)
    assert points.shape == weights.shape == (128, 2)
    torch.testing.assert_close(weights.sum(0), torch.ones(2, dtype=F64))
    torch.testing.assert_close((points * weights).sum(0), torch.tensor([2.5, 7.0], dtype=F64))


def test_what_is_no_map_of_the_cube_is_refused():
    with pytest.raises(TypeError, match="no smooth map"):
        dimensions_of(StudentT(torch.ones(())))


def test_normal_points_have_the_mean_0_and_the_covariance_1_in_any_blocks(monkeypatch):
    whole = normal_points(64, 5, 0)
    torch.testing.assert_close(whole.sum(0), torch.zeros(5, dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(whole.mT @ whole / 64, torch.eye(5, dtype=F64))
    for module in (moving, quasi_random):
        monkeypatch.setattr(module, "AT_ONCE", 20)
    torch.testing.assert_close(normal_points(64, 5, 0), whole, rtol=1e-12, atol=1e-12)
