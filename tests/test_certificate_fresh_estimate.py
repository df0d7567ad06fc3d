"""The estimate at the end of a fit, and what becomes of ends that it contradicts."""

from dataclasses import replace

import pytest
import torch

from torch.distributions import Independent, Normal

import kldiv

from kldiv.certificate.fresh_estimate import confirmed
from kldiv.solvers.endpoints import Endpoints
from tests.objectives import objective_of

F64 = torch.float64
SIGNS = torch.tensor([[1, 1], [0, 1]], dtype=torch.int32)


@pytest.fixture(scope="module")
def on_nodes():
    target = Independent(Normal(torch.zeros(2, dtype=F64), 1.0), 1)
    objective = objective_of(target, "isotropic_normal(loc=[0,0])", "jensen_shannon")
    objective.estimator()
    assert objective.on_nodes
    return objective


def two_ends():
    """The first a minimum, the second lower and none."""
    theta = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=F64)
    loss, left = torch.tensor([0.5, 0.4], dtype=F64), torch.tensor([1e-9, 1.0], dtype=F64)
    return Endpoints(theta, loss, left, SIGNS, 1e-7)


def estimate_of(value):
    number = torch.tensor(value, dtype=F64)
    return kldiv.Estimate(number, 1e-9 * number, "quadrature")


def test_ends_that_the_estimate_confirms_are_what_they_were(on_nodes):
    ends = two_ends()
    assert confirmed(on_nodes, ends, estimate_of(0.5)) is ends


def test_an_end_that_is_contradicted_stays_the_answer_and_settles_no_more(on_nodes):
    ends = two_ends()
    assert int(ends.best) == 0
    found = confirmed(on_nodes, ends, estimate_of(0.52))
    assert not found.settled.any()
    assert int(found.best) == 0  # the estimate is of this end, and so are all numbers of a fit
    assert float(found.pick(found.excess)) == pytest.approx(0.04, rel=1e-6)
    assert float(found.gap) == pytest.approx(0.1)
    assert torch.equal(found.counted_in(2.0).best, found.best)


def test_an_end_whose_divergence_is_infinite_stays_the_answer(on_nodes):
    left = torch.tensor([1.0, 1e-9], dtype=F64)
    ends = replace(two_ends(), decrement=left, signature=SIGNS.flip(0))
    assert int(ends.best) == 1
    found = confirmed(on_nodes, ends, estimate_of(torch.inf))
    assert int(found.best) == 1
    assert found.pick(found.loss).isposinf()
    assert not found.settled.any()
