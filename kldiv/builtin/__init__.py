"""The built-in plugin: divergences, targets, families and closed forms, like any plugin's.

This is its front module. It names the items and imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kldiv.hookspecs import hookimpl

__all__: list[str] = []


@hookimpl
def kldiv_divergences() -> Mapping[str, str]:
    """The built-in divergences, related ones together."""
    return {
        name: f"kldiv.builtin.divergences.{place}"
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
def kldiv_targets() -> Mapping[str, str]:
    """The built-in targets, the simplest first."""
    return {
        name: f"kldiv.builtin.targets.{place}:{name}"
        for name, place in {
            "coin": "discrete",
            "poisson": "discrete",
            "normal": "normal",
            "student_t": "normal",
            "cauchy": "normal",
            "correlated_normal": "normal",
            "bimodal": "mixtures",
            "mixture": "mixtures",
            "normal_sum": "mixtures",
            "samples": "samples",
        }.items()
    }


@hookimpl
def kldiv_families() -> Mapping[str, str]:
    """The built-in families: on integers, on the line, on parts of it, of vectors, mixtures."""
    return {
        name: f"kldiv.builtin.families.{place}"
        for name, place in {
            "bernoulli": "discrete:Bernoulli",
            "categorical": "discrete:Categorical",
            "binomial": "discrete:Binomial",
            "poisson": "discrete:Poisson",
            "geometric": "discrete:Geometric",
            "normal": "normal:Normal",
            "laplace": "tails:Laplace",
            "student_t": "tails:StudentT",
            "lognormal": "normal:LogNormal",
            "exponential": "gamma:Exponential",
            "gamma": "gamma:Gamma",
            "beta": "gamma:Beta",
            "isotropic_normal": "normal:IsotropicNormal",
            "diagonal_normal": "normal:DiagonalNormal",
            "full_normal": "normal:FullNormal",
            "dirichlet": "gamma:Dirichlet",
            "normal_mixture": "normal_mixture:NormalMixture",
        }.items()
    }


@hookimpl
def kldiv_closed_forms() -> Iterable[str]:
    """The built-in closed forms, besides those of torch."""
    places = ("gaussian", "location_scale", "exponential_families", "categories", "moments")
    return [f"kldiv.builtin.closed_forms.{place}:CLOSED_FORMS" for place in places]
