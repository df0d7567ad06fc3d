"""A rule that is cut at moving kinks has the integral and its gradient wherever members go."""

import pytest
import torch

from torch.distributions import (
    Categorical,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    Normal,
    StudentT,
    Uniform,
)

from kldiv.builtin.divergences.total_variation import TotalVariation
from kldiv.definitions.target import DistributionTarget
from kldiv.solvers.cut_rules import CutRule
from kldiv.solvers.starts import first_points
from tests.objectives import objective_of

F64 = torch.float64


def numbers(*values):
    return [torch.tensor(value, dtype=F64) for value in values]


BUMPS = MixtureSameFamily(
    Categorical(torch.tensor([0.52, 0.48], dtype=F64)),
    Normal(*numbers([0.7101, 6.3959], [0.8745, 1.4874])),
)
CASES = [
    (BUMPS, "laplace", "total_variation", True),
    (BUMPS, "normal", "hockey_stick(gamma=1.5)", False),
    (BUMPS, "laplace", "kl", True),
    (Uniform(*numbers(-1.0, 2.0)), "normal", "total_variation", True),
    (LogNormal(*numbers(0.3, 0.5)), "gamma", "total_variation", True),
    (StudentT(*numbers(1.0, 1.0, 2.0)), "student_t", "total_variation", True),
    (Laplace(*numbers([0.0, 1.0], 2.0)), "laplace", "total_variation", True),
]


def made(target, family, divergence, forward):
    objective = objective_of(target, family, divergence, forward=forward)
    starts = first_points(objective, None, single=False)
    objective.value_and_gradient(starts)
    return objective, starts


@pytest.mark.parametrize(("target", "family", "divergence", "forward"), CASES)
@pytest.mark.parametrize("away", [0.0, 0.02, 0.3])
def test_gradients_are_those_of_the_values(target, family, divergence, forward, away):
    objective, theta = made(target, family, divergence, forward)
    rule = objective.kept.rule
    assert isinstance(rule, CutRule)
    generator = torch.Generator().manual_seed(1)
    theta = theta + away * torch.randn(theta.shape, generator=generator, dtype=F64)
    way = torch.randn(theta.shape, generator=generator, dtype=F64)

    def value(each):
        member = DistributionTarget(objective.family.at(each))
        return rule.divergence(objective.divergence, member, forward=forward)[0]

    step = 1e-5
    theta = theta.requires_grad_()
    slope = (torch.autograd.grad(value(theta).sum(), theta)[0] * way).sum(-1)
    theta = theta.detach()
    differences = (value(theta + step * way) - value(theta - step * way)) / (2 * step)
    torch.testing.assert_close(slope, differences, rtol=1e-4, atol=1e-5)


def test_a_pair_of_crossings_about_a_peak_is_not_missed():
    rule = made(BUMPS, "laplace", "total_variation", True)[0].kept.rule
    one = Laplace(*numbers(0.767038224, 1.96575096))
    member = DistributionTarget(one.expand(torch.Size([6])))
    x = torch.linspace(-60, 60, 2_000_001, dtype=F64)
    gap = (BUMPS.log_prob(x).exp() - one.log_prob(x).exp()).abs()
    truth = float(torch.trapezoid(gap, x)) / 2
    value, good = rule.divergence(TotalVariation(), member, forward=True)
    assert good.all()
    assert value.tolist() == pytest.approx([truth] * 6, abs=1e-9)


def test_two_densities_that_are_the_same_are_0_apart():
    rule = made(BUMPS, "normal", "total_variation", True)[0].kept.rule
    same = DistributionTarget(BUMPS.expand(torch.Size([6])))
    value, _ = rule.divergence(TotalVariation(), same, forward=True)
    assert value.tolist() == pytest.approx([0.0] * 6, abs=1e-30)


def test_a_density_whose_rounding_takes_from_its_mass_asks_for_no_other_cells():
    objective = objective_of(BUMPS, "student_t", "total_variation", forward=True)
    theta = torch.tensor([[0.5, 1.0, 1.0], [19.5, 3.0, 1.3]], dtype=F64)
    objective(theta)
    rule = objective.kept.rule
    assert isinstance(rule, CutRule)
    objective(theta + 1e-3)
    assert objective.kept.rule is rule
    narrow = theta - torch.tensor([0.0, 0.0, 12.0], dtype=F64)
    objective(narrow)
    assert objective.kept.rule is not rule
