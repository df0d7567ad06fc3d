"""What functions of users answer is checked where it comes in."""

import numpy as np
import pytest
import torch

import kldiv

from kldiv.definitions.answers import log_density_from, points_from


@pytest.mark.parametrize("value", [1.0, None, torch.tensor(1), torch.tensor(True)])
def test_what_is_no_log_density_is_refused(value):
    with pytest.raises(kldiv.InvalidType, match="log_prob must return"):
        log_density_from(lambda x: value, torch.zeros(1))


def test_a_log_density_is_handed_on():
    assert torch.equal(log_density_from(torch.neg, torch.ones(2)), -torch.ones(2))


def test_numpy_is_told_from_other_errors():
    wanted = torch.zeros(1, requires_grad=True)
    with pytest.raises(kldiv.InvalidType, match="calls functions of numpy"):
        log_density_from(np.square, wanted)
    with pytest.raises(RuntimeError, match="must match"):
        log_density_from(lambda x: x + torch.ones(2) + torch.ones(3), wanted)


def test_points_have_the_shape_that_was_asked_for():
    shape = torch.Size([4])
    assert points_from(torch.zeros, shape, ()).shape == shape
    with pytest.raises(kldiv.InvalidType, match="sample must return a tensor, got ndarray"):
        points_from(np.zeros, shape, ())
    with pytest.raises(kldiv.ShapeMismatch, match=r"shape \(4, 2\) here, got \(4,\)"):
        points_from(torch.zeros, shape, (2,))
