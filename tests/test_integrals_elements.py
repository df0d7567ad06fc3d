"""A batch's log densities at points of some of its elements."""

import pytest
import torch

from torch.distributions import (
    Categorical,
    Gamma,
    Independent,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.elements import Arrangement, Elements, log_density_at
from tests.axis import F64, double

BATCH = torch.Size([2, 3])
LOC = torch.arange(6, dtype=F64).reshape(BATCH)
INDEX = torch.tensor([4, 0, 4, 5, 4])
COVARIANCE = double([1.0, 0.3], [0.3, 2.0])
TARGETS = {
    "normals": DistributionTarget(Normal(LOC, 1.0)),
    "a row that is broadcast": DistributionTarget(Normal(LOC[:1], 1.0)),
    "one for all": DistributionTarget(Normal(double(0.0)[0], 1.0)),
    "transformed": DistributionTarget(LogNormal(LOC, 1 + LOC)),
    "gammas": DistributionTarget(Gamma(1 + LOC, 2 + LOC)),
    "mixtures": DistributionTarget(
        MixtureSameFamily(
            Categorical(torch.ones(*BATCH, 2, dtype=F64)),
            Normal(torch.stack([LOC, -LOC], -1), 1.0),
        )
    ),
    "vectors": DistributionTarget(Independent(Normal(torch.stack([LOC, -LOC], -1), 1.0), 1)),
    "correlated vectors": DistributionTarget(
        MultivariateNormal(torch.stack([LOC, -LOC], -1), COVARIANCE.expand(*BATCH, 2, 2))
    ),
    "a bare log density": kldiv.Target(lambda x: -(x - LOC).square()),
}


@pytest.mark.parametrize("name", TARGETS)
def test_each_column_has_the_density_of_its_element(name):
    target = TARGETS[name]
    x = 1 + torch.rand(
        4, len(INDEX), *target.event_shape, dtype=F64, generator=torch.Generator().manual_seed(0)
    )
    found = log_density_at(target, x, Elements(INDEX, BATCH))
    for column, element in enumerate(INDEX.tolist()):
        points = x[:, column].unsqueeze(1).expand(-1, 6, *target.event_shape)
        full = target.log_prob(points.reshape(4, *BATCH, *target.event_shape)).expand(4, *BATCH)
        assert torch.allclose(found[:, column], full.reshape(4, 6)[:, element], rtol=1e-14)


@pytest.mark.parametrize("batch", [torch.Size([]), torch.Size([6]), BATCH])
@pytest.mark.parametrize("index", [None, INDEX])
def test_what_is_spread_over_a_batch_is_gathered_again(batch, index):
    if index is None:
        columns = batch.numel()
    else:
        index, columns = index % batch.numel(), len(index)
    arrangement = Arrangement(Elements(index, batch))
    values = torch.rand(3, columns, dtype=F64, generator=torch.Generator().manual_seed(0))
    full = arrangement.spread(values)
    assert full.shape[1:] == batch
    assert torch.equal(arrangement.gather(full.unsqueeze(0), columns)[0], values)


def test_elements_of_elements_are_those_of_the_batch():
    elements = Elements(INDEX, BATCH).pick(torch.tensor([3, 1]))
    assert elements.index.tolist() == [5, 0]
    assert Elements(None, BATCH).pick(torch.tensor([3, 1])).index.tolist() == [3, 1]
