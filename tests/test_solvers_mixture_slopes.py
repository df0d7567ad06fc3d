"""Averages of mixtures under normal members, against log densities and slopes at nodes."""

import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

from kldiv.resolving import as_target
from kldiv.solvers.mixture_slopes import mixture_slopes

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
POWERS = 0.04 * Z ** torch.arange(5).unsqueeze(-1)
EVERY_OTHER = 0.08 * (torch.arange(25) % 2 == 0)
BASIS = torch.stack([Z**0, -Z, -Z.square() / 2])
TABLES = BASIS, POWERS, torch.stack([POWERS[0], EVERY_OTHER])


@pytest.mark.parametrize("case", SCALARS)
def test_averages_are_those_of_log_densities_and_slopes_at_nodes(case):
    target = as_target(SCALARS[case], "target")
    x = (LOC + SCALE * Z.unsqueeze(-1)).requires_grad_()
    log_p = target.log_prob(x)
    (slope,) = torch.autograd.grad(log_p.sum(), x)
    average, pulls = mixture_slopes(target).averages(LOC, SCALE, TABLES)
    torch.testing.assert_close(average, TABLES[-1] @ log_p.detach())
    torch.testing.assert_close(pulls, -SCALE * (POWERS[:4] @ slope))


@pytest.mark.parametrize("case", SCALARS)
def test_single_precision_seen_from_members_says_about_the_same(case):
    exact = mixture_slopes(as_target(SCALARS[case], "target"))
    expected = exact.averages(LOC, SCALE, TABLES)
    tables = tuple(each.float() for each in TABLES)
    found = exact.single(LOC).averages(torch.zeros(3), SCALE.float(), tables)
    for rough, known in zip(found, expected, strict=True):
        assert rough.dtype == torch.float32
        torch.testing.assert_close(rough.double(), known, rtol=5e-3, atol=1e-3)


def test_blocks_of_the_cache_leave_no_trace():
    one = mixture_slopes(as_target(mixtures(0.7, 1.0), "target"))
    few, slopes = one.averages(LOC, SCALE, TABLES)
    many = one.pick(torch.arange(3).repeat(4000)).at_hand()
    where = LOC.repeat(4000).numpy(), SCALE.repeat(4000).numpy()
    average, pulls = many.averages(*where, tuple(each.numpy() for each in TABLES))
    torch.testing.assert_close(torch.from_numpy(average), few.repeat(1, 4000))
    torch.testing.assert_close(torch.from_numpy(pulls), slopes.repeat(1, 4000))


def test_a_mixture_of_very_many_components_has_no_formula():
    mixture = MixtureSameFamily(Categorical(torch.ones(20)), Normal(torch.arange(20.0), 1.0))
    assert mixture_slopes(as_target(mixture, "target")) is None
