"""A fit keeps its rule while it serves, and lays another where it does not."""

import torch

from torch.distributions import Independent, Laplace, Normal, Uniform

from kldiv import Quadrature
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.kept_rule import KeptRule, has_moving_edges

F64 = torch.float64
KL = as_divergence("kl")


def normals(*scales):
    scale = torch.tensor(scales, dtype=F64).reshape(-1, 1).expand(-1, 2)
    return DistributionTarget(Independent(Normal(torch.zeros_like(scale), scale), 1))


def problem(member, target=Normal):
    standard = Independent(target(torch.zeros(2, dtype=F64), 1.0), 1)
    return Problem(KL, as_target(standard, "p"), member)


def test_at_first_there_is_none_and_then_all_starts_share_one():
    kept = KeptRule(forward=True)
    assert kept.value(KL, normals(1.0, 2.0)) is None
    kept.lay(problem(normals(1.0, 2.0)), Quadrature(), fine=False)
    assert kept.shared
    assert kept.by_rows
    scales = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    exact = 2 * (scales.log() + 1 / (2 * scales.square()) - 0.5)
    torch.testing.assert_close(kept.value(KL, normals(1.0, 2.0, 3.0)), exact, atol=1e-6, rtol=0)


def test_nodes_that_were_laid_are_laid_once():
    kept = KeptRule(forward=True)
    first = kept.lay(problem(normals(1.0)), Quadrature(), fine=True)
    assert kept.is_fine(problem(normals(1.0)))
    assert kept.lay(problem(normals(1.0)), Quadrature(), fine=True) is first


def test_members_that_no_node_meets_are_not_served_and_not_resolved():
    kept = KeptRule(forward=True)
    kept.lay(problem(normals(1.0)), Quadrature(), fine=True)
    assert kept.value(KL, normals(1.0, 1e-3)) is not None  # the second is dominated by far
    assert kept.resolved(problem(normals(1.0, 1e-3))).tolist() == [True, False]
    assert KeptRule(forward=True).resolved(problem(normals(1.0))) is None


def test_a_target_with_kinks_has_a_rule_of_its_members_own():
    kept = KeptRule(forward=True)
    kept.lay(problem(normals(1.0), Laplace), Quadrature(), fine=False)
    assert not kept.shared
    assert len(kept.parts(torch.zeros(3, 1, 4))) == 1


def test_edges_move_where_the_support_depends_on_a_parameter():
    high = torch.tensor(2.0, requires_grad=True)
    assert has_moving_edges(DistributionTarget(Uniform(0.0, high)))
    assert not has_moving_edges(DistributionTarget(Uniform(0.0, high.detach())))
    assert not has_moving_edges(DistributionTarget(Normal(high, 1.0)))
