"""A network is moved by one part of the data and judged by the other."""

import torch

from torch import nn
from torch.distributions import Independent, Normal

import kldiv

from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.sample_target import SampleTarget
from kldiv.estimators import Samples
from kldiv.registries import divergences
from kldiv.solvers.held_out import held_out
from kldiv.solvers.objective import Objective

F64 = torch.float64


class Bumps(nn.Module):
    """As many narrow bumps as data: what learns them by heart."""

    def __init__(self, count=40):
        super().__init__()
        places = torch.linspace(-2, 2, count, dtype=F64)
        self.place = nn.Parameter(places.clone())
        self.log_width = nn.Parameter(torch.zeros(count, dtype=F64))

    def forward(self):
        even = torch.distributions.Categorical(torch.ones(len(self.place), dtype=F64))
        return torch.distributions.MixtureSameFamily(
            even, Normal(self.place, self.log_width.exp())
        )


class Place(nn.Module):
    """A normal distribution of the plane."""

    def __init__(self, size=2):
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(size, dtype=F64))

    def forward(self):
        return Independent(Normal(self.loc, 1.0), 1)


def objective(module, points):
    return Objective(
        SampleTarget(points),
        ModuleFamily(module),
        divergences.create("kl"),
        forward=True,
        estimator=Samples(),
    )


def normals(*shape):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(0))


def test_only_networks_spare_data_and_only_where_there_are_some():
    assert held_out(objective(Place(2), normals(100, 2))) is None
    assert held_out(objective(Place(70), normals(10, 70))) is None
    assert held_out(objective(Place(70), normals(100, 70))) is not None


def test_no_point_is_in_both_parts():
    points = normals(100, 70)
    parts = held_out(objective(Place(70), points))
    learnt = parts.objective().target.points
    judges = parts._judges.target.points
    assert (len(learnt), len(judges)) == (80, 20)
    together = torch.cat([learnt, judges])
    assert torch.equal(together.sort(0).values, points.sort(0).values)


def test_many_points_are_met_in_batches_that_change():
    parts = held_out(objective(Place(70), normals(3_000, 70)))
    first, second = (parts.objective().target.points for _ in range(2))
    assert len(first) == len(second) == 1_000
    assert not torch.equal(first, second)


def test_a_network_stops_before_it_knows_its_data_by_heart():
    data, fresh = normals(1200).split([200, 1000])
    found = kldiv.fit(data, Bumps(), solver=kldiv.Descent(lr=0.02, unconstrained=True))
    assert "the fifth of the data held out" in found.verdict
    # the entropy of the data's law is 1.419: what they are worse by is what was learnt too much
    assert -found.q.log_prob(fresh).mean() < -Normal(0.0, 1.0).log_prob(fresh).mean() + 0.1
