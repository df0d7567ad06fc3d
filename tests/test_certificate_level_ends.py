"""Level ends that are lower than every minimum are the answer, if they are truly lower."""

from dataclasses import replace

import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

import kldiv

from kldiv.certificate.level_ends import with_level_ends
from tests.objectives import ended_at, logs, objective_of

F64 = torch.float64
BELOW = [0.0, 0.15]  # above the first mode, of mass 0.4, wherever that has any
MINIMUM = [9.3, 2.7]


def three_modes():
    modes = [[0.0, 10.0, 30.0], [0.1, 1.0, 2.0]]
    loc, scale = torch.tensor(modes, dtype=F64)
    return MixtureSameFamily(
        Categorical(torch.tensor([0.4, 0.35, 0.25], dtype=F64)), Normal(loc, scale)
    )


def test_a_level_end_that_is_lower_is_the_answer_and_the_verdict_says_by_how_much():
    with pytest.warns(kldiv.ConvergenceWarning, match=r"plateau, 0.05 below the best minimum:"):
        fit = kldiv.fit(three_modes(), "normal", "total_variation")
    assert not fit.converged
    assert float(fit.divergence) == pytest.approx(0.6, abs=1e-9)
    assert abs(float(fit.parameters["loc"])) < 1
    assert float(fit.diagnostics["gap"]) == 0
    assert fit.optima[0].value == pytest.approx(0.6496, abs=1e-4)


def two_ends():
    objective = objective_of(three_modes(), "normal", "total_variation")
    ends = ended_at(objective, logs(MINIMUM, BELOW))
    left, signs = ends.decrement.clone(), ends.signature.clone()
    left[0], signs[0] = 0.0, 1
    ends = replace(ends, decrement=left, signature=signs)
    assert ends.settled.tolist() == [True, False]
    return objective, ends


def test_a_loss_that_the_divergence_made_afresh_does_not_confirm_is_not_believed():
    objective, ends = two_ends()
    assert int(with_level_ends(objective, ends).best) == 1
    for wrong in (0.5, 0.601):
        loss = torch.tensor([ends.loss[0], wrong], dtype=F64)
        assert int(with_level_ends(objective, replace(ends, loss=loss)).best) == 0


def test_by_how_much_the_answer_is_lower_is_0_at_a_minimum():
    objective, ends = two_ends()
    assert float(ends.below) == 0
    found = with_level_ends(objective, ends).below
    assert float(found) == pytest.approx(float(ends.loss[0] - ends.loss[1]))
