"""Starts are told by name or found where the target is, and are refused where they are none."""

import numpy as np
import pytest
import torch

from torch.distributions import Normal, Uniform, constraints

import kldiv

from kldiv.errors import InvalidArgument, InvalidType, NotFinite, ShapeMismatch
from kldiv.solvers.starts import check_finite, check_supports, first_points
from tests.objectives import objective_of

F64 = torch.float64


def normal(loc=1.0, scale=2.0):
    return Normal(torch.tensor(loc, dtype=F64), torch.tensor(scale, dtype=F64))


def test_the_first_start_has_the_moments_of_the_target():
    objective = objective_of(normal())
    (start,) = first_points(objective, None, single=True)
    values = objective.family.space.constrain(start)
    assert float(values["loc"]) == pytest.approx(1)
    assert float(values["scale"]) == pytest.approx(2)


def test_more_starts_keep_the_first_and_follow_the_seed():
    few, many, other = (
        first_points(objective_of(normal(), seed=seed), count, single=False)
        for seed, count in ((0, 1), (0, 4), (1, 4))
    )
    assert torch.equal(many[:1], few)
    assert torch.equal(many[0], other[0])
    assert not torch.equal(many[1:], other[1:])


@pytest.mark.parametrize(
    ("starts", "error", "message"),
    [
        (0, InvalidArgument, "starts must be positive, got 0"),
        ([], InvalidArgument, "starts must not be empty"),
        ("many", InvalidType, "a number, parameters by name or a sequence of these, got 'many'"),
        (True, InvalidType, "starts must be a number, parameters by name .* got True"),
        (
            {"loc": [0.0, 1.0], "scale": 1.0},
            ShapeMismatch,
            r"the batch shape of the target, \(\), got \(2,\); several starts are a sequence",
        ),
        ([1.0], InvalidType, r"a number, parameters by name or a sequence of these, got \[1.0\]"),
    ],
)
def test_what_is_no_start_is_refused(starts, error, message):
    with pytest.raises(error, match=message):
        first_points(objective_of(normal()), starts, single=False)


def test_an_integer_of_numpy_is_a_number_of_starts():
    assert len(first_points(objective_of(normal()), np.int64(3), single=False)) == 3


def test_starts_that_are_all_infinite_are_refused_with_the_remedy():
    target = Uniform(torch.tensor(0.0, dtype=F64), torch.tensor(1.0, dtype=F64))
    objective = objective_of(target, forward=False)
    starts = first_points(objective, None, single=False)
    with pytest.raises(NotFinite, match=r"not finite at any start.*try the other direction"):
        check_finite(objective, objective(starts))


class Nearby(kldiv.Exact):
    """No number where a member is far away."""

    def estimate(self, problem):
        if bool((problem.q.distribution.mean > 50).any()):
            raise NotFinite("it is too far away")
        return super().estimate(problem)


NEAR, FAR = {"loc": 0.5, "scale": 1.0}, {"loc": 60.0, "scale": 1.0}


def test_a_start_without_a_number_is_left_and_the_others_go_on():
    fit = kldiv.fit(
        normal(), "normal", starts=[FAR, NEAR], estimator=Nearby(), solver="quasi_newton"
    )
    assert fit.converged
    assert fit.optima[0].starts == (1,)


def test_where_no_start_has_a_number_the_reason_is_named():
    with pytest.raises(NotFinite, match=r"not finite at any start \(inf\): it is too far away"):
        kldiv.fit(normal(), "normal", starts=FAR, estimator=Nearby(), solver="quasi_newton")


@pytest.mark.parametrize("divergence", ["squared_l2", "cosine"])
def test_a_given_start_ends_in_the_mode_that_it_is_near(divergence):
    starts = [{"loc": 0.0, "scale": 1.0}, {"loc": 5.0, "scale": 1.0}]
    fit = kldiv.fit("normal_sum", "normal", divergence, starts=starts)
    ends = sorted(float(optimum.parameters["loc"]) for optimum in fit.optima)
    assert ends == pytest.approx([-5, 10], abs=1e-4)


def test_a_given_start_without_a_variance_is_measured_from_the_target():
    points = 1e6 * torch.linspace(-1.4, 1.4, 41, dtype=torch.float64).tan()
    fit = kldiv.fit(points, "student_t", starts={"df": 1.5, "loc": 0.0, "scale": 1e6})
    free = kldiv.fit(points, "student_t")
    assert float(fit.divergence) == pytest.approx(float(free.divergence), abs=1e-6)


FEW = [[0.48, 0.009, 0.05, 0.38, 0.004], [0.9998, 0.9813, 0.0027, 0.9999, 0.0089]]


@pytest.mark.parametrize("points", FEW)
@pytest.mark.parametrize("divergence", ["squared_l2", "density_power(beta=2)"])
def test_where_no_start_is_finite_others_are_looked_for(points, divergence):
    data = torch.tensor(points, dtype=F64)
    with pytest.raises(NotFinite, match="not finite at any start"):
        kldiv.fit(data, "beta", divergence, starts=1)
    found = kldiv.fit(data, "beta", divergence)
    assert found.divergence.value.isfinite()
    assert found.converged


def test_starts_that_were_given_are_not_replaced():
    data = torch.linspace(0.005, 1, 99, dtype=F64) ** 4
    given = {"concentration1": 0.2, "concentration0": 1.0}
    with pytest.raises(NotFinite, match="not finite at any start"):
        kldiv.fit(data, "beta", "squared_l2", starts=given)


BIMODAL = "bimodal(weights=[0.5,0.5])"


@pytest.mark.parametrize("loc", [100.0, 1e3, 1e6])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_start_may_be_far_away_and_of_any_width(loc, scale):
    """It ends in a mode, or in the wide trap if it comes from all over."""
    start = {"loc": loc, "scale": scale}
    fitted = kldiv.fit(BIMODAL, "normal", direction="reverse", starts=start)
    assert fitted.converged
    end = (float(fitted.parameters["loc"]), float(fitted.parameters["scale"]))
    expected = (2.5, 6.1456920) if scale > 1 else (10.0, 1.0)
    assert end == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("family", "direction"), [("student_t(df=3)", "forward"), ("laplace", "reverse")]
)
def test_a_start_of_another_family_may_be_far_away(family, direction):
    near = kldiv.fit(BIMODAL, family, direction=direction, starts={"loc": 9.0, "scale": 1.0})
    far = kldiv.fit(BIMODAL, family, direction=direction, starts={"loc": 1e5, "scale": 1.0})
    assert far.converged
    for name, value in near.parameters.items():
        assert float(far.parameters[name]) == pytest.approx(float(value), rel=1e-5)


def test_starts_of_another_batch_are_refused_in_a_sentence():
    target = Normal(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64), 1.0)
    with pytest.raises(
        kldiv.ShapeMismatch, match=r"batch shape of the target, \(3,\), got \(2,\)"
    ):
        kldiv.fit(target, "laplace", starts={"loc": torch.zeros(2), "scale": 1.0})


def test_supports_that_make_it_infinite_are_told_before_any_integral():
    """It took minutes to integrate over the plane about a hundred members."""

    def log_prob(x):
        if x.ndim > 1:
            pytest.fail("it was integrated")
        return (2 * x.log() - x).sum(-1)

    support = constraints.independent(constraints.positive, 1)
    target = kldiv.Target(log_prob, event_shape=(2,), support=support)
    objective = objective_of(target, "diagonal_normal", forward=False)
    with pytest.raises(NotFinite, match="the supports may not fit"):
        check_supports(objective)


@pytest.mark.parametrize(
    ("target", "family", "divergence", "forward"),
    [
        (Uniform(0.0, 1.0), "normal", "kl", True),
        (Uniform(0.0, 1.0), "normal", "jensen_shannon", False),
        (Uniform(0.0, 1.0), "uniform", "kl", False),
        (Uniform(0.0, 1.0), "beta", "kl", False),
    ],
)
def test_supports_that_may_fit_are_left_to_the_integrals(target, family, divergence, forward):
    check_supports(objective_of(target, family, divergence, forward=forward))
