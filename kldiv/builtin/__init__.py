"""The built-in plugin: divergences, targets, families and closed forms, like any plugin's.

This is its front module. It names the items and imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kldiv.hookspecs import hookimpl
from kldiv.lazy import Lazy

__all__: list[str] = []

_EXAMPLES = {
    "divergences.skew_kl": "skew_kl(weight=0.3)",
    "divergences.hockey_stick": "hockey_stick(gamma=1.7)",
    "divergences.renyi": "renyi(alpha=0.4)",
    "divergences.tsallis": "tsallis(alpha=0.6)",
    "divergences.alpha": "alpha(alpha=0.3)",
    "divergences.density_power": "density_power(beta=0.5)",
    "divergences.gamma": "gamma(gamma=0.5)",
    "targets.samples": "samples(values=[1.0, 2.0, 4.0])",
    "families.binomial": "binomial(total_count=7)",
}
"""Members of what must be given something, or says little by its defaults."""

_TYPES = {
    "gaussian": "Normal Independent MultivariateNormal LowRankMultivariateNormal",
    "location_scale": "Laplace Exponential Cauchy Gumbel Weibull Pareto Uniform",
    "exponential_families": "Gamma Exponential InverseGamma Beta Dirichlet Laplace HalfNormal "
    "Weibull Gumbel VonMises Wishart Poisson Geometric NegativeBinomial Independent",
    "categories": "Bernoulli Binomial Categorical OneHotCategorical Multinomial Independent",
    "moments": "Normal Laplace Gumbel Uniform StudentT Cauchy Exponential Gamma InverseGamma "
    "LogNormal Weibull Pareto HalfNormal Beta",
    "grids": "GridDensity Normal Independent MultivariateNormal LowRankMultivariateNormal",
}
"""Between which types of distributions the closed forms of each module are."""


@hookimpl
def kldiv_divergences() -> Mapping[str, Lazy]:
    """The built-in divergences, related ones together."""
    return {
        name: _offered(f"divergences.{name}", f"divergences.{place}")
        for name, place in {
            "kl": "kl:KL",
            "jeffreys": "jeffreys:Jeffreys",
            "jensen_shannon": "jensen_shannon:JensenShannon",
            "skew_kl": "jensen_shannon:SkewKL",
            "total_variation": "total_variation:TotalVariation",
            "hockey_stick": "total_variation:HockeyStick",
            "squared_hellinger": "hellinger:SquaredHellinger",
            "hellinger": "hellinger:Hellinger",
            "bhattacharyya": "hellinger:Bhattacharyya",
            "chernoff": "chernoff:Chernoff",
            "chi2": "chi2:Chi2",
            "neyman_chi2": "chi2:NeymanChi2",
            "triangular": "chi2:Triangular",
            "renyi": "renyi:Renyi",
            "tsallis": "renyi:Tsallis",
            "alpha": "alpha:Alpha",
            "density_power": "density_power:DensityPower",
            "gamma": "density_power:Gamma",
            "squared_l2": "squared_l2:SquaredL2",
            "cosine": "squared_l2:Cosine",
            "cauchy_schwarz": "squared_l2:CauchySchwarz",
            "fisher": "fisher:Fisher",
        }.items()
    }


@hookimpl
def kldiv_targets() -> Mapping[str, Lazy]:
    """The built-in targets: simple ones, shapes in the plane, data and posteriors."""
    return {
        name: _offered(f"targets.{name}", f"targets.{place}:{name}")
        for name, place in {
            "coin": "discrete",
            "normal": "normal",
            "correlated_normal": "normal",
            "bimodal": "mixtures",
            "normal_sum": "mixtures",
            "mixture": "mixtures",
            "student_t": "normal",
            "cauchy": "normal",
            "banana": "bent",
            "funnel": "bent",
            "ring": "arcs",
            "two_moons": "arcs",
            "poisson": "discrete",
            "samples": "samples",
            "eight_schools": "eight_schools",
            "logistic_regression": "logistic_regression",
        }.items()
    }


@hookimpl
def kldiv_families() -> Mapping[str, Lazy]:
    """The built-in families: counts, normal ones, other scalars, vectors, mixtures."""
    return {
        name: _offered(f"families.{name}", f"families.{place}")
        for name, place in {
            "bernoulli": "discrete:Bernoulli",
            "categorical": "discrete:Categorical",
            "poisson": "discrete:Poisson",
            "geometric": "discrete:Geometric",
            "binomial": "discrete:Binomial",
            "normal": "normal:Normal",
            "isotropic_normal": "normal:IsotropicNormal",
            "diagonal_normal": "normal:DiagonalNormal",
            "full_normal": "normal:FullNormal",
            "low_rank_normal": "low_rank_normal:LowRankNormal",
            "laplace": "tails:Laplace",
            "student_t": "tails:StudentT",
            "lognormal": "normal:LogNormal",
            "gamma": "gamma:Gamma",
            "beta": "gamma:Beta",
            "exponential": "gamma:Exponential",
            "gumbel": "extremes:Gumbel",
            "von_mises": "von_mises:VonMises",
            "weibull": "extremes:Weibull",
            "dirichlet": "gamma:Dirichlet",
            "uniform": "uniform:Uniform",
            "normal_mixture": "normal_mixture:NormalMixture",
        }.items()
    }


@hookimpl
def kldiv_closed_forms() -> Iterable[Lazy]:
    """The built-in closed forms, besides those of torch."""
    return [
        Lazy(f"kldiv.builtin.closed_forms.{place}:CLOSED_FORMS", types=tuple(types.split()))
        for place, types in _TYPES.items()
    ]


def _offered(name: str, place: str) -> Lazy:
    example = _EXAMPLES.get(name)
    return Lazy(f"kldiv.builtin.{place}", examples=(example,) if example else ())
