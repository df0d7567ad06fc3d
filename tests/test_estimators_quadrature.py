"""Quadrature finds all of the mass, says how far it may be off, and has the exact gradient."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Categorical,
    Cauchy,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    StudentT,
    kl_divergence,
)

import kldiv

from kldiv import Quadrature

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


def scales(generator, low, high, *shape):
    """Numbers spread evenly over their logarithms."""
    return (low + (high - low) * torch.rand(shape, dtype=F64, generator=generator)).exp()


def places(generator, *shape):
    return 3 * torch.randn(shape, dtype=F64, generator=generator)


FAMILIES = {
    "beta": lambda g: Beta(scales(g, 0, 3), scales(g, 0, 3)),
    "cauchy": lambda g: Cauchy(places(g), scales(g, -2, 2)),
    "exponential": lambda g: Exponential(scales(g, -3, 3)),
    "gamma": lambda g: Gamma(scales(g, -1, 3), scales(g, -2, 2)),
    "gumbel": lambda g: Gumbel(places(g), scales(g, -1, 1)),
    "half_normal": lambda g: HalfNormal(scales(g, -2, 2)),
    "laplace": lambda g: Laplace(places(g), scales(g, -2, 2)),
    "lognormal": lambda g: LogNormal(places(g) / 3, scales(g, -2, 1)),
    "normal": lambda g: Normal(places(g), scales(g, -2, 2)),
    "pareto": lambda g: Pareto(one(1.0), scales(g, 0, 2)),
}
PLANES = {
    "betas": lambda g: Independent(Beta(scales(g, 0, 2, 2), scales(g, 0, 2, 2)), 1),
    "gammas": lambda g: Independent(Gamma(scales(g, 0, 3, 2), scales(g, -2, 2, 2)), 1),
    "normals": lambda g: MultivariateNormal(
        places(g, 2), scale_tril=torch.diag(scales(g, -1, 1, 2)) + torch.eye(2).fliplr().tril()
    ),
}


@pytest.mark.parametrize(
    ("family", "number"), [*((name, 15) for name in FAMILIES), *((name, 3) for name in PLANES)]
)
def test_the_error_covers_the_distance_to_the_closed_form_at_random(family, number):
    generator = torch.Generator().manual_seed(0)
    draw = {**FAMILIES, **PLANES}[family]
    for _ in range(number):
        p, q = draw(generator), draw(generator)
        truth = float(kl_divergence(p, q))
        found = kldiv.divergence(p, q, estimator=Quadrature())
        # torch's own formulas cancel: of terms of order 1 + truth some digits are lost
        assert abs(float(found) - truth) <= float(found.error) + 1e-12 * (1 + truth)
        assert float(found.error) <= 1e-5 * (1e-3 + truth)


@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-3, 1.0, 30.0, 1e3, 1e6])
def test_two_normals_apart_are_right_however_near_or_far(gap):
    p, q = Normal(one(0.0), 1.0), Normal(one(gap), 1.0)
    found = kldiv.divergence(p, q, estimator="quadrature")
    assert abs(float(found) - gap**2 / 2) <= float(found.error) + 1e-13 * gap**2
    # the rounding of log densities, some eps (1 + |log p|), meets a log ratio of order gap
    assert float(found.error) <= 1e-8 * gap**2 / 2 + 1e-13 * gap + 1e-28


@pytest.mark.parametrize("divergence", ["kl", "chi2", "neyman_chi2", "jensen_shannon"])
@pytest.mark.parametrize("gap", [4e-16, 1e-15, 2e-15, 1e-14, 1e-12])
def test_two_densities_with_finite_ends_are_right_however_near(gap, divergence):
    first, second = (Beta(one(2.5 + shift), one(3.0 + shift)) for shift in (0.0, gap))
    found = kldiv.divergence(first, second, divergence, estimator="quadrature")
    assert 0 <= float(found.value) <= 1e-20


def test_a_needle_among_hills_is_found():
    hills = MixtureSameFamily(
        Categorical(double(0.499, 0.002, 0.499)), Normal(double(-40, 3, 90), double(5, 1e-5, 9))
    )
    plain = MixtureSameFamily(Categorical(double(0.5, 0.5)), Normal(double(-40, 90), double(5, 9)))
    found = kldiv.divergence(hills, plain, "total_variation", estimator="quadrature")
    assert float(found) == pytest.approx(0.002, abs=1e-6)


@pytest.mark.parametrize(
    ("p", "q", "divergence"),
    [
        (Cauchy(one(0.0), 1.0), Normal(one(0.0), 1.0), "kl"),
        (StudentT(one(2.0)), Normal(one(0.0), 1.0), "kl"),
        (Normal(one(0.0), 2.0), Normal(one(0.0), 1.0), "chi2"),
        (Normal(one(0.0), 1.4143), Normal(one(0.0), 1.0), "chi2"),
        (Laplace(one(0.0), 1.0), Normal(one(0.0), 1.0), "renyi(alpha=2)"),
        (Exponential(one(1.0)), Exponential(one(2.5)), "chi2"),
    ],
)
def test_an_integral_that_diverges_is_infinite_with_its_reason(p, q, divergence):
    found = kldiv.divergence(p, q, divergence, estimator="quadrature")
    assert float(found) == math.inf
    assert float(found.error) == 0
    assert found.reason == "the integral diverges: one density falls too fast for the other"


@pytest.mark.parametrize(
    ("p", "q", "truth"),
    [
        # the chi-squared divergence of centred normals is 1 / (s √(2 - s²)) - 1
        (Normal(one(0.0), 1.41), Normal(one(0.0), 1.0), 1 / (1.41 * math.sqrt(2 - 1.41**2)) - 1),
        (Exponential(one(1.0)), Exponential(one(1.9)), 1 / (1.9 * (2 - 1.9)) - 1),
    ],
)
def test_an_integral_that_barely_converges_is_finite(p, q, truth):
    found = kldiv.divergence(p, q, "chi2", estimator="quadrature")
    assert float(found) == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("df", [2.1, 2.01])
def test_a_tail_beyond_all_numbers_is_part_of_the_error(df):
    p = StudentT(one(df))
    truth = math.log(2 * math.pi) / 2 + df / (df - 2) / 2 - float(p.entropy())
    found = kldiv.divergence(p, Normal(one(0.0), 1.0), estimator="quadrature")
    assert abs(float(found) - truth) <= float(found.error)


def test_a_pole_beyond_all_numbers_is_part_of_the_error():
    p, q = Gamma(one(0.01), 1.0), Gamma(one(0.02), 1.0)
    found = kldiv.divergence(p, q, estimator="quadrature")
    assert abs(float(found) - float(kl_divergence(p, q))) <= float(found.error)


def test_a_tolerance_that_is_reached_is_kept():
    p, q = Normal(one(0.0), 1.0), Laplace(one(0.5), 2.0)
    coarse = kldiv.divergence(p, q, estimator=Quadrature(rtol=1e-3))
    fine = kldiv.divergence(p, q, estimator=Quadrature(rtol=1e-12))
    assert float(coarse.error) <= 1e-3 * float(coarse)
    assert abs(float(coarse) - float(fine)) <= float(coarse.error)
    assert coarse.evaluations < fine.evaluations


def test_a_tolerance_that_is_not_reached_is_an_error_with_the_best_estimate():
    p, q = Cauchy(one(0.0), 1.0), Cauchy(one(3.0), 0.1)
    with pytest.raises(
        kldiv.ToleranceNotMet, match=r"rtol=1e-12.*allow more evaluations"
    ) as raised:
        kldiv.divergence(p, q, estimator=Quadrature(rtol=1e-12, max_evaluations=60))
    best = raised.value.estimate
    assert abs(float(best) - float(kl_divergence(p, q))) <= float(best.error)


def test_an_absolute_tolerance_is_enough_for_small_values():
    p, q = Normal(one(0.0), 1.0), Normal(one(1e-4), 1.0)
    found = kldiv.divergence(
        p, q, estimator=Quadrature(rtol=1e-9, atol=1e-6, max_evaluations=2_000)
    )
    assert abs(float(found) - 5e-9) <= 1e-6


def test_without_a_tolerance_the_error_says_what_was_reached():
    p, q = Cauchy(one(0.0), 1.0), Cauchy(one(3.0), 0.1)
    found = kldiv.divergence(p, q, estimator=Quadrature(max_evaluations=60))
    assert float(found.error) > 1e-12
    assert abs(float(found) - float(kl_divergence(p, q))) <= float(found.error)


@pytest.mark.parametrize(
    ("p", "q", "divergence"),
    [
        (Normal(one(0.0), 1.0), Normal(one(1.0), 1.5), "kl"),
        (Normal(one(0.0), 1.0), Normal(one(1.0), 1.5), "total_variation"),
        (Cauchy(one(0.0), 1.0), Cauchy(one(3.0), 0.1), "kl"),
        (Laplace(one(0.0), 1.0), Laplace(one(1.0), 2.0), "jensen_shannon"),
        (Beta(one(0.5), 0.5), Beta(one(2.0), 3.0), "kl"),
        (StudentT(one(2.1)), Normal(one(0.0), 1.0), "kl"),
    ],
)
@pytest.mark.parametrize("most", [1, 60, 100, 150, 200, 300, 500])
def test_no_more_is_spent_than_allowed_and_the_error_covers_what_is_missing(
    p, q, divergence, most
):
    precise = kldiv.divergence(p, q, divergence, estimator="quadrature")
    found = kldiv.divergence(p, q, divergence, estimator=Quadrature(max_evaluations=most))
    assert found.evaluations <= max(most, 60)
    assert abs(float(found) - float(precise)) <= float(found.error) + float(precise.error)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 0.0}, "rtol must be between 0 and 1, got 0.0"),
        ({"rtol": 1.0}, "rtol must be between 0 and 1"),
        ({"atol": -1.0}, "atol must not be negative, got -1.0"),
        ({"atol": math.nan}, "atol must not be negative, got nan"),
        ({"max_evaluations": 0}, "max_evaluations must be positive, got 0"),
    ],
)
def test_wrong_options_are_an_error_that_names_them(options, message):
    with pytest.raises(kldiv.InvalidArgument, match=message):
        Quadrature(**options)


def test_it_says_why_it_does_not_apply():
    def why(p, q, divergence="kl"):
        with pytest.raises(kldiv.NotAvailable) as raised:
            kldiv.divergence(p, q, divergence, estimator="quadrature")
        return str(raised.value)

    normal = Normal(one(0.0), 1.0)
    assert "the support is discrete" in why(Categorical(torch.ones(3)), Categorical(torch.ones(3)))
    cube = MultivariateNormal(torch.zeros(3), torch.eye(3))
    assert "the event shape (3,) has more than two dimensions" in why(cube, cube)
    sphere = torch.distributions.Dirichlet(torch.ones(2))
    assert "the support Simplex() is no product of intervals" in why(sphere, sphere)
    assert "p is only samples and has no density" in why(torch.zeros(5), normal)


def test_coordinates_may_be_finite_and_infinite():
    ends = torch.distributions.constraints.interval(double(0.0, -math.inf), double(1.0, math.inf))
    strip = kldiv.Target(lambda x: -x[..., 1].square() / 2, event_shape=(2,), support=ends)
    plane = Independent(Normal(double(0.0, 0.0), double(1.0, 2.0)), 1)
    found = kldiv.divergence(strip, plane, estimator="quadrature")
    # uniform on [0, 1] and a normal, beside two normals: log √2π + 1/6, and log 2 + 1/8 - 1/2
    expected = math.log(2 * math.pi) / 2 + 1 / 6 + math.log(2) + 1 / 8 - 1 / 2
    assert float(found) == pytest.approx(expected, rel=1e-7)


def test_both_sides_broadcast():
    p, q = Normal(double(0, 1, 2), 1.0), Normal(double([0.0], [5.0]), 2.0)
    found = kldiv.divergence(p, q, estimator="quadrature")
    assert found.value.shape == found.error.shape == (2, 3)
    assert torch.allclose(found.value, kl_divergence(p, q), rtol=1e-9)


def test_elements_of_a_batch_may_be_finite_and_infinite():
    p = StudentT(double(1.0, 3.0, 1e3))
    found = kldiv.divergence(p, Normal(one(0.0), 1.0), estimator="quadrature")
    assert found.value.isinf().tolist() == [True, False, False]
    assert float(found.value[2]) < 1e-4


def test_an_infinite_element_sends_no_nan_into_the_gradients_of_the_others():
    df = double(1.0, 3.0).requires_grad_()
    scale = one(1.5).requires_grad_()
    value = kldiv.divergence(StudentT(df), Normal(0.0, scale), estimator="quadrature").value
    for_df, for_scale = torch.autograd.grad(value[value.isfinite()].sum(), (df, scale))
    assert for_df[0] == 0
    assert for_df[1].isfinite()
    # d/ds of log s + E x² / 2 s² with E x² = 3
    assert float(for_scale) == pytest.approx(1 / 1.5 - 3 / 1.5**3, rel=1e-8)


def test_the_second_derivative_is_that_of_the_exact_value_too():
    loc = one(0.4).requires_grad_()
    value = kldiv.divergence(Normal(loc, 1.0), Normal(one(0.0), 2.0), estimator="quadrature").value
    (slope,) = torch.autograd.grad(value, loc, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, loc)
    assert float(slope.detach()) == pytest.approx(0.4 / 4, rel=1e-9)
    assert float(curvature) == pytest.approx(1 / 4, rel=1e-9)


def test_expectations_are_the_moments_of_a_target():
    target = kldiv.resolving.as_target(Gamma(one(3.0), 2.0), "p")
    found, errors = Quadrature().expectations(target, lambda x: (x, x.square(), x.log()))
    truth = double(1.0, 1.5, 3.0, float(torch.digamma(one(3.0))) - math.log(2))
    assert ((found - truth).abs() <= errors + 1e-12).all()


def test_a_moment_that_does_not_exist_is_infinite():
    target = kldiv.resolving.as_target(StudentT(one(2.0)), "p")
    found, _ = Quadrature().expectations(target, lambda x: (x.abs(), x.square()))
    assert found.isinf().tolist() == [False, False, True]


def test_a_node_at_which_the_integrand_vanishes_has_its_share_in_the_gradient():
    # by symmetry both densities are the same at the middle, where there is a node
    class Tilted(kldiv.IntegralDivergence):
        def integrands(self, log_p, log_q):
            return ((log_p.exp() - log_q.exp()) * log_q.exp(),)

    concentration = one(1.5).requires_grad_()

    def value(concentration):
        p, q = Beta(concentration, 2.0), Beta(one(2.0), 1.5)
        return kldiv.divergence(p, q, Tilted()).value

    (slope,) = torch.autograd.grad(value(concentration), concentration)
    high, low = float(value(one(1.5 + 1e-4))), float(value(one(1.5 - 1e-4)))
    assert float(slope) == pytest.approx((high - low) / 2e-4, rel=1e-6)
