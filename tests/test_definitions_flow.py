"""Normalizing flows that are no TransformedDistribution of torch are known by their parts."""

import pytest
import torch

from torch.distributions import (
    AffineTransform,
    Distribution,
    ExpTransform,
    Independent,
    Normal,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import SigmoidTransform, Transform

import kldiv

from kldiv.definitions.composed_support import support_of
from kldiv.definitions.flow import flow_of, is_learnt
from kldiv.estimators.sampling.quasi_random import cube_map

F64 = torch.float64


class Towards(Distribution):
    """A flow in zuko's manner: its transform leads from points to noise, its support is unsaid."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, transform, base):
        self.transform, self.base = transform, base
        super().__init__(base.batch_shape, base.event_shape)

    def log_prob(self, x):
        z = self.transform(x)
        return self.base.log_prob(z) + self.transform.log_abs_det_jacobian(x, z)


class Own(Transform):
    """A transform that is not torch's."""

    domain, codomain, bijective = constraints.real, constraints.real, True


class Network(Own, torch.nn.Module):
    """A transform with networks in it, in Pyro's manner."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        Own.__init__(self)


class Holder(Own):
    """A transform that asks a network."""

    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(1, 1)


NOISE = Normal(torch.zeros((), dtype=F64), 1.0)


def test_a_flow_is_known_by_its_base_and_its_transform():
    flow = Towards(ExpTransform().inv, NOISE)
    assert flow_of(flow).base is NOISE
    assert flow_of(NOISE) is None
    assert flow_of("flow") is None


def test_a_flow_lives_where_its_transform_is_defined():
    assert support_of(Towards(ExpTransform().inv, NOISE)) is constraints.positive


def test_draws_of_a_flow_are_images_of_the_unit_cube():
    cube = torch.tensor([[0.25], [0.5], [0.9]], dtype=F64)
    found = cube_map(Towards(ExpTransform().inv, NOISE)).transport(cube)
    assert torch.allclose(found, NOISE.icdf(cube).exp().squeeze(-1))


@pytest.mark.parametrize(
    ("distribution", "learnt"),
    [
        (NOISE, False),
        (TransformedDistribution(NOISE, [SigmoidTransform().inv, AffineTransform(0, 2)]), False),
        (TransformedDistribution(NOISE, [Own()]), False),
        (TransformedDistribution(NOISE, [ExpTransform(), Network().inv]), True),
        (Independent(TransformedDistribution(Normal(torch.zeros(2), 1.0), [Network()]), 1), True),
        (TransformedDistribution(NOISE, [Holder()]), True),
        (TransformedDistribution(Towards(Own(), NOISE), [AffineTransform(0, 2)]), True),
        (kldiv.targets.create("banana"), False),
    ],
    ids=range(8),
)
def test_a_network_is_told_from_other_transforms(distribution, learnt):
    assert is_learnt(distribution) is learnt
