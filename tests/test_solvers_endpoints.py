"""What the Hessian says of the ends of a fit."""

import math

import pytest
import torch

from torch.distributions import Bernoulli, Categorical, Exponential, Gamma, Normal, constraints

import kldiv

from kldiv.solvers import Run
from kldiv.solvers.endpoints import Endpoints, endpoints
from kldiv.solvers.optima import distinct
from tests.objectives import ended_at, logs, objective_of

F64 = torch.float64
REVERSE = {"forward": False}
MODES = [(-5.0, 1.0), (10.0, 1.0)]


def test_both_modes_and_the_trap_are_minima_and_a_slope_is_none():
    objective = objective_of("bimodal", "normal", **REVERSE)
    trap = kldiv.fit("bimodal", "normal", direction="reverse", starts={"loc": 2.5, "scale": 6.0})
    scale = trap.parameters["scale"].item()
    ends = ended_at(objective, logs(*MODES, (2.5, scale), (2.5, 1.0), (0.0, 3.0)))
    assert ends.settled.tolist() == [True, True, True, False, False]
    assert ends.signature[0].tolist() == [1, 1]
    assert (ends.signature[3] < 0).any()


def test_what_is_known_of_the_ends_is_not_looked_at_again():
    objective = objective_of("bimodal", "normal", **REVERSE)
    theta = logs(*MODES)
    value = torch.tensor([2.0, 1.0], dtype=F64)
    estimate = kldiv.Estimate(value, value / 10, "monte_carlo", value / 20)
    known = {"decrement": value / 1e9, "signature": torch.ones(2, 2, dtype=torch.int32)}
    ends = endpoints(objective, Run(theta, value, 0 * theta, [], **known))
    assert ends.settled.all()
    assert objective.evaluations == objective.gradients == 0
    best = ends.of(estimate)
    assert (float(best.value), float(best.error), float(best.stderr)) == (1.0, 0.1, 0.05)
    assert float(distinct(objective, ends).parameters_of(ends.best)["loc"]) == MODES[1][0]


def test_the_best_end_is_the_lowest_minimum_even_if_another_end_is_lower():
    objective = objective_of("bimodal(weights=[0.3,0.7])", "normal", **REVERSE)
    ends = ended_at(objective, logs((-5.0, 1.0), (10.0, 1.0), (10.0, 1.05)))
    assert int(ends.best) == 1
    slopes = ended_at(objective, logs((-5.0, 1.3), (10.0, 1.3)))
    assert not slopes.settled.any()
    assert int(slopes.best) == 1


@pytest.mark.parametrize(
    "divergence",
    ["jensen_shannon", "squared_hellinger", "cosine", "triangular", "skew_kl(weight=0.5)"],
)
def test_a_start_where_the_divergence_is_level_is_no_minimum(divergence):
    far = {"loc": 300.0, "scale": 1.0}
    with pytest.warns(kldiv.ConvergenceWarning, match="on a plateau"):
        fitted = kldiv.fit(Normal(0.0, 1.0), "normal", divergence, starts=far)
    assert not fitted.converged
    near = kldiv.fit(
        Normal(0.0, 1.0), "normal", divergence, starts=[far, {"loc": 1.0, "scale": 2.0}]
    )
    assert near.converged
    assert len(near.optima) == 1
    assert near.optima[0].starts == (1,)


def test_what_is_picked_is_that_of_the_best_end_of_each_problem():
    objective = objective_of(Normal(torch.tensor([0.0, 5.0], dtype=F64), 1.0), "normal")
    theta = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[5.0, 0.0], [5.0, 0.0]]], dtype=F64)
    ends = ended_at(objective, theta)
    assert ends.best.tolist() == [0, 1]
    assert ends.pick(theta).tolist() == [[0, 0], [5, 0]]


def test_ends_at_infinity_or_nowhere_are_not_the_best():
    objective = objective_of("bimodal", "normal")
    loss = torch.tensor([math.nan, math.inf, 4.0], dtype=F64)
    theta = logs((0.0, 1.0), (1.0, 1.0), (2.0, 1.0))
    ends = endpoints(objective, Run(theta, loss, torch.ones_like(theta), []))
    assert int(ends.best) == 2
    assert not ends.settled.any()


def test_a_minimum_proven_by_theory_needs_no_gradient():
    objective = objective_of("bimodal", "normal")
    assert ended_at(objective, logs((0.0, 1.0)), proven=True).settled.all()


def test_ends_of_a_sampled_objective_are_never_minima():
    objective = objective_of("bimodal", "normal", estimator=kldiv.MonteCarlo(samples=100))
    ends = ended_at(objective, logs((2.5, math.sqrt(57.25))))
    assert not ends.settled.any()
    assert list(distinct(objective, ends)) == [()]


def test_an_end_where_the_gradient_bends_within_a_difference_is_no_minimum():
    objective = objective_of([3.0, 3.0], "gumbel")
    ends = ended_at(objective, logs((3.0 - 1e-7, 1e-5)))
    assert ends.decrement.isposinf().all()
    assert not ends.settled.any()


@pytest.mark.parametrize(
    ("target", "family", "divergence", "direction"),
    [
        (Gamma(2.0, 1.0), "gamma", "fisher", "forward"),
        (Exponential(1.0), "weibull", "chi2", "reverse"),
        (Exponential(1.0), "gamma", "fisher", "reverse"),
    ],
)
def test_nothing_is_below_0_whatever_bends_there(target, family, divergence, direction):
    fitted = kldiv.fit(target, family, divergence, direction=direction)
    assert fitted.converged
    assert float(fitted.divergence.value) == pytest.approx(0, abs=1e-12)


ZEROS = {
    "one of three": Categorical(torch.tensor([0.5, 0.0, 0.5], dtype=F64)),
    "two of four": Categorical(torch.tensor([0.0, 0.0, 0.3, 0.7], dtype=F64)),
    "all but one": Categorical(torch.tensor([0.0, 1.0, 0.0], dtype=F64)),
    "a sure success": Bernoulli(torch.tensor(1.0, dtype=F64)),
}


@pytest.mark.parametrize("name", ZEROS)
@pytest.mark.parametrize(
    "divergence",
    ["hellinger", "total_variation", "jensen_shannon", "chi2", "squared_l2", "renyi(alpha=2)"],
)
def test_a_probability_of_0_is_reached_at_infinity(name, divergence):
    target = ZEROS[name]
    family = "bernoulli" if isinstance(target, Bernoulli) else "categorical"
    fitted = kldiv.fit(target, family, divergence)
    assert fitted.converged
    assert float(fitted.divergence.value) <= 2e-8
    assert (fitted.parameters["probs"] - target.probs).abs().max() <= 1e-4


def test_what_is_small_everywhere_is_not_taken_for_0():
    """A weight of 1e-4 leaves no more than 1e-4 nats, and 1e-9 wherever both densities are."""
    objective = objective_of(Normal(0.0, 1.0), "normal", "skew_kl(weight=1e-4)")
    ends = ended_at(objective, logs((0.5, 1.0)))
    assert float(ends.loss) < 2e-8
    assert not ends.at_zero


def test_of_an_unknown_mass_0_is_a_number_like_others():
    objective = objective_of("bimodal", "normal", **REVERSE)
    unknown = kldiv.Target(lambda x: -x.square(), normalize=False)
    for target, least in ((objective, True), (objective_of(unknown, "normal", **REVERSE), False)):
        theta = logs((0.0, 1.0))
        known = {"decrement": torch.full((1,), torch.inf), "signature": torch.zeros(1, 2)}
        run = Run(theta, torch.zeros(1, dtype=F64), 0 * theta, [], **known)
        assert bool(endpoints(target, run).settled) is least


@pytest.mark.parametrize("divergence", ["chi2", "renyi(alpha=2)"])
def test_an_end_at_0_beside_infinite_divergences_is_a_minimum_of_bare_densities_too(divergence):
    """Lighter tails than the target's make them infinite: no Hessian is known."""
    target = kldiv.Target(lambda x: x.log() - x.square(), support=constraints.positive)
    fitted = kldiv.fit(target, "weibull", divergence)
    assert fitted.converged
    assert float(fitted.divergence.value) <= 1e-12
    assert float(fitted.parameters["concentration"]) == pytest.approx(2.0, abs=1e-6)
    assert float(fitted.parameters["scale"]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("unit", "told"), [(1.0, True), (1e-9, True), (1e-18, False)])
def test_no_end_is_a_minimum_where_a_constant_hides_all_digits(unit, told):
    loss, signs = torch.ones(1, dtype=F64), torch.ones(1, 2, dtype=torch.int32)
    found = Endpoints(torch.zeros(1, 2, dtype=F64), loss, 0 * loss, signs, 5e-11, unit=unit)
    assert bool(found.settled) is told
