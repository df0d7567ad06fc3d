"""Minima at kinks are reached and told from saddles, slopes, peaks and plateaus."""

import math

from types import SimpleNamespace

import pytest
import torch

from torch.distributions import Binomial, Categorical, MixtureSameFamily, Normal, Poisson

import kldiv

from kldiv.solvers.kinks import LEFT, endless, moved_to_kinks, rises
from kldiv.solvers.run import Run

F64 = torch.float64


class Function:
    """A function in the place of an objective."""

    resolution, unit = 5e-11, 1.0
    by_quadrature, stochastic, sampled = True, False, False
    target, kept = (
        SimpleNamespace(normalized=False, normalize=False),
        SimpleNamespace(shared=False),
    )

    def __init__(self, function):
        self.function = function

    def __call__(self, theta):
        return self.function(theta)

    def value_and_gradient(self, theta):
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            value = self.function(theta)
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        return value.detach(), gradient

    def estimate(self, theta):
        return kldiv.Estimate(self(theta), torch.zeros(theta.shape[:-1], dtype=F64), "none", 1)


def looked_at(function, *rows, settled=None):
    objective, theta = Function(function), torch.tensor(rows, dtype=F64)
    loss, gradient = objective.value_and_gradient(theta)
    known = torch.zeros_like(loss, dtype=torch.bool) if settled is None else settled
    unknown = {"decrement": torch.ones_like(loss), "signature": torch.zeros_like(theta)}
    return moved_to_kinks(objective, Run(theta, loss, gradient, [], **unknown), known)


def turned(theta):
    """Coordinates along the diagonals."""
    x, y = theta.unbind(-1)
    return (x + y) / math.sqrt(2), (x - y) / math.sqrt(2)


MINIMA = {
    "a cone": (lambda t: t.norm(dim=-1) + 1, [0.0, 0.0]),
    "slopes that differ": (lambda t: torch.where(t > 0, 3 * t, -0.1 * t).sum(-1), [0.0, 0.0]),
    "a kink along one diagonal, a bowl along the other": (
        lambda t: turned(t)[0].abs() + 0.3 * turned(t)[1].square(),
        [0.0, 0.0],
    ),
    "the greatest of three planes": (
        lambda t: torch.stack([t[..., 0], t[..., 1], -t.sum(-1)]).amax(0),
        [0.0, 0.0],
    ),
    "a kinked valley, bent": (
        lambda t: 5 * (t[..., 1] - t[..., 0] ** 2).abs() + (1 - t[..., 0]) ** 2,
        [1.0, 1.0],
    ),
    "one parameter": (lambda t: torch.maximum(2 * t, -t).squeeze(-1), [0.0]),
}
TRAPS = {
    "a saddle": lambda t: t[..., 0].abs() - t[..., 1].abs(),
    "a narrow saddle, turned": lambda t: turned(t)[0].abs() - 0.01 * turned(t)[1].abs(),
    "a saddle smooth along one side": lambda t: turned(t)[0].abs() - 0.1 * turned(t)[1] ** 2,
    "a peak": lambda t: -t.norm(dim=-1),
    "a slope along a kink": lambda t: t[..., 0].abs() + 1e-3 * t[..., 1],
    "a kink that is no minimum": lambda t: torch.where(t > 0, 3 * t, t).sum(-1),
    "a plateau": lambda t: 0 * t.sum(-1) + 0.5,
    "the edge of a plateau": lambda t: t[..., 0].clamp_min(0.0) + t[..., 1].abs(),
    "a valley that falls for ever": lambda t: t[..., 0].abs() + 1e-3 * (-t[..., 1]).exp(),
}


@pytest.mark.parametrize("name", MINIMA)
@pytest.mark.parametrize("away", [0.0, 3e-3])
def test_a_minimum_at_a_kink_is_reached_and_told(name, away):
    function, best = MINIMA[name]
    start = [value + away * (1 + k) for k, value in enumerate(best)]
    run = looked_at(function, start)
    lowest = float(function(torch.tensor(best, dtype=F64)))
    assert 0 <= float(run.kink) <= LEFT * (1 + abs(lowest))
    assert float(run.loss) == pytest.approx(lowest, abs=1e-6)
    assert float(run.loss) - lowest <= float(run.kink)
    assert run.theta[0].tolist() == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("away", [0.0, 1e-3])
def test_what_is_no_minimum_is_never_told_to_be_one(name, away):
    run = looked_at(TRAPS[name], [away, 2 * away])
    assert run.kink.isnan().all()
    assert run.theta.tolist() == [[away, 2 * away]]


def test_ends_beside_a_known_minimum_are_left_alone():
    run = looked_at(lambda t: t.abs().sum(-1), [0.0], [1e-3], settled=torch.tensor([True, False]))
    assert run.kink.isnan().all()


@pytest.mark.parametrize("start", [0.0, -1.0, -2.0])
def test_a_search_along_a_valley_goes_on_where_it_has_not_come_to_rest(start):
    run = looked_at(MINIMA["a kinked valley, bent"][0], [start, start**2 + 0.01])
    assert float(run.kink) <= LEFT
    assert run.theta[0].tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_a_minimum_at_a_kink_above_a_known_one_is_told_too():
    def two(t):
        return torch.minimum(t.abs().sum(-1), 0.5 + (t - 3).abs().sum(-1))

    known = torch.tensor([True, False, False])
    run = looked_at(two, [0.0], [3.001], [2.999], settled=known)
    assert run.kink.isfinite().tolist() == [False, True, True]
    assert run.theta[1:].flatten().tolist() == pytest.approx([3.0, 3.0], abs=1e-6)


def test_starts_that_came_together_leave_room_for_other_minima():
    def two(t):
        return torch.minimum(t.abs().sum(-1), 0.5 + (t - 3).abs().sum(-1))

    run = looked_at(two, [1e-3], [-1e-3], [2e-3], [-2e-3], [3.001])
    assert run.kink.isfinite().all()
    assert run.loss.tolist() == pytest.approx([0.0] * 4 + [0.5], abs=1e-6)


def test_every_mode_is_listed_where_total_variation_has_minima_at_kinks():
    # by sums on integers and golden sections
    shares, probs = torch.tensor([0.3, 0.7], dtype=F64), torch.tensor([0.08, 0.75], dtype=F64)
    p = MixtureSameFamily(Categorical(shares), Binomial(40, probs))
    found = kldiv.fit(p, "binomial(total_count=40)", "total_variation")
    assert [each.value for each in found.optima] == pytest.approx([0.29999982, 0.69999807])
    first, second = (float(each.parameters["probs"]) for each in found.optima)
    assert (first, second) == pytest.approx((0.7433421, 0.1072788), abs=1e-6)


def test_only_what_rises_all_around_rises():
    theta = torch.zeros(1, 2, dtype=F64)
    for function in TRAPS.values():
        if abs(float(function(theta))) > 1e-3:  # a divergence of 0 is a minimum
            assert not rises(Function(function), theta, function(theta)).any()
    cone = MINIMA["a cone"][0]
    assert rises(Function(cone), theta, cone(theta)).all()


def test_the_parameters_that_go_on_for_ever_are_named():
    space = SimpleNamespace(constrain=lambda t: {"df": t[..., 0].exp(), "loc": t[..., 1]})
    theta = torch.tensor([15.0, 0.0], dtype=F64)

    def named(function):
        objective = Function(function)
        objective.family = SimpleNamespace(space=space)
        return endless(objective, theta)

    assert named(lambda t: t[..., 1].abs() + 3 * (-t[..., 0]).exp()) == ("df",)
    assert named(lambda t: 0 * t.sum(-1) + 1) == ("df", "loc")
    assert named(lambda t: t[..., 1].abs() + 1e-3 * t[..., 0]) == ()
    assert named(lambda t: t[..., 1].abs() + (t[..., 0] - 15).square()) == ()


def test_where_it_rises_at_once_nobody_looks_any_farther():
    farthest = []

    def bowl(theta):
        farthest.append(float(theta.abs().max()))
        return theta.square().sum(-1)

    assert endless(Function(bowl), torch.zeros(2, dtype=F64)) == ()
    assert max(farthest) == 0.5


@pytest.mark.slow
def test_a_minimum_that_is_approached_at_infinity_is_not_taken_for_one():
    locs, scales = torch.tensor([-2.8, -0.4], dtype=F64), torch.ones(2, dtype=F64)
    halves = Categorical(torch.tensor([0.5, 0.5], dtype=F64))
    target = MixtureSameFamily(halves, Normal(locs, scales))
    with pytest.warns(kldiv.ConvergenceWarning, match="along df, however far"):
        fit = kldiv.fit(target, "student_t", "total_variation")
    assert not fit.converged
    limit = kldiv.fit(target, "normal", "total_variation")
    assert limit.converged
    assert float(fit.divergence) == pytest.approx(float(limit.divergence), abs=1e-6)


@pytest.mark.slow
def test_where_a_member_just_touches_the_target_the_lower_minimum_is_reached():
    locs = torch.tensor([-6.307, 5.303], dtype=F64)
    shares, scales = (torch.tensor(each, dtype=F64) for each in ([0.473, 0.527], [1.17, 0.818]))
    target = MixtureSameFamily(Categorical(shares), Normal(locs, scales))
    fit = kldiv.fit(target, "normal", "total_variation")
    assert fit.converged
    value = float(fit.divergence)
    assert value < 0.47299  # the other minimum is at 0.5266
    loc, scale = fit.parameters["loc"], fit.parameters["scale"]
    shifts = torch.tensor([[-1.0, 0], [1, 0], [0, -1], [0, 1], [-1, -0.3], [1, 0.3]], dtype=F64)
    for step in (1e-3, 1e-2, 0.1):
        beside = Normal(loc + step * shifts[:, 0], scale + step * shifts[:, 1])
        others = kldiv.divergence(target, beside, "total_variation").value
        assert (others > value - 1e-8).all()


def test_a_fit_that_ends_at_a_kink_says_so_and_is_right():
    target = MixtureSameFamily(
        Categorical(torch.tensor([0.4, 0.6], dtype=F64)),
        Poisson(torch.tensor([2.0, 9.0], dtype=F64)),
    )
    fit = kldiv.fit(target, "poisson", "total_variation")
    assert fit.converged
    assert "at a kink" in fit.verdict
    counts = torch.arange(80, dtype=F64)
    rates = torch.linspace(0.5, 20, 20_001, dtype=F64)
    masses = Poisson(rates.unsqueeze(-1)).log_prob(counts).exp()
    values = (masses - target.log_prob(counts).exp()).abs().sum(-1) / 2
    assert float(fit.divergence) <= float(values.min()) + 1e-9
    assert float(fit.parameters["rate"]) == pytest.approx(float(rates[values.argmin()]), abs=1e-3)


def test_data_fitted_by_a_density_with_a_peak_end_at_one_of_the_points():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(41, generator=generator, dtype=F64)
    fit = kldiv.fit(x, "laplace", "density_power(beta=0.5)")
    assert fit.converged
    assert float((x - fit.parameters["loc"]).abs().min()) < 1e-6


@pytest.mark.parametrize("divergence", ["kl", "squared_hellinger"])
def test_a_parameter_that_has_no_best_value_is_named(divergence):
    fitted = kldiv.fit("bimodal(loc=[-2.0, 2.0])", "student_t", divergence)
    assert fitted.converged
    assert "along df the objective is level" in fitted.verdict
    normal = kldiv.fit("bimodal(loc=[-2.0, 2.0])", "normal", divergence)
    assert "level" not in normal.verdict
    assert float(fitted.divergence.value) == pytest.approx(
        float(normal.divergence.value), abs=1e-8
    )
