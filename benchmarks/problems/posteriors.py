"""Ten posteriors, and how far any normal distribution is above the best one for each of them."""

from __future__ import annotations

import math

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problems import densities, energies
from benchmarks.problems.energies import Energy, averaged
from benchmarks.problems.shared import Array, LogDensity, Problem, matrix_of

__all__ = ["POSTERIORS", "STRUCTURED", "bound"]

_BEST = {
    ("banana", False): 0.8268260139952436,
    ("banana", True): 0.8268260139952436,
    ("funnel", False): 8.425150907096508,
    ("funnel", True): 8.425150907096508,
    ("schools", False): 7.66430850470452,
    ("schools", True): 7.727601639472878,
    ("logistic", False): -183.58229796428998,
    ("logistic", True): -181.98022495341507,
    ("centred schools", False): 5.857559524706648,
    ("centred schools", True): 6.669896594795315,
    ("Poisson", False): 56.86508118590123,
    ("Poisson", True): 57.04013539759055,
    ("Gaussian process", False): 17.05417618800589,
    ("Gaussian process", True): 17.29998077853042,
    ("ordinal", False): -212.52649690561165,
    ("ordinal", True): -211.81718509188792,
    ("mixture", False): -125.63885580436552,
    ("mixture", True): -124.93479849887433,
    ("volatility", False): 90.26132006337181,
    ("volatility", True): 91.41636416467207,
}
"""The largest evidence bounds, by mean-field and by full-rank normals, as scored here: of averages
over points that of the best member on many other points, by ``benchmarks.posteriors.optimum``."""


def bound(energy: Energy, mean: Array, scale: Array) -> float:
    """The evidence bound of a normal distribution, from a scale or a root."""
    root = matrix_of(scale)
    entropy = np.log(np.abs(np.diag(root))).sum() + 0.5 * len(root) * (1 + math.log(2 * math.pi))
    return float(energy(mean, root) + entropy)


def _problem(
    name: str,
    size: int,
    density: Callable[[Any, str], LogDensity],
    energy: Energy | None = None,
) -> Problem:
    mean_of = energy or averaged(density, size)

    def excess(mean: Array, scale: Array, full: bool) -> float:
        return _BEST[name, full] - bound(mean_of, mean, scale)

    return Problem(name, size, density, excess, start=0.5)


POSTERIORS = {
    each.name: each
    for each in (
        _problem("banana", 2, densities.banana, energies.of_banana),
        _problem("funnel", 10, densities.funnel, energies.of_funnel),
        _problem("schools", 10, densities.schools, energies.of_schools),
        _problem("logistic", 21, densities.logistic_regression, energies.of_logistic),
        _problem("centred schools", 10, densities.centred_schools, energies.of_centred_schools),
        _problem("Poisson", 6, densities.poisson_regression, energies.of_counts),
        _problem("Gaussian process", 3, densities.gaussian_process),
        _problem("ordinal", 7, densities.ordinal_regression),
        _problem("mixture", 5, densities.mixture),
        _problem("volatility", 103, densities.stochastic_volatility),
    )
}
STRUCTURED = tuple(POSTERIORS)[:6]
"""Those whose evidence bounds are known in closed form or by integrals on a line: what that takes
is declared in ``benchmarks.problems.declarations``."""
