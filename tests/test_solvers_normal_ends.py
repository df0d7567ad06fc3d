"""Fits to normal targets end in closed form; to those that are not quite normal, they do not."""

import math

import pytest
import torch

from torch.distributions import Independent, MultivariateNormal, Normal, StudentT

import kldiv

from kldiv.fitting import _objective
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.run import Recorder

F64 = torch.float64
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]
SAID = "the target is normal up to rounding"


def vector(size, condition, shift=1.0, seed=0):
    """The mean and the precision of a normal vector."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=F64))
    curvatures = torch.logspace(0, math.log10(condition), size, dtype=F64)
    mean = shift * torch.randn(size, generator=generator, dtype=F64)
    return mean, (basis * curvatures) @ basis.mT


def quadratic(mean, precision, more=lambda x: 0.0):
    """A log density with nothing known of it, with something more added."""

    def log_density(x):
        shift = x - mean
        return -((shift @ precision) * shift).sum(-1) / 2 + more(x)

    return kldiv.Target(log_density, event_shape=tuple(mean.shape))


def best_of(family, precision):
    """The covariance of the best member, and the divergence up to a constant."""
    size = len(precision)
    diagonal = precision.diagonal()
    covariance = {
        "isotropic_normal": torch.eye(size, dtype=F64) / diagonal.mean(),
        "diagonal_normal": torch.diag(1 / diagonal),
        "full_normal": torch.linalg.inv(precision),
    }[family]
    volume = torch.linalg.slogdet(covariance)[1] / 2
    return covariance, -volume - size * math.log(2 * math.pi) / 2


def end_of(target, family="full_normal", start=None):
    """What natural steps from a start make of a target, and what that cost."""
    objective = _objective(target, family, "kl", "reverse", "auto", 0)
    space = objective.family.space
    theta = torch.zeros(space.size, dtype=F64) if start is None else space.unconstrain(start)
    batch = (1, *target.batch_shape, space.size)
    _, end = nearer(objective, theta.expand(batch), Recorder())
    return end, objective


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("size", "condition", "shift"),
    [(3, 1.0, 1.0), (3, 1e8, 1.0), (20, 1e6, 10.0), (80, 1e3, 1.0), (200, 1e4, 1e3)],
)
def test_a_normal_target_is_told_and_its_end_is_the_formula(size, condition, shift, family):
    mean, precision = vector(size, condition, shift)
    end, objective = end_of(quadratic(mean, precision, lambda x: 7.0), family)
    covariance, value = best_of(family, precision)
    member = objective.family.at(end.theta[0])
    torch.testing.assert_close(member.mean, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(member.variance, covariance.diagonal(), rtol=1e-6, atol=0)
    blurred = 1e-14 * size * condition  # the determinant of the target itself
    assert abs(float(end.estimate.value[0] - value + 7)) <= float(end.estimate.error[0]) + blurred
    assert float(end.decrement.square() / 2) <= 1e-11 * size
    assert (end.signature == 1).all()


@pytest.mark.parametrize(("size", "draws"), [(4, 16 + 1024), (64, 64), (100, 64), (300, 64)])
def test_it_takes_as_many_gradients_as_determine_it_and_some_draws(size, draws):
    mean, precision = vector(size, 100.0)
    target = quadratic(mean, precision)
    found = kldiv.fit(target, "full_normal", direction="reverse", starts=1)
    width, sigma = 9, 2 * size if size <= 64 else size + 1
    probes = 9 * (size >= 256)
    assert found.evaluations == width + probes + sigma + draws
    assert found.converged
    assert SAID in found.verdict
    assert float(found.diagnostics["natural_gradient_norm"]) < 1e-9


def more_than_normal():
    """What is added to a normal log density, and why it is no normal one then."""
    yield "a quartic term", lambda x: -1e-6 * x.pow(4).sum(-1)
    yield "a cubic term", lambda x: 1e-5 * x[..., 0].pow(3)
    yield "a wave", lambda x: 1e-5 * (3 * x).sin().sum(-1)
    yield "a jump", lambda x: 1e-3 * (x[..., 0] > 0.3)
    yield "a kink", lambda x: -1e-3 * (x[..., 1] - 1.5).clamp_min(0)
    yield "a kink far out", lambda x: -(x[..., 0] - 2.5).clamp_min(0)
    yield "a kink askew", lambda x: -(x.mean(-1) * x.shape[-1] ** 0.5 - 2.5).clamp_min(0)
    yield "an end", lambda x: torch.where(x[..., 0] < 2.5, 0.0, -torch.inf)


@pytest.mark.parametrize("size", [5, 100])
@pytest.mark.parametrize(
    "more", [pytest.param(more, id=name) for name, more in more_than_normal()]
)
@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_what_is_not_quite_normal_is_not_taken_for_it(family, more, size):
    mean, precision = torch.zeros(size, dtype=F64), torch.eye(size, dtype=F64)
    end = end_of(quadratic(mean, precision, more), family)[0]
    assert end is None or end.because.startswith("the target is normal given x[")


@pytest.mark.parametrize(
    "target",
    [
        Independent(StudentT(torch.full((5,), 1e3, dtype=F64)), 1),
        Independent(StudentT(torch.full((5,), 3.0, dtype=F64)), 1),
        kldiv.Target(lambda x: -x.pow(4).sum(-1), event_shape=(5,)),
        kldiv.Target(lambda x: -x.abs().sum(-1), event_shape=(5,)),
    ],
    ids=["nearly normal tails", "heavy tails", "a quartic", "a tip"],
)
def test_other_targets_are_not_taken_for_normal(target):
    hidden = kldiv.Target(target.log_prob, event_shape=(5,))
    assert end_of(hidden, "diagonal_normal")[0] is None


def test_a_log_density_that_is_not_known_everywhere_is_no_normal_one():
    far = kldiv.Target(
        lambda x: torch.where(x.abs() > 4, torch.nan, -x.square() / 2).sum(-1), event_shape=(5,)
    )
    assert end_of(far)[0] is None


def test_a_saddle_of_the_log_density_is_no_normal_end():
    curvatures = torch.tensor([1.0, 1.0, -1.0, 1.0], dtype=F64)
    target = kldiv.Target(lambda x: -(curvatures * x.square()).sum(-1) / 2, event_shape=(4,))
    assert end_of(target)[0] is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_start_between_two_modes_leads_to_no_normal_end(family):
    modes = torch.zeros(2, 4, dtype=F64)
    modes[0, 0], modes[1, 0] = 3.0, -3.0
    target = kldiv.Target(
        lambda x: (-(x.unsqueeze(-2) - modes).square().sum(-1) / 2).logsumexp(-1),
        event_shape=(4,),
    )
    assert end_of(target, family)[0] is None


def test_separate_modes_are_each_a_minimum():
    modes = torch.tensor([[40.0] * 5, [-40.0] * 5], dtype=F64)
    weights = torch.tensor([0.3, 0.7], dtype=F64)

    def log_density(x):
        parts = MultivariateNormal(modes, torch.eye(5, dtype=F64)).log_prob(x.unsqueeze(-2))
        return (parts + weights.log()).logsumexp(-1)

    starts = [{"loc": mode + 1, "scale": torch.full((5,), 0.5, dtype=F64)} for mode in modes]
    target = kldiv.Target(log_density, event_shape=(5,))
    found = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=starts)
    assert found.verdict.startswith("Converged: the best of 2 local minima")
    torch.testing.assert_close(found.parameters["loc"], modes[1])
    values = [optimum.value for optimum in found.optima]
    assert values == pytest.approx([-math.log(0.7), -math.log(0.3)], abs=1e-12)


def test_each_problem_of_a_batch_has_its_end():
    mean = torch.arange(12, dtype=F64).reshape(3, 4)
    scale = 1 + mean / 7
    target = kldiv.Target(Independent(Normal(mean, scale), 1).log_prob, event_shape=(4,))
    found = kldiv.fit(target, "full_normal", direction="reverse", starts=2)
    assert found.converged
    torch.testing.assert_close(found.parameters["loc"], mean)
    torch.testing.assert_close(found.divergence.value, torch.zeros(3, dtype=F64))
    assert found.divergence.stderr.shape == (3,)
    torch.testing.assert_close(
        found.parameters["covariance_matrix"], torch.diag_embed(scale.square())
    )


def test_the_divergence_is_that_of_the_member_up_to_the_constant():
    mean, precision = vector(6, 30.0)
    known = MultivariateNormal(mean, precision_matrix=precision)
    hidden = kldiv.Target(known.log_prob, event_shape=(6,))
    found = kldiv.fit(hidden, "diagonal_normal", direction="reverse", starts=1)
    member = MultivariateNormal(found.q.mean, torch.diag(found.q.variance))
    exact = torch.distributions.kl_divergence(member, known)
    assert found.divergence.up_to_constant
    assert abs(float(found.divergence) - float(exact)) <= float(found.divergence.error)


def test_another_estimator_keeps_its_estimate():
    mean, precision = vector(4, 10.0)
    found = kldiv.fit(
        quadratic(mean, precision),
        "diagonal_normal",
        direction="reverse",
        starts=1,
        estimator=kldiv.MonteCarlo(samples=5000),
    )
    assert SAID in found.verdict
    assert found.divergence.evaluations > 2000


def test_a_measure_of_a_mass_of_its_own_is_left_to_draws():
    target = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,), normalize=False)
    assert end_of(target)[0] is None


def test_a_callback_that_stops_at_the_start_is_obeyed():
    mean, precision = vector(4, 10.0)
    with pytest.warns(kldiv.ConvergenceWarning, match="the callback stopped it"):
        found = kldiv.fit(
            quadratic(mean, precision),
            "full_normal",
            direction="reverse",
            starts=1,
            callback=lambda step: True,
        )
    assert not found.converged


@pytest.mark.slow
@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_a_thousand_dimensions_take_little_more_than_a_thousand_gradients(family):
    size = 1000
    mean, precision = vector(size, 1e3)
    target = quadratic(mean, precision)
    found = kldiv.fit(target, family, direction="reverse", starts=1)
    covariance, value = best_of(family, precision)
    assert found.converged
    assert found.evaluations <= 1.1 * size
    assert abs(float(found.divergence) - value) <= float(found.divergence.error) + 1e-8
    torch.testing.assert_close(found.q.variance, covariance.diagonal(), rtol=1e-9, atol=0)
    assert float(found.diagnostics["natural_gradient_norm"]) < 1e-9
