"""The built-in divergences: constants of the literature, measures, parameters, claims."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Cauchy,
    Gamma,
    Laplace,
    Normal,
    Poisson,
    StudentT,
    constraints,
)

import kldiv

from kldiv.errors import InvalidArgument, InvalidType
from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES

NAMES = [entry.name for entry in kldiv.divergences.values() if entry.plugin == "kldiv"]


def normal(loc, scale):
    return Normal(torch.tensor(loc).double(), torch.tensor(scale).double())


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


STANDARD = normal(0.0, 1.0), normal(1.0, 1.5)
SHIFTED = normal(0.4, 1.1), normal(-0.7, 1.6)


@pytest.mark.parametrize(
    ("pair", "divergence", "value"),
    [
        ((one(Bernoulli, 0.5), one(Bernoulli, 0.7)), "kl", 0.08717669357),
        ((one(Bernoulli, 0.7), one(Bernoulli, 0.5)), "kl", 0.08228287851),
        (STANDARD, "kl", 0.349910),
        (STANDARD, "jensen_shannon", 0.0992901),
        (STANDARD, "squared_hellinger", 0.1103654),
        (STANDARD, "total_variation", 0.3461231),
        (STANDARD, "chi2", 0.6004151),
        (STANDARD, "renyi(alpha=0.5)", 0.2338889),
        (SHIFTED, "kl", 0.3473497),
        (SHIFTED, "fisher", 0.4144590),
        (SHIFTED, "chi2", 0.6038248),
        (SHIFTED, "squared_hellinger", 0.1082289),
        (SHIFTED, "squared_l2", 0.0827535),
        (SHIFTED, "total_variation", 0.3454814),
        (SHIFTED, "density_power(beta=0.5)", 0.1666874),
        (SHIFTED, "gamma(gamma=0.5)", 0.2476296),
        (SHIFTED, "gamma(gamma=1)", 0.1947845),
        ((one(Poisson, 2.3), one(Poisson, 3.1)), "kl", 0.1134661),
        ((one(Poisson, 2.3), one(Poisson, 3.1)), "renyi(alpha=2)", 0.2064516),
        ((one(StudentT, 5.0, 0.4, 1.2), one(Normal, -0.7, 1.6)), "kl", 0.2841961),
        ((one(Cauchy, 0.3, 1.0), one(Cauchy, -0.4, 0.5)), "kl", 0.3148107),
        ((one(Laplace, 0.0, 0.8), one(Laplace, 1.1, 1.5)), "kl", 0.4967898),
    ],
)
@pytest.mark.parametrize("estimator", ["auto", "numeric"])
def test_a_constant_of_the_literature_is_met_to_its_last_digit(pair, divergence, value, estimator):
    if estimator == "numeric":
        estimator = "sum" if pair[0].support.is_discrete else "quadrature"
    found = float(kldiv.divergence(*pair, divergence, estimator=estimator))
    digits = len(str(value).partition(".")[2])
    assert abs(found - value) <= 10**-digits


def test_between_cauchys_all_f_divergences_are_symmetric():
    p, q = one(Cauchy, 0.3, 1.0), one(Cauchy, -0.4, 0.5)
    for divergence in ("kl", "chi2", "alpha(alpha=0.3)", "skew_kl(weight=0.3)"):
        there, back = kldiv.divergence(p, q, divergence), kldiv.divergence(q, p, divergence)
        assert abs(float(there) - float(back)) <= float(there.error + back.error)


@pytest.mark.parametrize("name", NAMES)
def test_a_divergence_goes_by_the_name_it_is_registered_under(name):
    member = next(each for each in DIVERGENCES if each.partition("(")[0] == name)
    item = as_divergence(member)
    assert item.name == name
    assert type(item)(**item.parameters).parameters == item.parameters


@pytest.mark.parametrize(
    ("divergence", "message"),
    [
        ("jensen_shannon(weight=1.5)", "weight must be between 0 and 1, got 1.5"),
        ("skew_kl(weight=-0.1)", "weight must be between 0 and 1, got -0.1"),
        ("renyi(alpha=-1)", "alpha must be at least 0, got -1"),
        ("renyi(alpha=-inf)", "alpha must be at least 0, got -inf"),
        ("tsallis(alpha=-0.5)", "alpha must be finite and at least 0, got -0.5"),
        ("alpha(alpha=inf)", "alpha must be a finite number, got inf"),
        ("hockey_stick(gamma=0.5)", "gamma must be finite and at least 1, got 0.5"),
        ("density_power(beta=-1)", "beta must be finite and at least 0, got -1"),
        ("gamma(gamma=-1)", "gamma must be finite and at least 0, got -1"),
        ("renyi", "needs alpha"),
    ],
)
def test_a_parameter_out_of_range_is_an_error_that_names_it_and_its_range(divergence, message):
    with pytest.raises(InvalidArgument, match=message):
        kldiv.divergence(*STANDARD, divergence)


@pytest.mark.parametrize("value", ["0.5", None, True, [0.5]])
def test_a_parameter_that_is_no_number_is_an_error(value):
    with pytest.raises(InvalidType, match="alpha must be a number, got"):
        kldiv.divergences["renyi"].load()(alpha=value)


def test_a_parameter_may_be_a_number_of_numpy():
    import numpy as np

    item = kldiv.divergences["renyi"].load()(alpha=np.float32(0.5))
    assert item.parameters == {"alpha": 0.5}
    assert str(item) == "renyi(alpha=0.5)"


# measures -------------------------------------------------------------------------------------


def measure(distribution, mass):
    """A distribution times a mass, as it stands."""
    shift = math.log(mass)

    def scaled(x):
        return distribution.log_prob(x) + shift

    return kldiv.Target(scaled, normalize=False)


def of_measures(divergence, mass_p=2.0, mass_q=3.0):
    p, q = (measure(each, mass) for each, mass in zip(SHIFTED, (mass_p, mass_q), strict=True))
    return kldiv.divergence(p, q, divergence, estimator="quadrature")


SQUARES = 1.1**2 + 1.6**2
KL = math.log(1.6 / 1.1) + (1.1**2 + 1.1**2) / (2 * 1.6**2) - 0.5
AFFINITY = math.sqrt(2 * 1.1 * 1.6 / SQUARES) * math.exp(-(1.1**2) / (4 * SQUARES))
BEYOND = 2 * 1.6**2 - 1.1**2
SECOND = 1.6**2 / (1.1 * math.sqrt(BEYOND)) * math.exp(1.1**2 / BEYOND)  # ∫ p² / q


@pytest.mark.parametrize(
    ("divergence", "value"),
    [
        ("kl", 2 * (KL + math.log(2 / 3))),
        ("alpha(alpha=1)", 2 * (KL + math.log(2 / 3)) - 2 + 3),
        ("alpha(alpha=0.5)", 4 * ((2 + 3) / 2 - math.sqrt(6) * AFFINITY)),
        ("squared_hellinger", (2 + 3) / 2 - math.sqrt(6) * AFFINITY),
        ("bhattacharyya", -math.log(math.sqrt(6) * AFFINITY)),
        ("renyi(alpha=1)", KL + math.log(2 / 3)),
        ("renyi(alpha=0.5)", -2 * math.log(AFFINITY) + math.log(2 / 3)),
        ("renyi(alpha=2)", math.log(SECOND) + math.log(2 / 3)),
        ("chi2", 4 / 3 * SECOND - 2 * 2 + 3),
        ("cosine", 1 - math.exp(-0.1947845)),
        ("gamma(gamma=0.5)", 0.2476296),
        ("gamma(gamma=0)", KL),
        ("density_power(beta=0)", 2 * (KL + math.log(2 / 3)) - 2 + 3),
    ],
)
def test_measures_of_any_mass_follow_from_the_definition(divergence, value):
    assert float(of_measures(divergence)) == pytest.approx(value, abs=2e-7)


@pytest.mark.parametrize("divergence", ["renyi(alpha={})", "alpha(alpha={})", "gamma(gamma={})"])
def test_measures_keep_the_limits_of_a_parameter(divergence):
    seam = 0 if divergence.startswith("gamma") else 1
    there, near = (float(of_measures(divergence.format(at))) for at in (seam, seam + 1e-6))
    assert near == pytest.approx(there, abs=1e-5)
    assert float(of_measures(divergence.format(seam + 0.1))) != pytest.approx(there, abs=1e-3)


def test_the_mean_of_the_log_ratio_of_the_unnormalised_sum_is_that_of_the_original_experiment():
    found = kldiv.divergence("normal_sum", normal(0.0, 1.0))
    parts = sum(kldiv.divergence(normal(m, 1.0), normal(0.0, 1.0)).value for m in (-5.0, 10.0))
    assert float(found) == pytest.approx(float(parts), rel=1e-6)
    assert float(found) == pytest.approx(62.5, rel=1e-6)


# far apart ------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [20.0, 40.0, 50.0])
@pytest.mark.parametrize(
    ("divergence", "rate"),
    [("renyi(alpha=0.5)", 0.25), ("bhattacharyya", 0.125), ("cauchy_schwarz", 0.25)],
)
def test_a_logarithm_keeps_its_digits_where_the_overlap_is_tiny(divergence, rate, distance):
    p, q = normal(0.0, 1.0), normal(distance, 1.0)
    found = kldiv.divergence(p, q, divergence, estimator="quadrature")
    assert float(found) == pytest.approx(rate * distance**2, rel=1e-8)


UNITS = {
    "nats": (
        "kl jeffreys jensen_shannon skew_kl(weight=0.5) renyi(alpha=0.5) renyi(alpha=inf) "
        "bhattacharyya chernoff cauchy_schwarz gamma(gamma=1) alpha(alpha=0) alpha(alpha=1) "
        "tsallis(alpha=1) density_power(beta=0)"
    ),
    "": (
        "total_variation hockey_stick hellinger squared_hellinger chi2 neyman_chi2 triangular "
        "cosine alpha(alpha=0.5) tsallis(alpha=0)"
    ),
    "units of density": "squared_l2 density_power(beta=1)",
    "units of density^0.5": "density_power(beta=0.5)",
    "inverse squared units of x": "fisher",
}


@pytest.mark.parametrize("unit", UNITS)
def test_logarithms_are_counted_in_nats_and_all_else_in_what_it_is(unit):
    for name in UNITS[unit].split():
        found = kldiv.divergence(*STANDARD, name)
        assert found.unit == unit, name
        assert ("nats" in repr(found)) == (unit == "nats")


def test_the_units_of_all_are_known():
    assert {name.split("(")[0] for names in UNITS.values() for name in names.split()} == set(NAMES)


@pytest.mark.parametrize(
    ("divergence", "least"),
    [("cosine", 1.0), ("cauchy_schwarz", math.inf), ("gamma(gamma=1)", math.inf)],
)
@pytest.mark.parametrize("shapes", [(0.3, 2.0), (2.0, 0.3), (0.3, 0.6), (0.6, 0.3)])
def test_a_density_that_is_not_square_integrable_is_at_the_greatest_distance(
    divergence, least, shapes
):
    """It is the limit as its pole is cut off: what is left is nearly all on the pole."""
    p, q = (one(Gamma, shape, 1.0) for shape in shapes)
    assert float(kldiv.divergence(p, q, divergence)) == least


def test_a_power_that_is_not_integrable_leaves_a_gamma_divergence_infinite():
    for p, q in ((0.3, 2.0), (2.0, 0.3)):
        found = kldiv.divergence(one(Gamma, p, 1.0), one(Gamma, q, 1.0), "gamma(gamma=0.5)")
        assert float(found) == math.inf


@pytest.mark.parametrize("divergence", ["cosine", "cauchy_schwarz"])
def test_a_fit_passes_over_members_that_are_not_square_integrable(divergence):
    """Some starts have a pole; the scale of the optimum is that of x^1.5 beside gammas."""
    target = kldiv.Target(lambda x: -(x**1.5), support=constraints.nonnegative)
    fitted = kldiv.fit(target, "gamma", divergence)
    assert fitted.converged
    assert float(fitted.parameters["concentration"]) == pytest.approx(1.11887805, rel=1e-6)
    assert float(fitted.parameters["rate"]) == pytest.approx(1.49832121, rel=1e-6)
