"""The ends of targets have their batch and event shapes, and are where the targets are."""

import pytest
import torch

from torch.distributions import Beta, Binomial, Independent, Normal, Poisson, Uniform

import kldiv

from kldiv.definitions.target_ends import ends_of, lattice_of
from kldiv.resolving import as_target
from tests.pretend_device import pretended

F64 = torch.float64


def test_ends_have_the_batch_and_the_event_shape():
    plane = as_target(Independent(Uniform(torch.zeros(3, 2), torch.ones(3, 2)), 1), "p")
    assert ends_of(plane).lower.shape == (3, 2)
    line = as_target(Normal(torch.zeros(4), 1.0), "p")
    assert (ends_of(line).upper == torch.inf).all()
    assert ends_of(line, torch.Size([2, 4])).upper.shape == (2, 4, 1)


def test_counts_have_a_first_and_a_last():
    ends = lattice_of(as_target(Binomial(7, torch.tensor(0.5)), "p"))
    assert (float(ends.lower), float(ends.upper)) == (0, 7)
    assert lattice_of(as_target(Normal(0.0, 1.0), "p")) is None


@pytest.mark.parametrize("kind", [Beta, Uniform, Poisson])
def test_they_are_on_the_device_of_the_target(kind):
    with pretended() as device:
        numbers = [torch.tensor(each, dtype=F64, device=device) for each in (1.0, 2.0)]
        target = as_target(kind(*numbers[: 1 if kind is Poisson else 2]), "p")
        ends = lattice_of(target) if kind is Poisson else ends_of(target)
        assert ends.lower.device.type == ends.upper.device.type == device


def test_a_support_that_is_no_product_of_intervals_has_none():
    shares = kldiv.Target(
        lambda x: -x.sum(-1), event_shape=(3,), support=torch.distributions.constraints.simplex
    )
    with pytest.raises(kldiv.InvalidArgument, match="no product of intervals"):
        ends_of(shares)
