"""Normals in reverse to targets of linear combinations, without any sampling."""

import pytest
import torch

import kldiv

from kldiv.builtin.targets.logistic_regression import logistic_regression
from kldiv.solvers import projection_search

F64 = torch.float64
REVERSE = {"direction": "reverse"}


def made_up(count, size):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(count, size, generator=generator, dtype=F64)
    weights = torch.randn(size, generator=generator, dtype=F64)
    return features, torch.bernoulli((features @ weights).sigmoid(), generator=generator)


def gaussian(size):
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(2 * size, size, generator=generator, dtype=F64)
    shift = torch.randn(2 * size, generator=generator, dtype=F64)
    return matrix, shift, kldiv.ProjectedTarget((matrix, lambda t: -(t - shift).square() / 2))


def test_a_normal_target_is_met():
    matrix, shift, target = gaussian(5)
    precision = matrix.T @ matrix
    found = kldiv.fit(target, "full_normal", **REVERSE)
    assert found.solver == "on_projections"
    assert found.converged
    loc = torch.linalg.solve(precision, matrix.T @ shift)
    torch.testing.assert_close(found.parameters["loc"], loc, rtol=1e-6, atol=1e-8)
    inverse = torch.linalg.inv(precision)
    torch.testing.assert_close(
        found.parameters["covariance_matrix"], inverse, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("family", ["isotropic_normal", "diagonal_normal"])
def test_narrower_families_have_the_precisions_of_a_normal_target(family):
    matrix, _, target = gaussian(5)
    precision = (matrix.T @ matrix).diagonal()
    precision = precision.mean() if family == "isotropic_normal" else precision
    found = kldiv.fit(target, family, **REVERSE)
    assert found.converged
    torch.testing.assert_close(found.parameters["scale"], precision.rsqrt(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal(loc=[0.0,0.0])"])
def test_in_the_plane_it_ends_where_nodes_that_move_end(family):
    target = logistic_regression()
    found = kldiv.fit(target, family, solver="on_projections", **REVERSE)
    other = kldiv.fit(target, family, solver="moving_nodes", **REVERSE)
    assert found.converged
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, other.parameters[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_many_dimensions_have_no_noise(family):
    target = logistic_regression(*made_up(200, 12))
    found = kldiv.fit(target, family, **REVERSE)
    assert found.solver == "on_projections"
    assert found.converged
    assert found.divergence.up_to_constant
    assert found.divergence.error < 1e-7
    drawn = kldiv.divergence(found.q, target, estimator=kldiv.MonteCarlo(samples=20_000))
    assert float(drawn) == pytest.approx(float(found.divergence), abs=5 * float(drawn.error))


def funnel(size=10):
    v, x = torch.eye(size, dtype=F64).split([1, size - 1])
    return kldiv.ProjectedTarget(
        (v, lambda v: -v.square() / 18),
        (v, x, lambda v, x: -(x.square() * (-v).exp() + v) / 2),
    )


@pytest.mark.parametrize("family", ["isotropic_normal", "diagonal_normal", "full_normal"])
def test_the_best_normal_in_a_funnel_is_where_the_derivatives_of_its_closed_form_vanish(family):
    found = kldiv.fit(funnel(), family, starts=2, **REVERSE)
    assert (found.solver, found.converged) == ("on_projections", True)
    member = found.q
    loc, variance = member.mean, member.variance
    neck, spread, own = loc[0], variance[0], variance[1:]
    assert float(loc[1:].abs().max()) < 1e-5
    tilt = (spread / 2 - neck).exp()
    assert float(neck / 9 + 4.5 - tilt * own.sum() / 2) == pytest.approx(0, abs=1e-5)
    closed = (neck.square() + spread) / 18 + 4.5 * neck + tilt * own.sum() / 2 - member.entropy()
    apart = abs(float(found.divergence) - float(closed))
    assert apart <= float(found.divergence.error) <= 1e-9
    if family != "isotropic_normal":
        torch.testing.assert_close(own, (1 / tilt).expand(9), rtol=1e-5, atol=0)


def test_in_the_plane_a_conditionally_normal_target_has_a_mass_and_the_end_of_moving_nodes():
    x, y = torch.eye(2, dtype=F64).split(1)
    target = kldiv.ProjectedTarget(
        (x, lambda x: -x.square() / 2),
        (x, y, lambda x, y: -2 * (y - x.square() / 2).square()),
    )
    found = kldiv.fit(target, "full_normal", starts=1, **REVERSE)
    other = kldiv.fit(target, "full_normal", solver="moving_nodes", starts=1, **REVERSE)
    assert (found.solver, found.converged) == ("on_projections", True)
    assert not found.divergence.up_to_constant
    both = float(found.divergence.error) + float(other.divergence.error)
    assert float(found.divergence) == pytest.approx(float(other.divergence), abs=both + 1e-9)
    assert found.history.loss[-1].item() == pytest.approx(float(found.divergence), abs=1e-12)
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, other.parameters[name], rtol=1e-5, atol=1e-5)


def test_several_optima_are_all_listed():
    pairs = torch.eye(3, dtype=F64)
    target = kldiv.ProjectedTarget(
        (pairs, lambda w: -8 * (w.square() - 1).square() / 8),
        (pairs[:1], pairs[1:], lambda a, b: -(a - b).square()),
    )
    found = kldiv.fit(target, "diagonal_normal", starts=12, **REVERSE)
    assert found.converged
    signs = {each.parameters["loc"].sign().int().tolist()[0] for each in found.optima}
    assert signs == {-1, 1}


@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")
def test_where_no_nodes_are_enough_it_does_not_say_converged():
    steps = lambda w: -w.square() / 2 + 40 * (w > 0.3) + 0 * w
    target = kldiv.ProjectedTarget((torch.eye(3, dtype=F64), steps))
    found = kldiv.fit(target, "diagonal_normal", **REVERSE)
    assert not found.converged
    assert "other draws or nodes would gain" in found.verdict
    assert "FixedDraws" in found.verdict
    assert float(found.divergence.error) > 1e-3


@pytest.mark.parametrize("family", ["isotropic_normal", "full_normal(loc=[0.0,0.1,0.2])"])
def test_the_steps_are_the_same_whether_worked_out_at_once_or_at_the_end(family, monkeypatch):
    _, _, target = gaussian(3)
    later = kldiv.fit(target, family, starts=2, **REVERSE)
    monkeypatch.setattr(projection_search, "_KEPT", 0)
    at_once = kldiv.fit(target, family, starts=2, **REVERSE)
    torch.testing.assert_close(later.paths.loss, at_once.paths.loss)
    torch.testing.assert_close(later.paths.gradient_norm, at_once.paths.gradient_norm)
    for name, values in later.paths.parameters.items():
        torch.testing.assert_close(values, at_once.paths.parameters[name])


def test_a_fit_can_be_stopped_while_it_moves():
    with pytest.warns(kldiv.ConvergenceWarning, match="callback"):
        found = kldiv.fit(
            funnel(), "full_normal", callback=lambda step: step.index == 2, **REVERSE
        )
    assert len(found.history) == 3


def test_other_fits_are_told_why_not():
    target = logistic_regression(*made_up(20, 3))
    assert "kl" in str(kldiv.explain_fit(target, "full_normal", "renyi(alpha=0.5)", **REVERSE))
    explained = str(kldiv.explain_fit("eight_schools", "full_normal", **REVERSE))
    assert "is not declared to be a sum of functions of linear combinations" in explained
