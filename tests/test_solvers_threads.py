"""Small fits run on one thread, and leave the process as it was."""

import pytest
import torch

from torch.distributions import Independent, MultivariateNormal, Normal
from torch.utils._python_dispatch import TorchDispatchMode

import kldiv

from kldiv.resolving import as_target
from kldiv.solvers.threads import few_threads

SMALL = Normal(torch.tensor(0.0), 1.0)
PLANE = MultivariateNormal(torch.zeros(2), torch.tensor([[2.0, 0.5], [0.5, 1.0]]))


class ThreadsOfOperations(TorchDispatchMode):
    """By each number of threads the operations of torch that had it."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.found.setdefault(torch.get_num_threads(), set()).add(str(operation))
        return operation(*args, **(kwargs or {}))


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


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("target", "family"),
    [
        ("bimodal", "normal"),
        ("correlated_normal", "isotropic_normal"),
        ("banana", "full_normal"),
        (PLANE, "full_normal"),
    ],
)
def test_no_operation_of_a_small_fit_has_more_than_one_thread(target, family, direction):
    with ThreadsOfOperations() as threads:
        fit = kldiv.fit(target, family, direction=direction)
        dict(fit.diagnostics)
    assert set(threads.found) == {1}, threads.found.get(2)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("correlated_normal", 1),
        (PLANE, 1),
        (Independent(PLANE.expand([9]), 1), 2),
        (torch.eye(2), 2),
    ],
)
def test_a_target_is_made_on_one_thread_of_a_name_or_of_something_small(given, inside):
    with few_threads(given):
        assert torch.get_num_threads() == inside
