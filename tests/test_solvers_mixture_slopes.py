"""Averages of mixtures under normal members, against log densities and slopes at nodes."""

import numpy as np
import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

from kldiv.resolving import as_target
from kldiv.solvers.arrays import as_single
from kldiv.solvers.mixture_slopes import mixture_slopes
from kldiv.solvers.normal_tables import Tables

F64 = torch.float64


def double(*values):
    return [torch.tensor(value, dtype=F64) for value in values]


def mixtures(gap, scale):
    loc = gap * torch.arange(12, dtype=F64).reshape(3, 4)
    weights = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=F64).expand(3, 4)
    return MixtureSameFamily(Categorical(weights), Normal(loc, torch.full_like(loc, scale)))


SCALARS = {
    "four components each": mixtures(0.7, 1.0),
    "one component each": Normal(*double([0.0, 3.0, -7.0], [1.0, 0.5, 2.0])),
    "so far apart that exponentials overflow": mixtures(50.0, 0.1),
}
LOC, SCALE = double([0.3, -1.0, 2.0], [0.5, 1.0, 2.5])
Z = torch.linspace(-6, 6, 25, dtype=F64)
HALVED = 0.08 * (torch.arange(25) % 2 == 0)
NODES = Tables(Z.unsqueeze(-1), torch.full_like(Z, 0.04), HALVED.double(), *double(0.0, 0.0, 0.0))
POWERS = NODES.powers[1]
TABLES = NODES.arrays
MEMBERS = LOC.numpy(), SCALE.numpy()


def tensors(averages):
    return [torch.from_numpy(each) for each in averages]


@pytest.mark.parametrize("case", SCALARS)
def test_averages_are_those_of_log_densities_and_slopes_at_nodes(case):
    target = as_target(SCALARS[case], "target")
    x = (LOC + SCALE * Z.unsqueeze(-1)).requires_grad_()
    log_p = target.log_prob(x)
    (slope,) = torch.autograd.grad(log_p.sum(), x)
    average, pulls = tensors(mixture_slopes(target).averages(*MEMBERS, TABLES))
    torch.testing.assert_close(average, NODES.both @ log_p.detach())
    torch.testing.assert_close(pulls, -SCALE * (POWERS[:4] @ slope))


@pytest.mark.parametrize("case", SCALARS)
def test_single_precision_seen_from_members_says_about_the_same(case):
    exact = mixture_slopes(as_target(SCALARS[case], "target"))
    expected = exact.averages(*MEMBERS, TABLES)
    loc, scale, *tables = map(as_single, (0 * MEMBERS[0], MEMBERS[1], *TABLES))
    found = exact.single(MEMBERS[0]).averages(loc, scale, tables)
    for rough, known in zip(tensors(found), tensors(expected), strict=True):
        assert rough.dtype == torch.float32
        torch.testing.assert_close(rough.double(), known, rtol=5e-3, atol=1e-3)


def test_blocks_of_the_cache_leave_no_trace():
    one = mixture_slopes(as_target(mixtures(0.7, 1.0), "target"))
    few, slopes = tensors(one.averages(*MEMBERS, TABLES))
    many = one.pick(np.tile(np.arange(3), 4000))
    where = [np.tile(each, 4000) for each in MEMBERS]
    average, pulls = tensors(many.averages(*where, TABLES))
    torch.testing.assert_close(average, few.repeat(1, 4000))
    torch.testing.assert_close(pulls, slopes.repeat(1, 4000))


def test_a_mixture_of_very_many_components_has_no_formula():
    mixture = MixtureSameFamily(Categorical(torch.ones(20)), Normal(torch.arange(20.0), 1.0))
    assert mixture_slopes(as_target(mixture, "target")) is None


def test_a_mixture_with_a_component_of_no_weight_has_no_formula():
    logits = torch.tensor([0.0, -torch.inf], dtype=F64)
    mixture = MixtureSameFamily(Categorical(logits=logits), Normal(torch.zeros(2, dtype=F64), 1.0))
    assert mixture_slopes(as_target(mixture, "target")) is None
