"""Natural-gradient steps reach normal targets at once, and never go uphill."""

import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.objective import Objective

F64 = torch.float64
SIZE = 6
ROOT = torch.tril(torch.linspace(0.2, 1.5, SIZE * SIZE, dtype=F64).reshape(SIZE, SIZE))
NORMAL = MultivariateNormal(torch.arange(SIZE, dtype=F64), scale_tril=ROOT)


def held(target, family="full_normal", divergence="kl", *, forward=False):
    found = as_target(target, "target")
    objective = Objective(
        found,
        family_for(family, found),
        as_divergence(divergence),
        forward=forward,
        estimator=as_estimator("auto"),
    )
    objective.estimator(objective.family.present())
    objective.hold(64, 0)
    return objective


def starts(objective, count=3):
    generator = torch.Generator().manual_seed(0)
    shape = (count, objective.family.space.size)
    return 0.5 * torch.randn(shape, generator=generator, dtype=F64)


def test_one_step_ends_at_a_normal_target():
    hidden = kldiv.Target(NORMAL.log_prob, event_shape=(SIZE,))
    objective = held(hidden)
    before = objective.evaluations
    member = objective.family.at(nearer(objective, starts(objective)))
    torch.testing.assert_close(member.loc, NORMAL.loc.expand(3, -1), rtol=0, atol=1e-9)
    expected = NORMAL.covariance_matrix.expand(3, -1, -1)
    torch.testing.assert_close(member.covariance_matrix, expected, rtol=0, atol=1e-9)
    # two steps of 2 D gradients, and three values at all draws, for each of three starts
    assert objective.evaluations - before == 3 * (2 * 2 * SIZE + 3 * 64)


def test_the_objective_never_rises():
    target = kldiv.Target(lambda x: -(x.square() + x.sin() * 3).sum(-1), event_shape=(SIZE,))
    objective = held(target)
    first = starts(objective)
    assert (objective(nearer(objective, first)) <= objective(first)).all()


@pytest.mark.parametrize(
    "objective",
    [
        held(NORMAL, "diagonal_normal"),
        held(NORMAL, divergence="jensen_shannon"),
        held(NORMAL, divergence="chi2", forward=True),
    ],
    ids=["no full covariance", "no kl", "forward"],
)
def test_other_fits_stay_where_they_are(objective):
    first = starts(objective)
    assert torch.equal(nearer(objective, first), first)
