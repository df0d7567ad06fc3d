"""Natural-gradient steps reach normal targets at once, and never go uphill."""

import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder

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
    moved, end = nearer(objective, starts(objective), Recorder())
    member = objective.family.at(moved)
    assert torch.equal(end.theta, moved)
    torch.testing.assert_close(member.loc, NORMAL.loc.expand(3, -1), rtol=0, atol=1e-9)
    expected = NORMAL.covariance_matrix.expand(3, -1, -1)
    torch.testing.assert_close(member.covariance_matrix, expected, rtol=0, atol=1e-9)
    # 2 D gradients and those at 16, then 512 draws that tell it, for each of three starts
    assert objective.evaluations - before == 3 * (2 * SIZE + 16 + 512)


@pytest.mark.parametrize("size", [3, 70])
@pytest.mark.parametrize("family", ["isotropic_normal", "diagonal_normal", "full_normal"])
def test_narrower_families_take_their_part_of_the_precision(family, size):
    generator = torch.Generator().manual_seed(2)
    root = torch.eye(size, dtype=F64) + 0.1 * torch.randn(size, size, generator=generator).double()
    precision = root @ root.T
    target = kldiv.Target(lambda x: -((x - 2) @ root).square().sum(-1) / 2, event_shape=(size,))
    objective = held(target, family)
    recorder = Recorder()
    member = objective.family.at(nearer(objective, starts(objective, 1), recorder)[0])
    diagonal = precision.diagonal()
    variance = {
        "isotropic_normal": (1 / diagonal.mean()).expand(size),
        "diagonal_normal": 1 / diagonal,
        "full_normal": torch.linalg.inv(precision).diagonal(),
    }[family]
    torch.testing.assert_close(member.mean[0], torch.full((size,), 2.0, dtype=F64))
    torch.testing.assert_close(member.variance[0], variance)
    assert recorder.steps[-1].gradient_norm.max() < 1e-6


def test_the_objective_never_rises():
    target = kldiv.Target(lambda x: -(x.square() + x.sin() * 3).sum(-1), event_shape=(SIZE,))
    objective = held(target)
    first = starts(objective)
    moved, end = nearer(objective, first, Recorder())
    assert end is None
    assert (objective(moved) <= objective(first)).all()


@pytest.mark.parametrize(
    "objective",
    [
        held(NORMAL, "full_normal(loc=[0,0,0,0,0,0])"),
        held(NORMAL, divergence="jensen_shannon"),
        held(NORMAL, divergence="chi2", forward=True),
    ],
    ids=["a fixed mean", "no kl", "forward"],
)
def test_other_fits_stay_where_they_are(objective):
    first = starts(objective)
    assert nearer(objective, first, Recorder()) == (first, None)
