"""Points that move with a distribution's parameters."""

import pytest
import torch

from torch.distributions import Categorical, Laplace, MixtureSameFamily, Normal, StudentT

from kldiv.estimators.sampling.moving import dimensions_of, points_of, pushed, why_none_move

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
