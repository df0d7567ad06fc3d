"""Normal vectors on draws: divergence, gradient and saddles, in units of themselves."""

import pytest
import torch

from torch.distributions import MultivariateNormal, kl_divergence

import kldiv

from kldiv.errors import NotAvailable
from kldiv.solvers import normal_draws
from kldiv.solvers.normal_draws import NormalDraws
from tests.objectives import objective_of

F64 = torch.float64
SIZE = 4
ROOT = torch.tril(torch.linspace(0.2, 1.5, SIZE * SIZE, dtype=F64).reshape(SIZE, SIZE))
NORMAL = MultivariateNormal(torch.arange(SIZE, dtype=F64), scale_tril=ROOT)
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]


def bent(x):
    return -(x.square() + (1.5 * x).sin() * 2).sum(-1) - x[..., 0] * x[..., 1].tanh()


def on_draws(target, family, count=64):
    draws = NormalDraws.of(objective_of(target, family, forward=False))
    draws.hold(count, 3)
    return draws


def points(draws, rows=2):
    generator = torch.Generator().manual_seed(1)
    size = draws.objective.family.space.size
    return draws.point(0.3 * torch.randn(rows, size, generator=generator, dtype=F64))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_divergence_from_a_normal_vector_is_exact(family):
    draws = on_draws(NORMAL, family)
    point = points(draws)
    member = draws.objective.family.at(draws.theta(point))
    exact = kl_divergence(
        MultivariateNormal(member.mean, _covariance(member)), NORMAL.expand(torch.Size([2]))
    )
    torch.testing.assert_close(draws.value_and_gradient(point)[0], exact, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_point_is_its_real_vector_and_its_parameters(family):
    draws = on_draws(NORMAL, family)
    point = points(draws)
    theta = draws.theta(point)
    torch.testing.assert_close(draws.point(theta), point)
    for name, value in draws.objective.family.space.constrain(theta).items():
        torch.testing.assert_close(draws.parameters(point)[name], value)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_is_that_of_small_steps_and_of_the_real_vectors(family):
    draws = on_draws(kldiv.Target(bent, event_shape=(SIZE,)), family)
    point = points(draws, 1)
    _, gradient = draws.value_and_gradient(point)
    for index in range(gradient.shape[-1]):
        step = torch.zeros_like(gradient)
        step[..., index] = 1e-5
        ahead, behind = (draws.value_and_gradient(draws.moved(point, s))[0] for s in (step, -step))
        slope = float(ahead - behind) / 2e-5
        assert float(gradient[0, index]) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    objective = draws.objective
    objective.estimator(objective.family.present())
    objective.hold(64, 3)
    _, expected = objective.value_and_gradient(draws.theta(point))
    found = draws.real_gradient(point, gradient)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_metric_is_the_inverse_of_the_curvature_at_a_normal_target_in_the_family(family):
    standard = MultivariateNormal(torch.zeros(SIZE, dtype=F64), torch.eye(SIZE, dtype=F64))
    draws = on_draws(standard, family)
    point = draws.point(torch.zeros(1, draws.objective.family.space.size, dtype=F64))
    for index, inverse in enumerate(draws.metric):
        step = torch.zeros(1, len(draws.metric), dtype=F64)
        step[0, index] = 1e-4
        _, gradient = draws.value_and_gradient(draws.moved(point, step))
        assert float(gradient[0, index]) == pytest.approx(1e-4 / float(inverse), rel=1e-3)


@pytest.mark.parametrize("family", ["isotropic_normal", "diagonal_normal"])
def test_a_newton_step_of_the_mean_ends_at_that_of_a_normal_target(family):
    draws = on_draws(NORMAL, family)
    (point, _, gradient), metric = draws.begin(points(draws))
    step = -(metric @ gradient.unsqueeze(-1)).squeeze(-1)
    step[..., SIZE:] = 0
    loc = draws.parameters(draws.moved(point, step))["loc"]
    torch.testing.assert_close(loc, NORMAL.loc.expand(2, -1))


def test_a_saddle_between_two_modes_shows():
    def two(x):
        return torch.logaddexp(-(x - 3).square().sum(-1), -(x + 3).square().sum(-1))

    draws = on_draws(kldiv.Target(two, event_shape=(SIZE,)), "diagonal_normal")
    start = draws.point(torch.zeros(1, 2 * SIZE, dtype=F64))
    assert (draws.signature(start)[..., 0] == -1).all()
    normal = on_draws(NORMAL, "diagonal_normal")
    assert (normal.signature(points(normal)) == 1).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_in_blocks_have_the_same_means(family, monkeypatch):
    draws = on_draws(kldiv.Target(bent, event_shape=(SIZE,)), family)
    point = points(draws)
    whole, before = draws.value_and_gradient(point), draws.objective.evaluations
    monkeypatch.setattr(normal_draws, "AT_ONCE", 50)
    torch.testing.assert_close(draws.value_and_gradient(point), whole, rtol=1e-12, atol=1e-12)
    assert draws.objective.evaluations == 2 * before


def test_where_the_divergence_is_infinite_its_gradient_is_0():
    def half(x):
        return torch.where(x[..., 0] < 0, -torch.inf, -x.square().sum(-1))

    draws = on_draws(kldiv.Target(half, event_shape=(SIZE,)), "diagonal_normal")
    loss, gradient = draws.value_and_gradient(points(draws))
    assert loss.isposinf().all()
    assert (gradient == 0).all()


def test_a_step_is_cut_in_the_mean_and_in_the_scales_apart():
    draws = on_draws(NORMAL, "diagonal_normal")
    step = torch.cat([torch.full((1, SIZE), 1e6), torch.full((1, SIZE), 0.5)], -1).double()
    found = draws.bounded(step)
    assert (found[..., SIZE:] == 0.5).all()
    assert (found[..., :SIZE] < 100).all()


def test_fewer_draws_are_begun_with_where_each_takes_more_numbers():
    def by_rows(count):
        rows = torch.ones(SIZE, count, dtype=F64)
        return kldiv.Target(lambda x: -(x @ rows).exp().sum(-1), event_shape=(SIZE,))

    counts = []
    for rows in (10, 100, 10_000):
        draws = on_draws(by_rows(rows), "diagonal_normal")
        counts.append(draws.at_once(torch.zeros(1, 2 * SIZE, dtype=F64)))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 4 * counts[1] >= counts[1] > counts[2] >= 1


def test_a_log_density_without_a_gradient_is_refused():
    draws = on_draws(kldiv.Target(lambda x: bent(x.detach()), event_shape=(SIZE,)), "full_normal")
    with pytest.raises(NotAvailable, match="has no gradient"):
        draws.value_and_gradient(points(draws))


@pytest.mark.parametrize(
    "objective",
    [
        objective_of(NORMAL, "full_normal(loc=[0,0,0,0])", forward=False),
        objective_of(NORMAL, "full_normal", "jensen_shannon", forward=False),
        objective_of(NORMAL, "full_normal", forward=True),
        objective_of(torch.distributions.Normal(0.0, 1.0), "normal", forward=False),
        objective_of(NORMAL, "low_rank_normal", forward=False),
    ],
    ids=["a fixed mean", "no kl", "forward", "a scalar", "another family"],
)
def test_other_objectives_are_moved_in_their_real_vectors(objective):
    assert NormalDraws.of(objective) is None


def _covariance(member):
    known = getattr(member, "covariance_matrix", None)
    return torch.diag_embed(member.variance) if known is None else known
