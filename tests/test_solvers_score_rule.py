"""Means of functions of two scores as sums over nodes that serve several members."""

import pytest
import torch

from torch.distributions import Gamma, Laplace, Normal

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target
from kldiv.solvers.score_rule import ScoreRule, has_smooth_scores
from tests.objectives import objective_of

F64 = torch.float64
FISHER = as_divergence("fisher")
CASES = (
    ("bimodal", "normal", (1.5, 1.2)),
    ("student_t(df=3)", "normal", (0.2, 0.1)),
    (Gamma(torch.tensor(5.0, dtype=F64), 1.0), "lognormal", (1.6, -0.5)),
)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("target", "family", "theta"), CASES)
def test_the_sum_is_the_divergence_and_so_is_its_slope(target, family, theta, forward):
    objective = objective_of(target, family, "fisher", forward=forward)
    theta = torch.tensor([theta], dtype=F64)
    objective(theta)
    assert isinstance(objective.kept.rule, ScoreRule)
    step = 1e-4 * torch.linspace(-1, 1, theta.shape[-1], dtype=F64)
    value, gradient = objective.value_and_gradient(theta)
    truth = objective.estimate(theta)
    assert float(value[0]) == pytest.approx(float(truth.value[0]), rel=1e-6)
    ahead, behind = objective.estimate(theta + step), objective.estimate(theta - step)
    slope = float((ahead.value - behind.value)[0]) / 2
    assert float(gradient[0] @ step) == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_members_nearby_share_the_nodes():
    objective = objective_of("bimodal", "normal", "fisher")
    first = torch.tensor([[2.0, 1.5], [2.1, 1.6], [1.0, 1.4]], dtype=F64)
    objective(first)
    rule, nearby = objective.kept.rule, first + 0.02
    values = objective(nearby)
    assert objective.kept.rule is rule
    expected = objective.estimate(nearby).value.tolist()
    assert values.tolist() == pytest.approx(expected, rel=1e-6)


def test_only_the_first_side_must_be_seen():
    narrow = kldiv.Target(lambda x: -50 * x.square(), normalize=False)
    objective = objective_of(narrow, "normal", "fisher", forward=False)
    theta = torch.tensor([[3.0, -1.0]], dtype=F64)
    truth = (100 * 3.0) ** 2 + (100 - torch.tensor(2.0).exp().item()) ** 2 / 7.389056
    assert float(objective(theta)[0]) == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "smooth"),
    [
        (Normal(0.0, 1.0), Gamma(2.0, 1.0), FISHER, True),
        (Laplace(0.0, 1.0), Normal(0.0, 1.0), FISHER, False),
        (Normal(0.0, 1.0), Laplace(0.0, 1.0), FISHER, False),
        (Normal(0.0, 1.0), Normal(1.0, 1.0), as_divergence("kl"), False),
    ],
)
def test_scores_that_jump_are_integrated_anew(p, q, divergence, smooth):
    sides = as_target(p, "p"), DistributionTarget(q)
    assert has_smooth_scores(Problem(divergence, *sides)) is smooth
