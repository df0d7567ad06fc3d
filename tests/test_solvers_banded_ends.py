"""Fits to normal targets of a banded precision take few gradients; to others, these more."""

import pytest
import torch

from torch.distributions import Independent, MultivariateNormal, Normal

import kldiv

from kldiv.fitting import _objective
from kldiv.solvers.banded_ends import banded_end
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.run import Recorder

F64 = torch.float64
SIZE = 256
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]
PROBES, DRAWS = 1 + 7 + 1, 64


def banded(width, size=SIZE, seed=0):
    """A mean, and a precision whose rows reach so far to both sides."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=generator, dtype=F64).tril().triu(-width)
    root.diagonal().abs_().add_(width + 1.0)
    scales = torch.rand(size, generator=generator, dtype=F64).mul(4).exp()
    root = root * scales.unsqueeze(-1)
    return torch.randn(size, generator=generator, dtype=F64), root @ root.mT


def quadratic(mean, precision, more=lambda x: 0.0):
    """A log density with nothing known of it, with something more added."""

    def log_density(x):
        shift = x - mean
        return -((shift @ precision) * shift).sum(-1) / 2 + more(x)

    return kldiv.Target(log_density, event_shape=tuple(mean.shape))


def made(target, family="diagonal_normal", starts=1):
    """The objective of a target, and some starts."""
    objective = _objective(target, family, "kl", "reverse", "auto", 0)
    shape = (starts, *target.batch_shape, objective.family.space.size)
    generator = torch.Generator().manual_seed(1)
    return objective, 0.1 * torch.randn(shape, generator=generator, dtype=F64)


def end_of(target, family="diagonal_normal", starts=1):
    """What a few gradients make of a target."""
    objective, theta = made(target, family, starts)
    with torch.no_grad():
        return banded_end(objective, objective.chart, theta, Recorder()), objective


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_banded_target_is_told_and_its_end_is_the_formula(width, family):
    mean, precision = banded(width)
    end, objective = end_of(quadratic(mean, precision), family, starts=2)
    member = objective.family.at(end.theta)
    diagonal = precision.diagonal()
    variance = {
        "isotropic_normal": (1 / diagonal.mean()).expand(SIZE),
        "diagonal_normal": 1 / diagonal,
        "full_normal": torch.linalg.inv(precision).diagonal(),
    }[family]
    torch.testing.assert_close(member.mean, mean.expand(2, -1), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(member.variance, variance.expand(2, -1), rtol=1e-9, atol=0)
    assert (end.decrement.square() / 2 <= 1e-11 * SIZE).all()
    assert objective.paid() == 2 * (PROBES + DRAWS)


def test_a_fit_takes_as_many_gradients_as_determine_the_band_and_some_draws():
    mean, precision = banded(1)
    start = {"loc": torch.zeros(SIZE, dtype=F64), "scale": torch.ones(SIZE, dtype=F64)}
    target = quadratic(mean, precision)
    found = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=start)
    assert found.evaluations == PROBES + DRAWS
    assert found.history.evaluations.tolist() == [PROBES, PROBES + DRAWS]
    assert found.converged
    assert "the target is normal up to rounding" in found.verdict


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("chained", [True, False])
def test_the_start_has_the_divergence_and_the_gradient_that_it_has(family, chained):
    mean, precision = banded(2)
    known = MultivariateNormal(mean, precision_matrix=precision)
    hidden = kldiv.Target(known.log_prob, event_shape=(SIZE,))
    objective, theta = made(hidden, family)
    if not chained:  # a start without correlations
        theta[..., SIZE:] = 0.0
    recorder = Recorder()
    with torch.no_grad():
        assert banded_end(objective, objective.chart, theta, recorder) is not None
    theta.requires_grad_()
    loc, root = objective.chart.members(theta)
    exact = torch.distributions.kl_divergence(MultivariateNormal(loc, scale_tril=root), known)
    gradient = torch.autograd.grad(exact.sum(), theta)[0]
    start = recorder.steps[0]
    torch.testing.assert_close(start.loss, exact.detach(), rtol=1e-9, atol=1e-6)
    torch.testing.assert_close(start.gradient_norm, gradient.norm(dim=-1), rtol=1e-9, atol=0)


def test_each_problem_of_a_batch_has_its_end():
    mean = torch.arange(2.0 * SIZE, dtype=F64).reshape(2, SIZE) / SIZE
    target = Independent(Normal(mean, 1 + mean), 1)
    hidden = kldiv.Target(target.log_prob, event_shape=(SIZE,))
    end, objective = end_of(hidden, starts=3)
    member = objective.family.at(end.theta)
    torch.testing.assert_close(member.mean, mean.expand(3, 2, -1))
    torch.testing.assert_close(member.stddev, (1 + mean).expand(3, 2, -1))


def not_banded():
    """Targets, of which none is normal with a narrow band, and a name of each."""
    mean, precision = banded(4)
    yield "a wider band", quadratic(mean, precision)
    mean, precision = banded(1)
    corner = torch.zeros_like(precision)
    corner[0, -1] = corner[-1, 0] = 0.1 * (precision[0, 0] * precision[-1, -1]).sqrt()
    yield "a ring", quadratic(mean, precision + corner)
    yield "one direction of all", quadratic(mean, precision, lambda x: -x.sum(-1).square())
    yield "a quartic term", kldiv.Target(lambda x: -x.pow(4).sum(-1), event_shape=(SIZE,))


@pytest.mark.parametrize("target", [pytest.param(each, id=name) for name, each in not_banded()])
@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_what_is_not_banded_costs_a_few_gradients(target, family):
    end, objective = end_of(target, family)
    assert end is None
    assert objective.paid() == PROBES


def more_than_normal():
    """What is added to a normal log density, and why it is no normal one then."""
    yield "a jump", lambda x: 1e-3 * (x[..., 0] > 0.3)
    yield "a kink", lambda x: -1e-3 * (x[..., 1] - 1.5).clamp_min(0)
    yield "a kink far out", lambda x: -(x[..., 0] - 2.5).clamp_min(0)
    yield "a kink askew", lambda x: -(x.mean(-1) * x.shape[-1] ** 0.5 - 2.5).clamp_min(0)
    yield "an end", lambda x: torch.where(x[..., 0] < 2.5, 0.0, -torch.inf)
    yield "a wave", lambda x: 1e-5 * (3 * x).sin().sum(-1)
    yield "another width elsewhere", lambda x: -(x[..., 5] - 1).clamp_min(0).square()


@pytest.mark.parametrize(
    "more", [pytest.param(more, id=name) for name, more in more_than_normal()]
)
@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_what_is_not_quite_normal_is_not_taken_for_it(family, more):
    target = quadratic(torch.zeros(SIZE, dtype=F64), torch.eye(SIZE, dtype=F64), more)
    assert end_of(target, family)[0] is None


def test_a_start_is_put_down_once_where_the_end_is_elsewhere():
    def bent(x):  # beside the starts there is no kink
        return -(x.mean(-1) * SIZE**0.5 - 2.5).clamp_min(0)

    target = quadratic(torch.zeros(SIZE, dtype=F64), torch.eye(SIZE, dtype=F64), bent)
    objective, theta = made(target)
    theta[..., :SIZE] += 1.0
    recorder = Recorder(count=objective.paid)
    assert nearer(objective, theta, recorder)[1] is None
    paid = [step.evaluations for step in recorder.steps]
    sigma = SIZE + 1
    assert paid[:2] == [PROBES, PROBES + DRAWS + sigma + DRAWS + sigma]
    starts = [step.parameters["loc"] for step in recorder.steps]
    assert not torch.equal(starts[0], starts[1])


def test_in_fewer_dimensions_nothing_is_asked():
    mean, precision = banded(1, size=SIZE - 1)
    end, objective = end_of(quadratic(mean, precision))
    assert (end, objective.paid()) == (None, 0)


def test_a_callback_that_stops_at_the_start_ends_there():
    mean, precision = banded(1)
    objective, theta = made(quadratic(mean, precision))
    recorder = Recorder(lambda step: True)
    moved, end = nearer(objective, theta, recorder)
    assert end is None
    assert torch.equal(moved, theta)
    assert objective.paid() == PROBES
    assert len(recorder.steps) == 1
