"""Divergences of scores in the plane as sums over nodes that serve all starts."""

import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import kldiv

from kldiv.solvers.shared_scores import SharedScoreRule
from tests.objectives import objective_of

F64 = torch.float64
MIXTURE = MixtureSameFamily(
    Categorical(torch.tensor([0.4, 0.6], dtype=F64)),
    MultivariateNormal(
        torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=F64), torch.eye(2, dtype=F64).expand(2, 2, 2)
    ),
)
THETA = torch.tensor([[0.1, 1.0, 0.2, 0.3], [0.6, -0.5, 0.4, 0.6]], dtype=F64)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("target", ["banana", MIXTURE])
def test_the_sum_is_the_divergence_and_so_is_its_slope(target, forward):
    objective = objective_of(target, "diagonal_normal", "fisher", forward=forward)
    objective(THETA)
    assert isinstance(objective.kept.rule, SharedScoreRule)
    step = 1e-4 * torch.linspace(-1, 1, THETA.shape[-1], dtype=F64)
    value, gradient = objective.value_and_gradient(THETA)
    truth = objective.estimate(THETA)
    assert value.tolist() == pytest.approx(truth.value.tolist(), rel=1e-6)
    ahead, behind = objective.estimate(THETA + step), objective.estimate(THETA - step)
    slopes = (ahead.value - behind.value) / 2
    assert (gradient @ step).tolist() == pytest.approx(slopes.tolist(), rel=1e-3, abs=1e-7)


def test_a_fit_on_them_finds_the_scores_of_a_normal():
    """The best normal has the scores of the target in the mean: these are known here."""
    found = kldiv.fit("banana", "full_normal", "fisher")
    assert found.converged
    assert float(found.divergence) == pytest.approx(44 / 9, abs=1e-6)
