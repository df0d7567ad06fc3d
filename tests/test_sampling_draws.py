"""Points are drawn for every element of the problem's batch, in replicates."""

import pytest
import torch

from torch.distributions import Gamma, Independent, Normal, StudentT

from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling import draws as sampling
from kldiv.estimators.sampling.draws import Plan, draw, draws
from kldiv.resolving import as_divergence, as_target


@pytest.mark.parametrize("count", [8, 50, 63, 64, 500, 50_000])
def test_a_plan_uses_most_of_the_points_in_a_power_of_2(count):
    plan = Plan.of(count, 32)
    assert plan.size & (plan.size - 1) == 0
    assert 0.5 * count < plan.count <= count
    assert plan.replicates <= 63
    assert plan.replicates >= min(32, count)


NORMAL = Independent(Normal(torch.zeros(5, dtype=torch.float64), 1.0), 1)


def problem(p, q):
    return Problem(as_divergence("kl"), as_target(p, "p"), as_target(q, "q"))


@pytest.mark.parametrize("kind", [Normal, lambda loc, scale: StudentT(9.0, loc, scale)])
def test_a_smaller_batch_draws_for_each_element_of_the_larger(kind):
    places = torch.tensor([[10.0], [20.0]], dtype=torch.float64)
    p = Independent(kind(places.unsqueeze(-1) + torch.arange(4), 0.1), 1)
    q = Independent(Normal(torch.zeros(3, 4), 1.0), 1)
    given = problem(p, q)
    points = draw(given.p, given, Plan(8, 4), 0)
    assert points.shape == (32, 2, 3, 4)
    expected = places.unsqueeze(-1) + torch.arange(4)
    assert (points.mean(0) - expected).abs().max() < 0.2
    assert len(points.flatten().unique()) == points.numel()
    other = draw(given.q, given, Plan(8, 4), 0)
    assert other.shape == (32, 2, 3, 4)


def test_the_seed_decides_and_no_graph_is_kept():
    rate = torch.tensor(2.0, requires_grad=True)
    given = problem(Gamma(rate, 1.0), Gamma(2.0, 1.0))
    first, same, other = (draw(given.p, given, Plan(4, 4), seed) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_a_sampler_is_asked_for_blocks_each_by_a_seed_of_its_own(monkeypatch):
    given = problem(Independent(StudentT(torch.full((5,), 9.0).double()), 1), NORMAL)
    monkeypatch.setattr(sampling, "AT_ONCE", 50)
    blocks = list(draws(given.p, given, Plan(4, 8), 2**63 - 1))
    assert [block.shape for block in blocks] == [(10, 5)] * 3 + [(2, 5)]
    assert len(torch.cat(blocks).flatten().unique()) == 160
    assert torch.equal(torch.cat(blocks), draw(given.p, given, Plan(4, 8), 2**63 - 1))
