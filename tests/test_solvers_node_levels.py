"""Nodes are as near to each other as a target's narrowest scale asks for."""

import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.resolving import as_target
from kldiv.solvers.node_levels import LEVELS, by_level, finest_scale, first_levels, sees


def test_the_finest_scale_is_that_of_the_narrowest_component():
    parts = Normal(torch.zeros(2, 2), torch.tensor([[1.0, 0.2], [3.0, 0.5]]))
    target = as_target(MixtureSameFamily(Categorical(torch.ones(2, 2)), parts), "target")
    torch.testing.assert_close(finest_scale(landmarks(target)).float(), torch.tensor([0.2, 0.5]))


@pytest.mark.parametrize("size", LEVELS)
def test_the_first_level_is_the_first_that_sees_and_never_the_last(size):
    finest = torch.tensor([10.0, 0.7, 0.4, 0.1, 1e-6])
    root = torch.eye(size).expand(5, size, size)
    first = first_levels(root, finest)
    for row, number in enumerate(first.tolist()):
        seen = [bool(sees(spacing, root[row], finest[row])) for spacing, _ in LEVELS[size]]
        assert number == min([*(k for k, each in enumerate(seen) if each), len(seen) - 2])


def test_rows_are_found_by_their_levels():
    found = list(by_level(torch.tensor([2, 0, 2]), LEVELS[1]))
    assert [(level, rows.tolist()) for level, rows in found] == [
        (LEVELS[1][0], [1]),
        (LEVELS[1][2], [0, 2]),
    ]
