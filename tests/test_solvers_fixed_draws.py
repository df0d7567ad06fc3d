"""Fits in many dimensions: exact for normal targets, certified for others."""

import math

import pytest
import torch

from torch.distributions import Independent, Laplace, MultivariateNormal, StudentT

import kldiv

F64 = torch.float64
SIZE = 10


@pytest.fixture
def normal():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(SIZE, SIZE, generator=generator, dtype=F64)
    covariance = root @ root.mT / SIZE + 0.1 * torch.eye(SIZE, dtype=F64)
    return MultivariateNormal(torch.arange(SIZE, dtype=F64), covariance)


def hidden(distribution):
    """A target of which only the log density is known, up to a constant."""
    return kldiv.Target(
        lambda x: distribution.log_prob(x) + 3, event_shape=tuple(distribution.event_shape)
    )


def test_a_mean_field_fit_to_a_normal_vector_is_the_formula(normal):
    found = kldiv.fit(hidden(normal), "diagonal_normal", direction="reverse")
    precision = normal.precision_matrix.diagonal()
    assert found.solver == "fixed_draws"
    assert found.converged
    torch.testing.assert_close(found.parameters["scale"], precision.rsqrt(), rtol=1e-5, atol=0)
    torch.testing.assert_close(found.parameters["loc"], normal.loc, rtol=0, atol=1e-4)


def test_a_full_fit_to_a_normal_vector_finds_it(normal):
    found = kldiv.fit(hidden(normal), "full_normal", direction="reverse", starts=1)
    assert found.converged
    matrix = found.parameters["covariance_matrix"]
    torch.testing.assert_close(matrix, normal.covariance_matrix, rtol=0, atol=1e-4)


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "squared_hellinger"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_end_is_within_the_excess_of_a_fit_with_many_more_draws(divergence, direction):
    target = Independent(StudentT(torch.full((3,), 8.0, dtype=F64), 1.0, 2.0), 1)
    chosen = {"divergence": divergence, "direction": direction, "starts": 1}
    if (divergence, direction) == ("kl", "forward"):
        chosen["solver"] = "fixed_draws"  # matching moments would be exact
    found = kldiv.fit(target, "diagonal_normal", **chosen)
    solver = kldiv.FixedDraws(first=1 << 13, most=1 << 16, tolerance=1e-6)
    more = kldiv.fit(target, "diagonal_normal", **{**chosen, "solver": solver})
    assert found.converged
    assert float(found.diagnostics["excess"]) <= 1e-3
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, more.parameters[name], rtol=0.03, atol=0.05)


def test_the_verdict_says_how_much_the_draws_may_have_missed():
    target = Independent(Laplace(torch.zeros(3, dtype=F64), 1.0), 1)
    found = kldiv.fit(target, "diagonal_normal", direction="reverse")
    assert found.verdict.startswith("Converged: the only local minimum reached from 6 starts")
    assert "more draws would gain no more than about" in found.verdict


def test_with_too_few_draws_a_fit_is_not_converged():
    target = Independent(Laplace(torch.zeros(3, dtype=F64), 1.0), 1)
    few = kldiv.FixedDraws(first=16, most=16)
    with pytest.warns(kldiv.ConvergenceWarning, match="other draws or nodes would gain"):
        found = kldiv.fit(target, "diagonal_normal", direction="reverse", solver=few)
    assert not found.converged
    assert float(found.diagnostics["excess"]) == math.inf


def test_the_same_seed_gives_the_same_fit():
    target = Independent(Laplace(torch.zeros(3, dtype=F64), 1.0), 1)
    first, second, other = (
        kldiv.fit(target, "diagonal_normal", direction="reverse", seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first.parameters["scale"], second.parameters["scale"])
    assert not torch.equal(first.parameters["scale"], other.parameters["scale"])


def tilted(x):
    """Skewed along each coordinate, and no coordinate without the one before."""
    chain = (x[..., 1:] - 0.5 * x[..., :-1].square()).square().sum(-1)
    return -x[..., 0].square() / 2 - chain - x.exp().sum(-1) / 4


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_an_end_is_above_the_optimum_by_no_more_than_its_excess_and_the_promise(family):
    target = kldiv.Target(tilted, event_shape=(5,))
    found = kldiv.fit(target, family, direction="reverse", starts=1)
    many = kldiv.FixedDraws(first=1 << 14, most=1 << 17, tolerance=1e-6)
    best = kldiv.fit(target, family, direction="reverse", starts=1, solver=many)
    points = torch.randn(1 << 15, 5, generator=torch.Generator().manual_seed(5), dtype=F64)
    points = torch.cat([points, -points])
    losses = [_loss(fit.parameters, points) for fit in (found, best)]
    assert found.converged
    assert losses[0] - losses[1] < 1e-3


def _loss(parameters, points):
    matrix = parameters.get("covariance_matrix")
    if matrix is None:
        matrix = parameters["scale"].square().diag()
    root = torch.linalg.cholesky(matrix)
    spread = root.diagonal().log().sum()
    return float(-tilted(parameters["loc"] + points @ root.mT).mean() - spread)


def test_a_start_from_which_bold_steps_overflow_is_no_hindrance():
    def nearly_straight(x):
        ahead, behind = (x - 50).exp(), (50 - x).exp()
        return -((x - 50) * (ahead - behind) / (ahead + behind)).sum(-1)  # inf / inf far away

    target = kldiv.Target(nearly_straight, event_shape=(3,))
    found = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=1)
    assert found.converged
    torch.testing.assert_close(found.q.mean, torch.full((3,), 50.0, dtype=F64), rtol=1e-2, atol=0)


def test_a_density_that_overflows_at_unit_scale_is_begun_at_narrower_ones():
    def steep(x):
        return -(100 * (x - 0.02).square()).exp().sum(-1)

    target = kldiv.Target(steep, event_shape=(5,))
    assert steep(torch.full((5,), 3.0)) == -math.inf
    found = kldiv.fit(target, "diagonal_normal", direction="reverse")
    assert found.converged
    torch.testing.assert_close(found.q.mean, torch.full((5,), 0.02, dtype=F64), rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_narrower_starts_do_not_hide_an_infinite_divergence(family):
    def boxed(x):
        return torch.where(x.abs().amax(-1) < 1, 0.0 * x.sum(-1), -torch.inf)

    with pytest.warns(kldiv.ConvergenceWarning, match="so that the divergence is infinite"):
        found = kldiv.fit(kldiv.Target(boxed, event_shape=(3,)), family, direction="reverse")
    assert not found.converged
    assert found.divergence.value == math.inf


def test_every_minimum_that_starts_reach_is_kept_and_has_enough_draws():
    def two(x):
        first, second = (-(x - shift).square().sum(-1) for shift in (4.0, -4.0))
        return torch.logaddexp(first, second - 1) - (x / 4).pow(4).sum(-1)

    starts = [{"loc": torch.full((3,), at, dtype=F64), "scale": 1.0} for at in (3.0, -3.0)]
    starts = [each | {"scale": torch.ones(3, dtype=F64)} for each in starts]
    target = kldiv.Target(two, event_shape=(3,))
    found = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=starts)
    assert found.converged
    assert [each.starts for each in found.optima] == [(0,), (1,)]
    assert found.optima[1].value - found.optima[0].value == pytest.approx(1, abs=1e-2)


def test_the_divergence_is_estimated_when_it_is_asked_for():
    calls = []

    def counted(x):
        calls.append(x.shape[0])
        return -x.pow(4).sum(-1) / 4

    found = kldiv.fit(kldiv.Target(counted, event_shape=(3,)), "full_normal", direction="reverse")
    before = len(calls)
    value = found.divergence.value
    assert len(calls) > before
    before = len(calls)
    assert found.divergence.value == value
    assert len(calls) == before
    assert 0 < found.divergence.stderr < 0.01
