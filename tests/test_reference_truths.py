"""The reference itself: torch's densities, constants of the literature, rules of infinity."""

import json

import pytest
import torch

from mpmath import mp, mpf

from tests.reference import kinds, truths
from tests.reference.counts import COUNTS
from tests.reference.densities import FAMILIES
from tests.reference.measured import build
from tests.reference.truths import compute, exactly

MEMBERS = {
    "Normal": (0.3, 1.7),
    "StudentT": (3.5, 0.3, 1.7),
    "Cauchy": (0.3, 1.7),
    "Laplace": (0.3, 1.7),
    "Gumbel": (0.3, 1.7),
    "MixtureSameFamily": ([0.25, 0.75], [-1.0, 2.0], [0.5, 1.5]),
    "Gamma": (2.5, 1.7),
    "Exponential": (1.7,),
    "HalfNormal": (1.7,),
    "Weibull": (1.7, 2.5),
    "LogNormal": (0.3, 1.7),
    "InverseGamma": (2.5, 1.7),
    "Pareto": (0.25, 1.7),
    "Beta": (2.5, 0.7),
    "Kumaraswamy": (2.5, 0.7),
    "Uniform": (-0.5, 1.7),
    "VonMises": (0.3, 1.7),
    "Poisson": (2.5,),
    "Geometric": (0.3,),
    "NegativeBinomial": (2.5, 0.3),
    "Binomial": (9.0, 0.3),
    "Bernoulli": (0.3,),
    "Categorical": ([0.25, 0.5, 0.25],),
}


def parameters(family, values):
    return dict(zip(kinds.PARAMETERS[family], values, strict=True))


def value(p, params_p, q, params_q, divergence):
    group = kinds.Group(0, p, q, divergence, "float64", 2)
    return compute(group, parameters(p, params_p), parameters(q, params_q), *truths.PRECISIONS[0])


@pytest.mark.parametrize("family", kinds.PARAMETERS)
def test_the_densities_of_the_reference_are_those_of_torch(family):
    drawn = parameters(family, MEMBERS[family])
    tensors = {name: torch.tensor(each, dtype=torch.float64) for name, each in drawn.items()}
    points = [0.0, 1.0] if family in COUNTS else [0.3, 0.625, 0.97]
    wanted = build(family, tensors).log_prob(torch.tensor(points, dtype=torch.float64))

    if family in COUNTS:
        of_family = COUNTS[family](*exactly(drawn))
        found = [of_family.log_probability(int(k)) for k in points]
    else:
        of_family = FAMILIES[family](*exactly(drawn))
        found = [of_family.log_density(mpf(x), 1 - mpf(x)) for x in points]
    digits = 1e-7 if family == "VonMises" else 1e-12  # torch approximates the Bessel function
    assert [float(each) for each in found] == pytest.approx(wanted.tolist(), rel=digits)


@pytest.mark.parametrize(
    "family", [name for name in FAMILIES if name not in ("Uniform", "VonMises")]
)
def test_the_scores_of_the_reference_are_the_slopes_of_its_densities(family):
    of_family = FAMILIES[family](*exactly(parameters(family, MEMBERS[family])))
    x = mpf("0.625")
    slope = mp.diff(lambda t: of_family.log_density(t, 1 - t), x)
    assert abs(of_family.score(x, 1 - x) - slope) < mpf(10) ** -10


@pytest.mark.parametrize(
    ("p", "params_p", "q", "params_q", "divergence", "wanted"),
    [
        ("Bernoulli", (0.5,), "Bernoulli", (0.7,), "kl", 0.08717669357),
        ("Normal", (0, 1), "Normal", (1, 1.5), "jensen_shannon", 0.0992901),
        ("Normal", (0, 1), "Normal", (1, 1.5), "total_variation", 0.3461231),
        ("Normal", (0.4, 1.1), "Normal", (-0.7, 1.6), "fisher", 0.4144590),
        ("Poisson", (2.3,), "Poisson", (3.1,), "renyi(alpha=2)", 0.2064516),
        ("Weibull", (2, 1.4), "Weibull", (1.3, 0.9), "kl", 0.1728229),
        ("VonMises", (0, 1.7), "VonMises", (0.9, 0.6), "kl", 0.3170753),
        ("StudentT", (5, 0.4, 1.2), "Normal", (-0.7, 1.6), "kl", 0.2841961),
        ("NegativeBinomial", (4, 0.7), "NegativeBinomial", (4, 0.55), "kl", 0.6289854),
    ],
)
def test_a_constant_of_the_literature_is_met(p, params_p, q, params_q, divergence, wanted):
    found = value(p, params_p, q, params_q, divergence)
    assert float(found) == pytest.approx(wanted, abs=6e-8)


@pytest.mark.parametrize(
    ("p", "params_p", "q", "params_q", "divergence", "finite"),
    [
        ("StudentT", (1.5, 0, 1), "Normal", (0, 1), "kl", False),
        ("StudentT", (2.5, 0, 1), "Normal", (0, 1), "kl", True),
        ("Cauchy", (0, 1), "Normal", (0, 1), "kl", False),
        ("Normal", (0, 3), "Normal", (0, 1), "chi2", False),
        ("Normal", (0, 1.25), "Normal", (0, 1), "chi2", True),
        ("Pareto", (1, 0.5), "Pareto", (1, 1), "renyi(alpha=2)", False),
        ("Pareto", (1, 0.75), "Pareto", (1, 1), "renyi(alpha=2)", True),
        ("Geometric", (0.5,), "Poisson", (2,), "kl", True),
        ("Geometric", (0.5,), "Poisson", (2,), "chi2", False),
        ("Poisson", (2,), "Geometric", (0.5,), "neyman_chi2", False),
        ("Beta", (0.5, 2), "Beta", (1, 2), "squared_l2", False),
        ("Laplace", (0, 1), "Gumbel", (0, 2), "kl", True),
        ("Laplace", (0, 2), "Gumbel", (0, 1), "kl", False),
        ("Uniform", (0, 2), "Uniform", (0, 1), "kl", False),
        ("Uniform", (0, 1), "Uniform", (0, 2), "kl", True),
        ("Laplace", (0, 1), "Normal", (0, 1), "renyi(alpha=inf)", False),
        ("Normal", (0, 1), "Laplace", (0, 1), "renyi(alpha=inf)", True),
    ],
)
def test_a_divergence_is_infinite_where_it_is_by_its_tails(
    p, params_p, q, params_q, divergence, finite
):
    assert mp.isfinite(value(p, params_p, q, params_q, divergence)) == finite


@pytest.mark.slow
def test_the_file_holds_what_the_script_computes():
    lines = truths.FILE.read_text(encoding="utf-8").splitlines()
    stored = {row["id"]: row for row in map(json.loads, lines)}
    assert len(stored) == len(lines)
    again = list(stored)[::50]
    for identity, compute_row in truths.jobs():
        if identity in again:
            assert {"id": identity, **compute_row()} == stored[identity]
