"""Small fits run on one thread, and leave the process as it was."""

import pytest
import torch

from torch.distributions import Normal

from kldiv.resolving import as_target
from kldiv.solvers.threads import few_threads

SMALL = Normal(torch.tensor(0.0), 1.0)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("target", "inside"), [(SMALL, 1), (torch.zeros(9), 2), ("eight_schools", 2)]
)
def test_small_work_has_one_thread_and_the_number_is_restored(target, inside):
    with few_threads(as_target(target, "target")):
        assert torch.get_num_threads() == inside
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_number_is_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), few_threads(as_target(SMALL, "target")):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2
