"""Expectations of functions of linear combinations under normals."""

import math

import pytest
import torch

import kldiv

from kldiv.errors import NotAvailable
from kldiv.solvers import projections
from kldiv.solvers.normal_charts import chart_of
from kldiv.solvers.projections import Projections
from tests.objectives import objective_of

F64 = torch.float64
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]
ROWS = torch.tensor([[1.0, 0.5, -0.3], [0.2, -1.0, 0.4]], dtype=F64)
AXES = torch.eye(3, dtype=F64)
SHIFTS = torch.tensor([0.3, -0.7], dtype=F64)


def softplus(t):
    return -torch.nn.functional.softplus(2 * t + SHIFTS)


def tilted(s, x):
    return -x.square() * (-s).exp() - s / 2


def product(a, b, c):
    return -(SHIFTS - b - (a / 3).exp() * c).square() / 2


def bent(a, b):
    return (a + b / 2).sin() * (b / 2).tanh() - (a - b).square()


TARGETS = {
    "one combination": [(ROWS, softplus), (AXES, lambda w: -w.square() / 2)],
    "two, quadratic in the second": [(AXES[:1], AXES[1:], tilted)],
    "three, quadratic in two": [(AXES[:1], AXES[1:2], ROWS, product)],
    "two, no polynomial": [(ROWS, ROWS.flip(0), bent)],
    "quadratic in the first": [(AXES[1:], AXES[:1], lambda x, s: tilted(s, x))],
    "dependent ones": [(ROWS, 2 * ROWS, bent), (ROWS, 0 * ROWS, tilted)],
}


def surface_of(terms, family):
    target = kldiv.ProjectedTarget(*terms)
    objective = objective_of(target, family, forward=False)
    found = Projections(objective, target, chart_of(objective.family))
    objective.project(found)
    return found


def points(surface, rows=2):
    generator = torch.Generator().manual_seed(1)
    size = surface.chart.space.size
    return surface.point(0.4 * torch.randn(rows, size, generator=generator, dtype=F64))


def in_space(surface, point):
    """The divergence by the trapezium rule in space, one member after the other."""
    grid = torch.cartesian_prod(*[torch.arange(-28, 29, dtype=F64) * 0.3] * 3)
    weights = (-grid.square().sum(-1) / 2).exp()
    member = surface.chart.family.at(surface.theta(point))
    found = []
    for loc, root in zip(*surface.chart.members(surface.theta(point)), strict=True):
        log_p = surface.objective.target.log_prob(loc + grid @ root.T)
        found.append(-(weights @ log_p) / weights.sum())
    return torch.stack(found) - member.entropy()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", TARGETS)
def test_the_divergence_is_the_integral_over_space(name, family):
    surface = surface_of(TARGETS[name], family)
    point = points(surface)
    left = surface.refine(point, 1e-9)
    loss, _ = surface.value_and_gradient(point)
    assert (left <= 1e-8 * (1 + loss.abs())).all()
    torch.testing.assert_close(loss, in_space(surface, point), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", TARGETS)
def test_the_gradient_is_that_of_small_steps_and_of_the_real_vectors(name, family):
    surface = surface_of(TARGETS[name], family)
    point = points(surface, 1)
    surface.refine(point, 1e-9)
    _, gradient = surface.value_and_gradient(point)
    for index in range(gradient.shape[-1]):
        step = torch.zeros_like(gradient)
        step[..., index] = 1e-5
        ends = (surface.moved(point, each) for each in (step, -step))
        ahead, behind = (surface.value_and_gradient(each)[0] for each in ends)
        slope = float(ahead - behind) / 2e-5
        assert float(gradient[0, index]) == pytest.approx(slope, rel=1e-6, abs=1e-7)
    theta = surface.theta(point)
    found = surface.objective.value_and_gradient(theta)[1]
    torch.testing.assert_close(found, surface.real_gradient(point, gradient))
    shifts = 1e-5 * torch.eye(theta.shape[-1], dtype=F64)
    slopes = (surface.objective(theta + shifts) - surface.objective(theta - shifts)) / 2e-5
    torch.testing.assert_close(found.squeeze(0), slopes, rtol=1e-6, atol=1e-7)


def test_a_variable_has_more_nodes_only_where_the_function_is_no_polynomial_of_low_degree():
    surface = surface_of(
        [*TARGETS["three, quadratic in two"], *TARGETS["quadratic in the first"]], "full_normal"
    )
    assert surface.levels == [(0, 0, 0), (0, 0)]
    surface.refine(points(surface), 1e-9)
    (first, *rest), (own, last) = surface.levels
    assert first > 0
    assert rest == [0, 0]
    assert own > 0  # it tilts with what comes after it
    assert last > 0


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0, 8.0, 20.0])
def test_the_error_holds_however_steep_an_exponential_is(scale):
    surface = surface_of([(AXES, lambda w: -w.exp())], "diagonal_normal")
    point = torch.tensor([[0.0] * 3 + [math.log(scale)] * 3], dtype=F64)
    left = float(surface.refine(point, 1e-9))
    entropy = float(surface.chart.family.at(surface.theta(point)).entropy())
    truth = 3 * math.exp(scale**2 / 2)
    found = float(surface.value_and_gradient(point)[0]) + entropy
    assert abs(found - truth) <= 2 * left + 1e-12 * truth
    assert scale > 8 or abs(found - truth) <= 1e-8 * truth


@pytest.mark.parametrize("kink", [torch.abs, lambda t: t.clamp_min(0).square()])
def test_the_error_holds_at_kinks(kink):
    surface = surface_of([(AXES[:1], lambda w: -kink(w))], "diagonal_normal")
    away = torch.linspace(-3, 3, 200, dtype=F64)
    m = away.unsqueeze(-1)
    phi, below = (-m.square() / 2).exp() / math.sqrt(2 * math.pi), torch.special.ndtr(m)
    if kink is torch.abs:
        truth = 2 * phi + m * (2 * below - 1)
    else:
        truth = (m.square() + 1) * below + m * phi
    point = torch.cat([m, torch.zeros(200, 5, dtype=F64)], -1)
    left = surface.refine(point, 1e-9)
    entropy = surface.chart.family.at(surface.theta(point)).entropy()
    found = surface.value_and_gradient(point)[0] + entropy
    apart = (found - truth.squeeze(-1)).abs()
    assert (apart <= 2 * left + 1e-12).double().mean() >= 0.99
    assert (left < 1e-2).all()


def test_what_is_held_fixed_has_no_gradient_and_is_no_real_vector():
    surface = surface_of(TARGETS["one combination"], "full_normal(loc=[0.1,0.2,0.3])")
    point = points(surface, 1)
    _, gradient = surface.value_and_gradient(point)
    assert (gradient[..., :3] == 0).all()
    assert (gradient[..., 3:] != 0).any()
    assert surface.real_gradient(point, gradient).shape == surface.theta(point).shape == (1, 6)


@pytest.mark.parametrize("most", [300, 40])
def test_some_members_and_nodes_at_a_time_are_the_same_as_all(most, monkeypatch):
    surface = surface_of(TARGETS["one combination"], "full_normal")
    point = points(surface, 5)
    left = surface.refine(point, 1e-3)
    whole = surface.value_and_gradient(point)
    monkeypatch.setattr(projections, "_AT_ONCE", most)
    torch.testing.assert_close(surface.value_and_gradient(point), whole)
    torch.testing.assert_close(surface.refine(point, 1e-3), left)


def test_a_limit_of_numbers_is_kept_and_the_error_says_so(monkeypatch):
    monkeypatch.setattr(projections, "_MOST", 10)
    surface = surface_of(TARGETS["two, no polynomial"], "full_normal")
    left = surface.refine(points(surface), 1e-9)
    assert surface.levels == [(0, 0)]
    assert left.isposinf().all()


def test_where_more_nodes_are_not_allowed_the_error_covers_what_they_would_change(monkeypatch):
    surface = surface_of(TARGETS["two, no polynomial"], "full_normal")
    point = points(surface)
    with monkeypatch.context() as few:
        few.setattr(projections, "_NODES", 10)
        left, (found, _) = surface.refine(point, 1e-9), surface.value_and_gradient(point)
    assert surface.levels == [(0, 0)]
    surface.refine(point, 1e-9)
    truth, _ = surface.value_and_gradient(point)
    apart = (found - truth).abs()
    assert (apart > 1e-3).all()
    assert (apart <= 2 * left).all()


def test_a_function_without_a_gradient_is_refused():
    surface = surface_of([(ROWS, lambda t: -t.detach().square())], "full_normal")
    with pytest.raises(NotAvailable, match="the function of term 0 has no gradient"):
        surface.value_and_gradient(points(surface))
