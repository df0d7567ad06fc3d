"""The forward KL onto an exponential family has its optimum where the moments agree."""

import math

import mpmath
import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Cauchy,
    Dirichlet,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import SigmoidTransform

import kldiv

from kldiv import MomentMatching
from tests.objectives import objective_of

F64 = torch.float64
EPS = torch.finfo(F64).eps


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


def test_the_normal_has_the_mean_and_the_variance_of_the_target():
    found = kldiv.fit("bimodal", "normal")
    assert found.solver == "moment_matching"
    assert found.parameters["loc"].item() == pytest.approx(2.5, abs=1e-12)
    assert found.parameters["scale"].item() == pytest.approx(math.sqrt(57.25), rel=1e-12)
    assert found.verdict == "Converged in closed form: the moments of q are those of the target."
    assert found.optima[0].signature == (1, 1)


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.3, 0.7]])
def test_forward_fits_of_two_modes_cover_both(weights):
    found = kldiv.fit(f"bimodal(weights={weights})", "normal")
    mean = -5 * weights[0] + 10 * weights[1]
    variance = 1 + weights[0] * weights[1] * 15**2
    assert found.parameters["loc"].item() == pytest.approx(mean, rel=1e-12)
    assert found.parameters["scale"].item() == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_the_third_experiment_forward_is_the_mean_variance():
    found = kldiv.fit("correlated_normal", "isotropic_normal")
    assert found.parameters["loc"].abs().max() < 1e-6
    assert found.parameters["scale"].item() ** 2 == pytest.approx(0.9, abs=1e-6)
    assert float(found.divergence) == pytest.approx(0.464357, abs=1e-6)


def test_the_third_experiment_in_reverse_is_the_mean_precision():
    found = kldiv.fit("correlated_normal", "isotropic_normal", direction="reverse")
    assert found.solver == "moment_matching"
    assert found.parameters["loc"].abs().max() < 1e-6
    assert found.parameters["scale"].item() ** 2 == pytest.approx(0.355556, abs=1e-6)
    assert float(found.divergence) == pytest.approx(0.464357, abs=1e-6)


def test_the_fifth_experiment_is_solved_for_a_measure_of_mass_two():
    found = kldiv.fit("normal_sum", "normal")
    assert found.parameters["loc"].item() == pytest.approx(2.5, abs=1e-6)
    assert found.parameters["scale"].item() == pytest.approx(7.566373, abs=1e-6)


def test_a_gamma_family_has_the_mean_and_the_mean_logarithm():
    target = MixtureSameFamily(
        torch.distributions.Categorical(double(0.5, 0.5)), Gamma(double(2, 20), double(1, 2))
    )
    found = kldiv.fit(target, "gamma")
    concentration, rate = found.parameters["concentration"], found.parameters["rate"]
    assert found.solver == "moment_matching"
    assert float(concentration / rate) == pytest.approx(0.5 * (2 + 10), rel=1e-9)
    expected = 0.5 * float(torch.digamma(one(2.0)) + torch.digamma(one(20.0)) - math.log(2))
    assert float(concentration.digamma() - rate.log()) == pytest.approx(expected, rel=1e-9)


def test_counts_are_matched_by_sums():
    found = kldiv.fit(
        MixtureSameFamily(
            torch.distributions.Categorical(double(0.5, 0.5)), Poisson(double(1, 9))
        ),
        "poisson",
    )
    assert found.parameters["rate"].item() == pytest.approx(5, rel=1e-12)


def test_samples_are_matched_by_their_means_which_is_maximum_likelihood():
    points = torch.randn(1_000, generator=torch.Generator().manual_seed(0), dtype=F64) * 3 + 1
    found = kldiv.fit(points, "normal")
    assert found.parameters["loc"].item() == pytest.approx(float(points.mean()), rel=1e-12)
    spread = float(points.std(correction=0))
    assert found.parameters["scale"].item() == pytest.approx(spread, rel=1e-12)
    assert found.divergence.up_to_constant


def test_vectors_are_matched_with_their_covariance():
    matrix = double([2, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 3])
    target = MultivariateNormal(double(1, 2, 3), matrix)
    full = kldiv.fit(target, "full_normal")
    assert torch.allclose(full.parameters["covariance_matrix"], matrix)
    diagonal = kldiv.fit(target, "diagonal_normal")
    assert torch.allclose(diagonal.parameters["scale"], matrix.diagonal().sqrt())


def test_in_many_dimensions_a_density_of_unknown_mass_is_fitted_by_draws_held_fixed():
    parts = Laplace(torch.zeros(3, dtype=F64), double(1, 2, 3))
    target = kldiv.Target(
        lambda x: parts.log_prob(x).sum(-1), event_shape=(3,), sample=parts.sample
    )
    found = kldiv.fit(target, "diagonal_normal")
    assert found.solver == "fixed_draws"
    assert found.converged
    assert found.divergence.up_to_constant
    expected = math.sqrt(2) * double(1, 2, 3)
    assert torch.allclose(found.parameters["scale"], expected, rtol=0.01)


def test_a_batch_is_matched_at_once():
    target = Laplace(double(0, 1, 2), double(1, 2, 3))
    found = kldiv.fit(target, "normal")
    assert found.parameters["loc"].tolist() == [0, 1, 2]
    assert torch.allclose(found.parameters["scale"], math.sqrt(2) * double(1, 2, 3))
    assert len(found.optima) == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("bimodal", "normal", "chi2"), "chi2 in this direction has no closed-form optimum"),
        (("bimodal", "normal(scale=1)"), "scale of normal.* is held fixed"),
        (("bimodal", "laplace"), "laplace is not known to be an exponential family"),
    ],
)
def test_it_says_why_it_does_not_apply(arguments, reason):
    with pytest.raises(kldiv.NotAvailable, match=f"'moment_matching' does not apply: {reason}"):
        kldiv.fit(*arguments, solver="moment_matching")
    assert kldiv.explain_fit(*arguments).method == "quasi_newton"


def test_a_target_without_moments_is_an_error_that_says_so():
    with pytest.raises(kldiv.NotFinite, match=r"kl between Cauchy.* is not finite at any start"):
        kldiv.fit(Cauchy(one(0.0), 1.0), "normal")


def test_the_history_goes_from_the_start_to_the_optimum_in_one_step():
    found = kldiv.fit(Laplace(one(0.0), 1.0), "normal")
    assert len(found.history) == 2
    assert found.history.loss[1] <= found.history.loss[0]


def test_moments_that_can_only_be_drawn_are_left_to_draws_held_fixed():
    # E x ≤ 1 of each part of a logit-normal vector has no formula
    flow = TransformedDistribution(
        Independent(Normal(double(-1, 0, 1), 1.0), 1), [SigmoidTransform()]
    )
    assert kldiv.explain_fit(flow, "diagonal_normal").method == "fixed_draws"
    found = kldiv.fit(flow, "diagonal_normal", seed=1)
    assert found.converged
    # half of the squared error in units of the scale is what more draws would gain
    half = (found.parameters["loc"][1] - 0.5) / found.parameters["scale"][1]
    assert half.square() / 2 <= 4 * found.diagnostics["excess"]


def test_a_member_whose_moments_have_no_formula_is_found_again():
    alone = Dirichlet(double(2, 3, 4))
    assert kldiv.explain_fit(alone, "dirichlet").method == "quasi_newton"
    found = kldiv.fit(alone, "dirichlet")
    assert found.converged
    assert torch.allclose(found.parameters["concentration"], alone.concentration, rtol=1e-6)


def test_moments_that_cannot_be_integrated_are_told():
    cube = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,), normalize=False)
    assert "cannot be had" in MomentMatching().why_not(objective_of(cube, "diagonal_normal"))


def test_points_at_an_end_have_no_nearest_member():
    with pytest.raises(kldiv.NotAvailable, match="all points are equal"):
        kldiv.fit(torch.zeros(10, dtype=F64), "exponential")


def test_moments_that_no_member_has_are_told():
    narrow = kldiv.Target(steep(1e9, 0.3), support=constraints.unit_interval)
    with pytest.raises(kldiv.NotAvailable, match="as far as these could be integrated"):
        kldiv.fit(narrow, "beta")


def steep(factor, middle):
    """A bare log density as narrow as a factor is large, of variance ``VARIANCE / factor**2``."""
    return lambda x: -((factor * (x - middle)) ** 2) - (factor * (x - middle)) ** 4


VARIANCE = mpmath.quad(lambda z: z**2 * mpmath.exp(-(z**2) - z**4), [-4, 0, 4]) / mpmath.quad(
    lambda z: mpmath.exp(-(z**2) - z**4), [-4, 0, 4]
)
NARROW = [(1e3, 0.0), (1e6, 100.0), (1e6, -1e3), (1e4, 1e6)]


@pytest.mark.parametrize(("factor", "middle"), NARROW)
def test_a_narrow_target_far_away_keeps_its_variance(factor, middle):
    found = kldiv.fit(kldiv.Target(steep(factor, middle)), "normal")
    assert found.parameters["loc"].item() == pytest.approx(middle, abs=1e-6 / factor, rel=EPS)
    assert found.parameters["scale"].item() * factor == pytest.approx(
        float(mpmath.sqrt(VARIANCE)), rel=1e-6
    )


@pytest.mark.parametrize("family", ["full_normal", "diagonal_normal", "isotropic_normal"])
def test_a_narrow_target_of_the_plane_far_away_keeps_its_variance(family):
    middle, scale = double(1e4, -3e3), double(1e-3, 1e-2)
    matrix = torch.diag(scale) @ double([1.0, 0.8], [0.8, 1.0]) @ torch.diag(scale)
    known = MultivariateNormal(middle, matrix)
    bare = kldiv.Target(lambda x: known.log_prob(x) + 3, event_shape=(2,))
    found, exact = (kldiv.fit(each, family).parameters for each in (bare, known))
    for name, value in exact.items():
        assert torch.allclose(found[name], value, rtol=1e-7)


@pytest.mark.parametrize(("middle", "scale"), [(5.0, 3.0), (1e3, 1e-2), (1e6, 1.0), (1e4, 1e-2)])
def test_narrow_data_far_away_keep_their_digits(middle, scale):
    noise = torch.randn(200, generator=torch.Generator().manual_seed(1), dtype=F64)
    points = (middle + scale * noise).abs()
    with mpmath.workdps(40):
        x = [mpmath.mpf(each) for each in points.tolist()]
        logs = [mpmath.log(each) for each in x]
        mean, log_mean = (mpmath.fsum(each) / len(x) for each in (x, logs))
        gap = mpmath.log(mean) - log_mean
        shape = mpmath.findroot(lambda k: mpmath.log(k) - mpmath.digamma(k) - gap, 0.5 / gap)
        wide = mpmath.sqrt(mpmath.fsum((each - log_mean) ** 2 for each in logs) / len(x))
    gamma, lognormal = (kldiv.fit(points, name).parameters for name in ("gamma", "lognormal"))
    assert gamma["concentration"].item() == pytest.approx(float(shape), rel=1e-8)
    assert lognormal["scale"].item() == pytest.approx(float(wide), rel=1e-8)


CERTAIN = [
    (Poisson(one(0.0)), "poisson"),
    (Poisson(one(0.0)), "geometric"),
    (Binomial(3, one(0.0)), "poisson"),
    (Bernoulli(one(0.0)), "bernoulli"),
    (Categorical(one([1.0, 0.0])), "poisson"),
    (one([0.0, 0.0]), "poisson"),
    (one([0.0, 0.0]), "geometric"),
]


@pytest.mark.parametrize(("target", "family"), CERTAIN)
def test_what_is_certain_is_fitted_by_what_is_nearly_so(target, family):
    found = kldiv.fit(target, family)
    assert found.converged
    assert 0 <= float(found.divergence) < 1e-12
    assert float(found.q.log_prob(torch.zeros((), dtype=F64))) == pytest.approx(0, abs=1e-12)
